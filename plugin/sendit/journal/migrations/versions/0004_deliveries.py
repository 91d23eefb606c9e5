"""What of a batch goes where; recalls; originals that are to be deleted; what was pruned."""

import sqlalchemy as sa
from alembic import op

from sendit.journal.tables import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("modalities", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("deliveries", sa.Column("removed", sa.Integer(), server_default="0", nullable=False))
    op.add_column("batches", sa.Column("originals", sa.String(length=16), nullable=True))
    op.add_column("batches", sa.Column("pruned_at", UtcDateTime(), nullable=True))
    op.create_table(
        "recalled_patients",
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "patient_id", name=op.f("pk_recalled_patients")),
    )
