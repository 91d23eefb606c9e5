"""Many workers on one database: whose batch it is, who leads, who sends to a destination; and what was imported."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("batches", "nodes"):
        op.add_column(table, sa.Column("home", sa.String(64), nullable=False, server_default=""))
    op.add_column("imports", sa.Column("executor", sa.String(128), nullable=False, server_default=""))
    op.add_column("routes", sa.Column("backfill", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.drop_index("uq_batches_receiving", "batches")
    receiving = sa.text("state = 'RECEIVING'")
    op.create_index(
        "uq_batches_receiving",
        "batches",
        ["study", "home"],
        unique=True,
        sqlite_where=receiving,
        postgresql_where=receiving,
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(160), nullable=False),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "paces",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_paces")),
    )
