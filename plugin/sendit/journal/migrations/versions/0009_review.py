"""Reviews: decisions, marks, regions, samples, devices; versions of a batch and their receipts."""

import sqlalchemy as sa
from alembic import op

from sendit.journal.tables import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("deliveries", sa.Column("replaces", sa.Integer(), nullable=False, server_default="0"))
    _batches_and_decisions()
    _instances()
    _devices_and_versions()


def _batches_and_decisions() -> None:
    op.create_table(
        "reviewed_batches",
        sa.Column("batch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("by_chance", sa.Boolean(), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_reviewed_batches_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_reviewed_batches")),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=True),
        sa.Column("details", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_reviews_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index(op.f("ix_reviews_batch_id"), "reviews", ["batch_id"])
    op.create_table(
        "review_samples",
        sa.Column("batch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("missed", sa.Boolean(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_review_samples_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "modality", "plan_sha256", name=op.f("pk_review_samples")),
    )
    op.create_index(op.f("ix_review_samples_project"), "review_samples", ["project"])


def _instances() -> None:
    op.create_table(
        "review_marks",
        sa.Column("instance_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("output_sha256", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_review_marks_instance_id")),
        sa.PrimaryKeyConstraint("instance_id", "actor", name=op.f("pk_review_marks")),
    )
    op.create_index(op.f("ix_review_marks_batch_id"), "review_marks", ["batch_id"])
    op.create_table(
        "review_regions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("drawn", sa.JSON(), nullable=False),
        sa.Column("false", sa.JSON(), nullable=False),
        sa.Column("undrawn", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_review_regions_instance_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_regions")),
    )
    op.create_index(op.f("ix_review_regions_batch_id"), "review_regions", ["batch_id"])


def _devices_and_versions() -> None:
    op.create_table(
        "review_devices",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("study", sa.String(length=44), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_devices")),
        sa.UniqueConstraint("project", "device", "study", name=op.f("uq_review_devices_project_device_study")),
    )
    op.create_table(
        "former_receipts",
        sa.Column("instance_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_former_receipts_instance_id")),
        sa.PrimaryKeyConstraint("instance_id", "version", name=op.f("pk_former_receipts")),
    )
    op.create_index(op.f("ix_former_receipts_batch_id"), "former_receipts", ["batch_id"])
