"""Cohorts that are pulled from a PACS: their rows, and the studies that these mean."""

import sqlalchemy as sa
from alembic import op

from sendit.journal.tables import UtcDateTime

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pulls",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("list", sa.String(length=64), nullable=False),
        sa.Column("executor", sa.String(length=128), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("only_check", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime()),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pulls")),
    )
    op.create_index(op.f("ix_pulls_state"), "pulls", ["state"])
    op.create_table(
        "pull_rows",
        sa.Column("pull_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("same_as", sa.Integer()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["pull_id"], ["pulls.id"], name=op.f("fk_pull_rows_pull_id")),
        sa.PrimaryKeyConstraint("pull_id", "line", name=op.f("pk_pull_rows")),
    )
    op.create_table(
        "pull_studies",
        sa.Column("pull_id", sa.Integer(), nullable=False),
        sa.Column("study", sa.String(length=44), nullable=False),
        sa.Column("held", sa.String(length=44), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("expected", sa.Integer()),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.ForeignKeyConstraint(["pull_id"], ["pulls.id"], name=op.f("fk_pull_studies_pull_id")),
        sa.PrimaryKeyConstraint("pull_id", "study", name=op.f("pk_pull_studies")),
    )
    op.create_index(op.f("ix_pull_studies_held"), "pull_studies", ["held"])
    op.create_table(
        "pull_matches",
        sa.Column("pull_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("study", sa.String(length=44), nullable=False),
        sa.ForeignKeyConstraint(["pull_id"], ["pulls.id"], name=op.f("fk_pull_matches_pull_id")),
        sa.PrimaryKeyConstraint("pull_id", "line", "study", name=op.f("pk_pull_matches")),
    )
