"""The crosswalk, and who looked into it."""

import sqlalchemy as sa
from alembic import op

from sendit.journal.tables import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crosswalk",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("original_mac", sa.String(length=64), nullable=False),
        sa.Column("identity_mac", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crosswalk")),
        sa.UniqueConstraint(
            "project",
            "kind",
            "code",
            "patient",
            "identity_mac",
            name=op.f("uq_crosswalk_project_kind_code_patient_identity_mac"),
        ),
    )
    op.create_index("ix_crosswalk_project_original_mac", "crosswalk", ["project", "original_mac"])
    op.create_index("ix_crosswalk_project_patient", "crosswalk", ["project", "patient"])
    op.create_table(
        "crosswalk_projects",
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("key_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("cut_at", UtcDateTime(), nullable=True),
        sa.Column("cut_done_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("project", name=op.f("pk_crosswalk_projects")),
    )
    op.create_table(
        "cut_studies",
        sa.Column("study", sa.String(length=44), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("study", "project", name=op.f("pk_cut_studies")),
    )
    op.create_table(
        "lookups",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lookups")),
    )
