"""Where a batch's study comes from, and how to know its output again."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("coded_study", sa.String(length=64), nullable=True))
    op.add_column("batches", sa.Column("coded_patient", sa.String(length=64), nullable=True))
    op.add_column("batches", sa.Column("copied_from", sa.String(length=44), nullable=True))
    for name in ("coded_study", "coded_patient", "copied_from"):
        op.create_index(op.f(f"ix_batches_{name}"), "batches", [name])
    _fill()


def _fill() -> None:
    """Fill the new columns from the receipts of the batches."""
    i = sa.table("instances", sa.column("id"), sa.column("batch_id"), sa.column("receipt", sa.JSON))
    b = sa.table("batches", *(sa.column(name) for name in ("id", "coded_study", "coded_patient")))
    connection = op.get_bind()
    filled: set[int] = set()
    rows = connection.execute(sa.select(i.c.batch_id, i.c.receipt).order_by(i.c.id)).all()
    for batch_id, receipt in rows:
        if receipt and batch_id not in filled:
            filled.add(batch_id)
            values = {"coded_study": receipt["study_instance_uid"], "coded_patient": receipt["patient_id"]}
            connection.execute(sa.update(b).where(b.c.id == batch_id).values(**values))
