"""Passports as they were signed, and the public keys of the projects that sign them."""

import sqlalchemy as sa
from alembic import op

from sendit.journal.tables import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passport_keys",
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("public", sa.String(length=64), nullable=False),
        sa.Column("made", sa.String(length=20), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("project", "number", name=op.f("pk_passport_keys")),
    )
    op.create_table(
        "passports",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_passports_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "destination", name=op.f("pk_passports")),
    )
