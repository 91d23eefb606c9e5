"""The high-water mark's counts; recalls apart from batches; who acted and why; no names of files in clear."""

import hashlib
import hmac
import secrets
import uuid

import sqlalchemy as sa
from alembic import context, op

from sendit.journal.tables import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TOGETHER = 1000


def upgrade() -> None:
    _acts()
    _high_water()
    _imports()
    _import_files()
    # What was held with its batch before it was worked on counts as held.
    op.execute(
        "UPDATE instances SET state = 'QUARANTINED', reason = 'held with the rest of its batch' WHERE state = 'PENDING'"
        " AND batch_id IN (SELECT id FROM batches WHERE state = 'QUARANTINED')"
    )


def _acts() -> None:
    for table in ("events", "imports"):
        op.add_column(table, sa.Column("actor", sa.String(128), server_default="system", nullable=False))
    op.add_column("events", sa.Column("reason", sa.Text(), nullable=True))
    op.create_table(
        "acts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acts")),
    )


def _high_water() -> None:
    op.create_table(
        "recalled_studies",
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("study", sa.String(44), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "study", name=op.f("pk_recalled_studies")),
    )
    counts = [
        sa.Column(n, sa.Integer(), server_default="0", nullable=False) for n in ("begun", "released", "withdrawn")
    ]
    op.create_table(
        "high_water",
        sa.Column("project", sa.String(64), nullable=False),
        *counts,
        sa.PrimaryKeyConstraint("project", name=op.f("pk_high_water")),
    )
    op.execute(
        "INSERT INTO recalled_studies (project, study, at) SELECT project, study, max(changed_at) FROM batches"
        " WHERE state IN ('RECALLING', 'RECALLED', 'RECALL_FAILED') AND project IS NOT NULL AND study NOT LIKE 'cut-%'"
        " GROUP BY project, study"
    )
    op.execute(
        "INSERT INTO high_water (project, begun, released, withdrawn) SELECT b.project,"
        " sum(CASE WHEN b.state <> 'RECEIVING' THEN 1 ELSE 0 END),"
        " sum(CASE WHEN b.manifest IS NOT NULL THEN 1 ELSE 0 END),"
        " (SELECT count(*) FROM recalled_studies s WHERE s.project = b.project)"
        " + (SELECT count(*) FROM recalled_patients p WHERE p.project = b.project)"
        " + (SELECT count(*) FROM crosswalk_projects x WHERE x.project = b.project AND x.cut_done_at IS NOT NULL)"
        " FROM batches b WHERE b.project IS NOT NULL GROUP BY b.project"
    )
    marks = sa.table("marks", sa.column("name"), sa.column("value"))
    op.execute(sa.insert(marks).values(name="journal.id", value=uuid.uuid4().hex))
    op.execute(sa.insert(marks).values(name="scour", value="due"))


def _sealer() -> object:
    """(project, name) → its keyed digest, and the name sealed. Without keys at hand the names are gone for good."""
    given = context.config.attributes.get("seal")
    if given is not None:
        return given
    key = secrets.token_bytes(32)

    def digest(project: str, name: str) -> tuple[str, bytes | None]:
        content = f"{project}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.new(key, content, hashlib.sha256).hexdigest(), None

    return digest


def _imports() -> None:
    for name in ("folder", "directory"):
        op.add_column("imports", sa.Column(f"{name}_mac", sa.String(64), server_default="", nullable=False))
        op.add_column("imports", sa.Column(f"{name}_sealed", sa.LargeBinary(), nullable=True))
    connection, seal = op.get_bind(), _sealer()
    rows = connection.execute(sa.text("SELECT id, project, folder, directory FROM imports WHERE folder <> ''")).all()
    for number, project, folder, directory in rows:
        values = {"id": number}
        for column, name in (("folder", folder), ("directory", directory)):
            values[f"{column}_mac"], values[f"{column}_sealed"] = seal(project, name)  # type: ignore[operator]
        connection.execute(
            sa.text(
                "UPDATE imports SET folder_mac = :folder_mac, folder_sealed = :folder_sealed,"
                " directory_mac = :directory_mac, directory_sealed = :directory_sealed WHERE id = :id"
            ),
            values,
        )
    op.drop_column("imports", "folder")
    op.drop_column("imports", "directory")


def _import_files() -> None:
    files = op.create_table(
        "import_files_sealed",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("path_mac", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("fate", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("study", sa.String(44), nullable=True),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_import_files_sealed_import_id"),
        sa.PrimaryKeyConstraint("import_id", "path_mac", name="pk_import_files_sealed"),
    )
    connection, seal = op.get_bind(), _sealer()
    query = "SELECT f.import_id, m.project, f.path, f.fate, f.reason, f.study FROM import_files f"
    rows = connection.execute(sa.text(f"{query} JOIN imports m ON m.id = f.import_id"))
    while some := rows.fetchmany(_TOGETHER):
        made = []
        for number, project, path, fate, reason, study in some:
            mac, sealed = seal(project, path)  # type: ignore[operator]
            made.append({"import_id": number, "path_mac": mac, "sealed": sealed, "fate": fate, "reason": reason,
                         "study": study})  # fmt: skip
        connection.execute(sa.insert(files), made)
    op.drop_table("import_files")
    op.rename_table("import_files_sealed", "import_files")
