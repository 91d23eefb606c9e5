"""Indexes of the audit log by act: in a million entries, an act that nobody did took seconds to look for."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
compatible = True  # only indexes


def upgrade() -> None:
    op.create_index("ix_audit_action", "audit", ["action"])
    op.create_index("ix_audit_actor_action", "audit", ["actor", "action"])
