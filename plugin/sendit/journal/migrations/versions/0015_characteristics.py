"""What of each study's outputs could help to single a patient out, in coarse classes."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "characteristics",
        sa.Column("batch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_characteristics_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_characteristics")),
    )
