"""The tables of the journal. Only this package writes them; migrations/ holds how they came to be.

No table holds what is in a DICOM file in clear: studies and instances stand by Orthanc's identifiers, outputs by coded
UIDs. The imports hold the names of folders and files as they came; where these name patients, so does the database.
(Orthanc's identifiers are digests of the original ones. The database is protected like the originals: 0600.)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class UtcDateTime(sa.TypeDecorator[datetime]):
    """Aware datetimes in UTC; SQLite has no time zones of its own."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("study", sa.String(44), nullable=False, index=True),  # Orthanc's identifier
    sa.Column("project", sa.String(64)),  # NULL: not known yet, or none matches
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("reason", sa.Text),
    sa.Column("received", sa.Integer, nullable=False, server_default="0"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("follows", sa.Integer, sa.ForeignKey("batches.id")),
    sa.Column("last_update", sa.String(32)),  # the study's LastUpdate in Orthanc when its instances were listed
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("manifest", sa.String(64)),  # the end of the chain of its receipts; NULL until it was de-identified
    sa.Column("originals", sa.String(16)),  # NULL: they stay; DUE to be deleted from Orthanc; DELETED; KEPT after all
    sa.Column("pruned_at", UtcDateTime),  # when its receipts and its story were deleted (Retention.JournalDays)
    sqlite_autoincrement=True,
)

# One open batch a study: two workers that see the first instance open it once.
sa.Index(
    "uq_batches_receiving",
    batches.c.study,
    unique=True,
    sqlite_where=batches.c.state == "RECEIVING",
    postgresql_where=batches.c.state == "RECEIVING",
)

instances = sa.Table(
    "instances",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), nullable=False, index=True),
    sa.Column("project", sa.String(64), nullable=False, server_default=""),  # "" as long as none matches
    sa.Column("instance", sa.String(44), nullable=False, index=True),  # Orthanc's identifier
    sa.Column("generation", sa.Integer, nullable=False, server_default="0"),  # counts overwritten contents
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("input_sha256", sa.String(64)),
    sa.Column("sop_instance_uid", sa.String(64)),  # coded
    sa.Column("receipt", sa.JSON),
    # An instance is covered once for each project, whoever lists it.
    sa.UniqueConstraint("project", "instance", "generation"),
    sa.Index("ix_instances_project_sop_instance_uid", "project", "sop_instance_uid"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True),
    sa.Column("destination", sa.String(64), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sent", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("modalities", sa.JSON(none_as_null=True)),  # what of the batch goes there; NULL: all
    sa.Column("removed", sa.Integer, nullable=False, server_default="0"),  # instances that a recall removed
)

#: Patients whose studies were recalled: nothing of them leaves for this project any more.
recalled_patients = sa.Table(
    "recalled_patients",
    metadata,
    sa.Column("project", sa.String(64), primary_key=True),
    sa.Column("patient_id", sa.String(64), primary_key=True),  # coded
    sa.Column("at", UtcDateTime, nullable=False),
)

#: What happened to a batch, in words, for the person who looks at it.
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)

#: Projects that have coded something: their key may never be made anew.
projects = sa.Table(
    "projects",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("key_fingerprint", sa.String(64), nullable=False),
    sa.Column("first_used_at", UtcDateTime, nullable=False),
)

#: Which project an import named for a study: it goes before the projects' Match.
routes = sa.Table(
    "routes",
    metadata,
    sa.Column("study", sa.String(44), primary_key=True),
    sa.Column("project", sa.String(64), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
)

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("directory", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # RUNNING, DONE, ERRORS, INTERRUPTED
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
)

import_files = sa.Table(
    "import_files",
    metadata,
    sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),  # relative to the directory
    sa.Column("fate", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("study", sa.String(44)),
)

#: Small facts with a name: the last change read from Orthanc.
marks = sa.Table(
    "marks",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

#: The workers that are alive; work of any other one is taken over.
nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("executor", sa.String(128), primary_key=True),
    sa.Column("seen_at", UtcDateTime, nullable=False),
)

#: Originals and their codes. The original is sealed under a key outside the database, and found by a keyed digest.
crosswalk = sa.Table(
    "crosswalk",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),  # patient, study, accession
    sa.Column("code", sa.String(64), nullable=False),
    sa.Column("patient", sa.String(64), nullable=False),  # the patient's pseudonym
    sa.Column("original_mac", sa.String(64), nullable=False),  # to find it by
    sa.Column("identity_mac", sa.String(64), nullable=False),  # of the original together with its issuer
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("project", "kind", "code", "patient", "identity_mac"),
    sa.Index("ix_crosswalk_project_original_mac", "project", "original_mac"),
    sa.Index("ix_crosswalk_project_patient", "project", "patient"),
)

#: Projects with a crosswalk: its key may never be made anew; once cut, a project codes nothing more.
crosswalk_projects = sa.Table(
    "crosswalk_projects",
    metadata,
    sa.Column("project", sa.String(64), primary_key=True),
    sa.Column("key_fingerprint", sa.String(64), nullable=False),
    sa.Column("cut_at", UtcDateTime),  # when cutting began
    sa.Column("cut_done_at", UtcDateTime),  # NULL: it did not come to its end; `sendit cut-ties` goes on
)

#: Studies of projects whose ties were cut. Their batches do not name them any more, and they are not taken up anew.
cut_studies = sa.Table(
    "cut_studies",
    metadata,
    sa.Column("study", sa.String(44), primary_key=True),  # Orthanc's identifier
    sa.Column("project", sa.String(64), primary_key=True),
)

#: Who looked into the crosswalk, and why.
lookups = sa.Table(
    "lookups",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("who", sa.String(128), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),  # patient, original, export, cut-ties
    sa.Column("subject", sa.String(64), nullable=False),  # a code, or the keyed digest of an original
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("found", sa.Integer, nullable=False),
)
