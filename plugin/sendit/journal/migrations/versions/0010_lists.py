"""Lists of a million batches: indexes, counts, totals by day, modalities and sizes of batches, pauses.

The counts are filled when their triggers are made (`lists.counts`), after all migrations.
"""

import sqlalchemy as sa
from alembic import op

from sendit.journal.tables import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ENDED = "('DONE', 'EMPTY', 'QUARANTINED', 'FAILED', 'CANCELLED', 'RECALLED', 'RECALL_FAILED')"
_INDEXES: dict[str, list[tuple[str, ...]]] = {
    "batches": [
        ("changed_at",), ("ended_at",), ("follows",), ("state", "id"), ("project", "id"), ("project", "state", "id"),
        ("opened_at", "id"), ("study", "project", "id"),
    ],
    "deliveries": [("changed_at",), ("state", "destination", "batch_id"), ("destination", "batch_id")],
    "imports": [("state",)],
}  # fmt: skip
_UNPRUNED = "pruned_at IS NULL AND coalesce(state, '') IN ('DONE', 'EMPTY', 'RECALLED', 'CANCELLED')"
_PARTIAL = [
    ("ix_batches_unseen", "batches", ["id"], "unseen = 1"),
    ("ix_batches_unpruned", "batches", ["changed_at"], _UNPRUNED),
    ("ix_batches_originals", "batches", ["originals"], "originals IS NOT NULL"),
    ("ix_deliveries_errors", "deliveries", ["destination", "changed_at"], "last_error IS NOT NULL"),
]


def upgrade() -> None:
    op.add_column("batches", sa.Column("size", sa.BigInteger(), nullable=True))
    op.add_column("batches", sa.Column("ended_at", UtcDateTime(), nullable=True))
    op.add_column("batches", sa.Column("unseen", sa.Integer(), server_default="0", nullable=False))
    _make_tables()
    _fill()
    op.drop_index("ix_batches_state", "batches")
    op.drop_index("ix_batches_study", "batches")
    for table, indexes in _INDEXES.items():
        for columns in indexes:
            op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))
    for name, table, names, where in _PARTIAL:
        op.create_index(name, table, names, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _make_tables() -> None:
    op.create_table(
        "batch_modalities",
        sa.Column("batch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_batch_modalities_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "modality", name=op.f("pk_batch_modalities")),
    )
    op.create_index("ix_batch_modalities_modality_batch_id", "batch_modalities", ["modality", "batch_id"])
    op.create_table(
        "counts",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("instances", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "state", name=op.f("pk_counts")),
    )
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "count_changes",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("instances", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_count_changes")),
    )
    op.create_table(
        "totals",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("studies", sa.Integer(), nullable=False),
        sa.Column("batches", sa.Integer(), nullable=False),
        sa.Column("instances", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "project", "destination", name=op.f("pk_totals")),
    )
    op.create_table(
        "pauses",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_pauses")),
    )


def _fill() -> None:
    """Fill the tables from what is there. Of pruned batches no receipt is left: their sizes count as 0."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    modality = "i.receipt->>'modality'" if postgresql else "json_extract(i.receipt, '$.modality')"
    size = "(i.receipt->>'output_size')::bigint" if postgresql else "json_extract(i.receipt, '$.output_size')"
    # One pass over the receipts: they are most of the journal.
    op.execute(
        "CREATE TEMPORARY TABLE sendit_sizes AS "
        f"SELECT i.batch_id AS batch_id, coalesce({modality}, '') AS modality, count(*) AS instances, "
        f"coalesce(sum({size}), 0) AS size, sum(CASE WHEN i.state IN ('SENT', 'RECALLED') THEN 1 ELSE 0 END) AS sent, "
        f"coalesce(sum(CASE WHEN i.state IN ('SENT', 'RECALLED') THEN {size} END), 0) AS sent_size "
        f"FROM instances i WHERE {modality} IS NOT NULL GROUP BY 1, 2"
    )
    op.execute("CREATE INDEX sendit_sizes_batch ON sendit_sizes (batch_id)")
    op.execute(
        "INSERT INTO batch_modalities (batch_id, modality) "
        "SELECT batch_id, modality FROM sendit_sizes WHERE modality <> '' AND length(modality) <= 16"
    )
    op.execute(
        "UPDATE batches SET size = (SELECT sum(s.size) FROM sendit_sizes s WHERE s.batch_id = batches.id) "
        "WHERE id IN (SELECT batch_id FROM sendit_sizes)"
    )
    op.execute(f"UPDATE batches SET ended_at = changed_at WHERE state IN {_ENDED}")
    op.execute(
        "UPDATE batches SET unseen = 1 WHERE state IN ('FAILED', 'QUARANTINED', 'RECALL_FAILED') AND NOT EXISTS "
        "(SELECT 1 FROM acknowledgements a WHERE a.kind = 'batch' AND a.number = batches.id "
        "AND a.attempt = batches.attempt AND a.state = batches.state)"
    )
    _fill_totals(postgresql=postgresql)
    op.execute("DROP TABLE sendit_sizes")


def _fill_totals(*, postgresql: bool) -> None:
    """By the day on which a batch, or its delivery, changed last: nothing else tells when it was sent."""
    day = "CAST({0}.changed_at AT TIME ZONE 'UTC' AS date)" if postgresql else "substr({0}.changed_at, 1, 10)"
    late = "CASE WHEN b.follows IS NULL THEN 1 ELSE 0 END"
    taken = "d.modalities IS NULL OR "
    taken += (
        "d.modalities::jsonb ? s.modality" if postgresql
        else "EXISTS (SELECT 1 FROM json_each(d.modalities) m WHERE m.value = s.modality)"
    )  # fmt: skip
    size = f"SELECT sum(s.sent_size) FROM sendit_sizes s WHERE s.batch_id = b.id AND ({taken})"
    op.execute(
        "INSERT INTO totals (day, project, destination, studies, batches, instances, size) "
        f"SELECT {day.format('d')}, b.project, d.destination, sum({late}), count(*), sum(d.sent), "
        f"sum(coalesce(({size}), 0)) FROM deliveries d JOIN batches b ON b.id = d.batch_id "
        "WHERE d.state = 'VERIFIED' AND b.project IS NOT NULL GROUP BY 1, 2, 3"
    )
    mine = "FROM sendit_sizes s WHERE s.batch_id = b.id"
    op.execute(
        "INSERT INTO totals (day, project, destination, studies, batches, instances, size) "
        f"SELECT {day.format('b')}, b.project, '', sum({late}), count(*), "
        f"sum(coalesce((SELECT sum(s.sent) {mine}), 0)), sum(coalesce((SELECT sum(s.sent_size) {mine}), 0)) "
        "FROM batches b WHERE b.state IN ('SENT', 'DONE') AND b.project IS NOT NULL GROUP BY 1, 2, 3"
    )
