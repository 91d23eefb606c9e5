"""The audit log, with what `acts` and `lookups` held. Triggers refuse every change but the blanking of a content."""

import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from sendit.journal.tables import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: What never changes once it is written.
_FIXED = ("number", "at", "actor", "action", "project", "content_sha256", "hash")
_IS_BLANK = "NEW.batch_id IS NULL AND NEW.subject = '' AND NEW.reason = '' AND NEW.details IS NULL AND NEW.salt = ''"
_REFUSAL = "the audit log is append-only"
#: What the actions of `lookups` are called in the audit log.
_ACTIONS = {"patient": "look-up", "original": "look-up", "export": "export-crosswalk", "files": "show-file-names",
            "cut-ties": "unlink"}  # fmt: skip
_INDICES = {"at": ["at"], "actor": ["actor"], "project": ["project"], "batch_id_subject": ["batch_id", "subject"]}


def upgrade() -> None:
    audit = op.create_table(
        "audit",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("project", sa.String(64), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_hash")),
    )
    for name, columns in _INDICES.items():
        op.create_index(op.f(f"ix_audit_{name}"), "audit", columns)
    rows = _chained(_earlier())
    if rows:
        op.get_bind().execute(sa.insert(audit), rows)
    op.drop_table("acts")
    op.drop_table("lookups")
    _refuse_changes()


def _earlier() -> list[dict[str, Any]]:
    """Return what the two tables hold, oldest first."""
    connection = op.get_bind()
    acts = sa.table("acts", *_columns("id", "actor", "action", "reason"))
    lookups = sa.table("lookups", *_columns("id", "project", "who", "action", "subject", "reason", "found"))
    rows = [
        {"at": row.at, "actor": row.actor, "action": row.action.replace(" ", "-"), "project": None, "subject": "",
         "reason": row.reason, "details": None}
        for row in connection.execute(sa.select(acts).order_by(acts.c.id))
    ]  # fmt: skip
    rows += [
        {"at": row.at, "actor": f"cli:{row.who}"[:128], "action": _ACTIONS.get(row.action, row.action),
         "project": row.project, "subject": row.subject, "reason": row.reason, "details": {"found": row.found}}
        for row in connection.execute(sa.select(lookups).order_by(lookups.c.id))
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row["at"])


def _columns(*names: str) -> list[Any]:
    return [sa.column("at", UtcDateTime()), *(sa.column(name) for name in names)]


def _chained(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the rows their numbers, digests and hashes, as `sendit.journal.audit` does for new ones."""
    head = "0" * 64
    for number, row in enumerate(rows, 1):
        salt = secrets.token_bytes(16)
        content = _canonical([None, row["subject"], row["reason"], row["details"]])
        row |= {"number": number, "batch_id": None, "salt": salt.hex()}
        row["content_sha256"] = hmac.new(salt, content, hashlib.sha256).hexdigest()
        values = [number, _text(row["at"]), row["actor"], row["action"], row["project"], row["content_sha256"]]
        row["hash"] = head = hashlib.sha256(head.encode("ascii") + _canonical(values)).hexdigest()
    return rows


def _canonical(values: list[Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode("ascii")


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _refuse_changes() -> None:
    if op.get_bind().dialect.name == "postgresql":
        same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in _FIXED)
        op.execute(
            "CREATE FUNCTION sendit_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF TG_OP = 'UPDATE' THEN IF {same} AND {_IS_BLANK} THEN RETURN NEW; END IF; END IF;"
            f" RAISE EXCEPTION '{_REFUSAL}'; END $$"
        )
        run = "EXECUTE FUNCTION sendit_audit_is_append_only()"
        op.execute(f"CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW {run}")
        op.execute(f"CREATE TRIGGER audit_is_not_truncated BEFORE TRUNCATE ON audit FOR EACH STATEMENT {run}")
        return
    same = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in _FIXED)
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    op.execute(f"CREATE TRIGGER audit_is_append_only BEFORE DELETE ON audit {refuse}")
    op.execute(f"CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit WHEN NOT ({same} AND {_IS_BLANK}) {refuse}")
