"""The audit log is listed in the order of its times: indexes by each filter and the time."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None
compatible = True  # only indexes

_FORMER = ("project", "actor", "action", "actor action")
_FILTERS = ("action", "actor", "project", "actor action", "project action", "project actor", "project actor action")


def upgrade() -> None:
    for columns in map(str.split, _FORMER):
        op.drop_index(f"ix_audit_{'_'.join(columns)}", "audit")
    for columns in map(str.split, _FILTERS):
        op.create_index(f"ix_audit_{'_'.join(columns)}_at", "audit", [*columns, "at"])
