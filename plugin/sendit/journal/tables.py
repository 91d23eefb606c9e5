"""The tables of the journal. Only this package writes them; migrations/ holds how they came to be.

No table holds what is in a DICOM file in clear: studies and instances stand by Orthanc's identifiers, outputs by coded
UIDs; of outputs there are only the coarse classes of `characteristics`. Names of imported folders and files often name
patients: they stand as keyed digests, and sealed as the crosswalk is (`sendit.pipeline.file_names`). Orthanc's
identifiers are digests of the original ones, so the database is protected like the originals: 0600.

Where the name of a table or column is an earlier word than the code has (`key=`), the database keeps it: renaming would
be a migration that former versions cannot work beside.

One module, however long: whoever changes a table, or compares a database with the schema, looks at all of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class UtcDateTime(sa.TypeDecorator[datetime]):
    """Aware datetimes in UTC; SQLite has no time zones of its own."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        """Convert a time to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        """Return a time in UTC."""
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
    sa.Column("study", sa.String(44), nullable=False),  # Orthanc's identifier
    sa.Column("project", sa.String(64)),  # NULL: not known yet, or none matches
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("received", sa.Integer, nullable=False, server_default="0"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("follows", sa.Integer, sa.ForeignKey("batches.id"), index=True),
    sa.Column("last_update", sa.String(32)),  # the study's LastUpdate in Orthanc when its instances were listed
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False, index=True),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("manifest", sa.String(64)),  # the end of the chain of its receipts; NULL until it was de-identified
    sa.Column("originals", sa.String(16)),  # NULL: they stay; DUE to be deleted from Orthanc; DELETED; KEPT after all
    sa.Column("coded_study", sa.String(64), index=True),  # the StudyInstanceUID and the pseudonym of its output,
    sa.Column("coded_patient", sa.String(64), index=True),  # by which that is known when it comes back
    sa.Column("copied_from", sa.String(44), index=True),  # the study of which Orthanc made this one
    sa.Column("pruned_at", UtcDateTime),  # when its receipts and its history were deleted (Retention.JournalDays)
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),  # 2 once it was processed again after DONE
    sa.Column("size", sa.BigInteger),  # bytes of its outputs; NULL until it was de-identified
    sa.Column("home", sa.String(64), nullable=False, server_default=""),  # whose worker does it; "": not known yet
    # The next two are written by the triggers of `lists.counts`, whoever changes the state.
    sa.Column("ended_at", UtcDateTime, index=True),  # NULL as long as SendIt has work to do on it
    sa.Column("unseen", sa.Integer, nullable=False, server_default="0"),  # 1: it waits for a person's look
    # Each list of batches is read in the order of their numbers (`lists.pages`).
    # SQLite, which keeps no statistics, would search the study of a project among all batches of the project.
    sa.Index("ix_batches_study_project_id", "study", "project", "id"),
    sa.Index("ix_batches_state_id", "state", "id"),
    sa.Index("ix_batches_project_id", "project", "id"),
    sa.Index("ix_batches_project_state_id", "project", "state", "id"),
    sa.Index("ix_batches_opened_at_id", "opened_at", "id"),
    sqlite_autoincrement=True,
)

# One open batch a study in each home: two workers that see the first instance open it once.
sa.Index(
    "uq_batches_receiving",
    batches.c.study,
    batches.c.home,
    unique=True,
    sqlite_where=batches.c.state == "RECEIVING",
    postgresql_where=batches.c.state == "RECEIVING",
)

# Few at any time, among many. SQLite uses such an index only if the query has the same words (`UNSEEN`, `UNPRUNED`).
# It would rather take one on `state` where it can: hence coalesce.
UNSEEN = "unseen = 1"
UNPRUNED = "pruned_at IS NULL AND coalesce(state, '') IN ('DONE', 'EMPTY', 'RECALLED', 'CANCELLED')"
for _name, _column, _where in (
    ("ix_batches_unseen", batches.c.id, UNSEEN),
    ("ix_batches_unpruned", batches.c.changed_at, UNPRUNED),
    ("ix_batches_originals", batches.c.originals, "originals IS NOT NULL"),
):
    sa.Index(_name, _column, sqlite_where=sa.text(_where), postgresql_where=sa.text(_where))

#: The modalities of a batch's outputs.
batch_modalities = sa.Table(
    "batch_modalities",
    metadata,
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    sa.Column("modality", sa.String(16), primary_key=True),
    sa.Index("ix_batch_modalities_modality_batch_id", "modality", "batch_id"),
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
    sa.Column("replaces", sa.Integer, nullable=False, server_default="0"),  # the version that is there; 0: none
    sa.Index("ix_deliveries_changed_at", "changed_at"),
    sa.Index("ix_deliveries_state_destination_batch_id", "state", "destination", "batch_id"),
    sa.Index("ix_deliveries_destination_batch_id", "destination", "batch_id"),
)
_FAILED_ONCE = sa.text("last_error IS NOT NULL")
sa.Index("ix_deliveries_errors", deliveries.c.destination, deliveries.c.changed_at,
         sqlite_where=_FAILED_ONCE, postgresql_where=_FAILED_ONCE)  # fmt: skip

#: Patients whose studies were recalled: nothing of them leaves for this project any more.
recalled_patients = sa.Table(
    "recalled_patients",
    metadata,
    sa.Column("project", sa.String(64), primary_key=True),
    sa.Column("patient_id", sa.String(64), primary_key=True),  # coded
    sa.Column("at", UtcDateTime, nullable=False),
)

#: Studies that were recalled, apart from their batches: a journal out of a backup may not know the batches.
recalled_studies = sa.Table(
    "recalled_studies",
    metadata,
    sa.Column("project", sa.String(64), primary_key=True),
    sa.Column("study", sa.String(44), primary_key=True),  # Orthanc's identifier
    sa.Column("at", UtcDateTime, nullable=False),
)

#: Counts that only grow. The high-water mark is written from them (`sendit.pipeline.backups.high_water`).
high_water = sa.Table(
    "high_water",
    metadata,
    sa.Column("project", sa.String(64), primary_key=True),
    sa.Column("begun", sa.Integer, nullable=False, server_default="0"),  # batches queued
    sa.Column("released", sa.Integer, nullable=False, server_default="0"),  # batches released for their destinations
    sa.Column("withdrawn", sa.Integer, nullable=False, server_default="0"),  # recalled studies, patients; unlinked
)

#: History of a batch, in words, for the person who looks at it.
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False, server_default="system"),  # who did it
    sa.Column("reason", sa.Text),  # why, in the words of a person
)

#: Acts of persons: appended, never changed (triggers refuse it), and chained by `hash` (`sendit.journal.audit`).
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # 1, 2, 3, … without a gap
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("project", sa.String(64)),
    # The content: it can be blanked, and nothing else, when the project is unlinked.
    sa.Column("batch_id", sa.Integer),
    sa.Column("subject", sa.String(128), nullable=False),  # what was acted on, by a code or a number
    sa.Column("reason", sa.Text, nullable=False),  # why, in the words of a person
    sa.Column("details", sa.JSON(none_as_null=True)),
    sa.Column("salt", sa.String(32), nullable=False),  # "" where the content was blanked
    sa.Column("content_sha256", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Index("ix_audit_batch_id_subject", "batch_id", "subject"),  # those of a batch are few
    # One for each filter, in the order of the list: what is frequent alone may be rare together, or at that time.
    sa.Index("ix_audit_action_at", "action", "at"),
    sa.Index("ix_audit_actor_at", "actor", "at"),
    sa.Index("ix_audit_project_at", "project", "at"),
    sa.Index("ix_audit_actor_action_at", "actor", "action", "at"),
    sa.Index("ix_audit_project_action_at", "project", "action", "at"),
    sa.Index("ix_audit_project_actor_at", "project", "actor", "at"),
    sa.Index("ix_audit_project_actor_action_at", "project", "actor", "action", "at"),
)

#: Projects that have coded something: their key may never be made anew.
projects = sa.Table(
    "projects",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("key_fingerprint", sa.String(64), nullable=False),
    sa.Column("first_used_at", UtcDateTime, nullable=False),
)

#: The rules of projects: what each plan was compiled from, since a batch was first de-identified by it.
rules = sa.Table(
    "rules",
    metadata,
    sa.Column("project", sa.String(64), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),  # of the plan, as receipts have it
    sa.Column("first_used_at", UtcDateTime, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),  # options, recipes and how instances are handled, as configured
)

#: Which project an import named for a study: it goes before the projects' Match.
routes = sa.Table(
    "routes",
    metadata,
    sa.Column("study", sa.String(44), primary_key=True),
    sa.Column("project", sa.String(64), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("backfill", sa.Boolean, nullable=False, server_default=sa.false()),  # imported or pulled: others go first
)

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("folder_mac", sa.String(64), nullable=False),  # keyed, to find it by
    sa.Column("directory_mac", sa.String(64), nullable=False),
    sa.Column("folder_sealed", sa.LargeBinary),  # NULL: the project keeps no crosswalk, so nobody is to read it
    sa.Column("directory_sealed", sa.LargeBinary),
    sa.Column("actor", sa.String(128), nullable=False, server_default="system"),
    sa.Column("state", sa.String(16), nullable=False, index=True),  # RUNNING, DONE, ERRORS, INTERRUPTED
    sa.Column("executor", sa.String(128), nullable=False, server_default=""),  # the worker that reads the files
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
)

import_files = sa.Table(
    "import_files",
    metadata,
    sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("path_mac", sa.String(64), primary_key=True),  # keyed; the path is relative to the directory
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("fate", sa.String(16), nullable=False, key="outcome"),
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
    sa.Column("home", sa.String(64), nullable=False, server_default=""),  # whose batches it does
)

#: Things that one worker at a time may do: lead, or send to a destination. A lease that nobody renews ends.
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(160), primary_key=True),
    sa.Column("holder", sa.String(128), nullable=False),  # the worker
    sa.Column("until", UtcDateTime, nullable=False),
)

#: When the next byte may leave for a destination with a BytesPerSecond that several workers share.
paces = sa.Table(
    "paces",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("free_at", UtcDateTime, nullable=False),
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

#: Projects with a crosswalk: its key may never be made anew; once unlinked, a project codes nothing more.
crosswalk_projects = sa.Table(
    "crosswalk_projects",
    metadata,
    sa.Column("project", sa.String(64), primary_key=True),
    sa.Column("key_fingerprint", sa.String(64), nullable=False),
    sa.Column("cut_at", UtcDateTime, key="unlinked_at"),  # when unlinking began
    sa.Column("cut_done_at", UtcDateTime, key="unlinked_done_at"),  # NULL: interrupted; `sendit unlink` goes on
)

#: Studies of unlinked projects. Their batches no longer name them, and they are not queued again.
unlinked_studies = sa.Table(
    "cut_studies",
    metadata,
    sa.Column("study", sa.String(44), primary_key=True),  # Orthanc's identifier
    sa.Column("project", sa.String(64), primary_key=True),
)

#: Who has seen what is held or failed, in the state that it was in then.
acknowledgements = sa.Table(
    "acknowledgements",
    metadata,
    sa.Column("kind", sa.String(8), primary_key=True),  # batch, import
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, nullable=False),  # of the batch; 0 for an import
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

#: Batches that a person had, or has, to accept, and why.
reviewed_batches = sa.Table(
    "reviewed_batches",
    metadata,
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("by_chance", sa.Boolean, nullable=False),  # nothing but the project's share, or all, chose it
    sa.Column("persons", sa.Integer, nullable=False),  # how many have to accept it
)

#: Decisions of persons about batches under review.
reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),  # of the batch, that they had seen
    sa.Column("decision", sa.String(16), nullable=False),  # of `Decision`
    sa.Column("instances", sa.Integer),  # how many it is about; NULL: the whole batch
    sa.Column("details", sa.JSON(none_as_null=True)),  # scope and regions
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("plan_sha256", sa.String(64)),  # of the rules that made what was decided about
)

#: Who accepted which output. It counts as long as the instance has this output.
review_marks = sa.Table(
    "review_marks",
    metadata,
    sa.Column("instance_id", sa.Integer, sa.ForeignKey("instances.id"), primary_key=True, autoincrement=False),
    sa.Column("actor", sa.String(128), primary_key=True),
    sa.Column("batch_id", sa.Integer, nullable=False, index=True),
    sa.Column("output_sha256", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

#: Regions that reviewers drew in an instance, or called false.
review_regions = sa.Table(
    "review_regions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.Integer, nullable=False, index=True),
    sa.Column("instance_id", sa.Integer, sa.ForeignKey("instances.id"), nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),  # of the images that they are in
    sa.Column("columns", sa.Integer, nullable=False),
    sa.Column("drawn", sa.JSON, nullable=False),  # [[x0, y0, x1, y1], …]
    sa.Column("false", sa.JSON, nullable=False),
    sa.Column("undrawn", sa.JSON, nullable=False),  # drawn before, and taken back
)

#: Results of random reviews, by kind of image and rules: the measured residual risk.
review_samples = sa.Table(
    "review_samples",
    metadata,
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    sa.Column("modality", sa.String(16), primary_key=True),
    sa.Column("plan_sha256", sa.String(64), primary_key=True),  # of the first output that was looked at
    sa.Column("project", sa.String(64), nullable=False, index=True),
    sa.Column("instances", sa.Integer, nullable=False),
    sa.Column("missed", sa.Boolean, nullable=False),  # a reviewer found text that was not masked
    sa.Column("ended", sa.Boolean, nullable=False),  # it was accepted or rejected: it counts
)

#: Devices whose studies a project has had, as keyed digests.
review_devices = sa.Table(
    "review_devices",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("device", sa.String(64), nullable=False),
    sa.Column("study", sa.String(44), nullable=False),
    sa.UniqueConstraint("project", "device", "study"),
)

#: Receipts of versions that were replaced at the destinations.
former_receipts = sa.Table(
    "former_receipts",
    metadata,
    sa.Column("instance_id", sa.Integer, sa.ForeignKey("instances.id"), primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("batch_id", sa.Integer, nullable=False, index=True),
    sa.Column("receipt", sa.JSON, nullable=False),
)

#: How many batches and instances each project has in each state, and deliveries each destination: without what
#: `count_changes` adds.
counts = sa.Table(
    "counts",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),  # project, destination, instance
    sa.Column("name", sa.String(64), primary_key=True),  # "": batches of no project
    sa.Column("state", sa.String(16), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("instances", sa.BigInteger, nullable=False),  # that a destination holds, read back
)

#: Changes of `counts`, written by triggers. Rows are only added, so no transaction waits for another one's count.
count_changes = sa.Table(
    "count_changes",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("instances", sa.BigInteger, nullable=False, server_default="0"),
)

#: Totals of deliveries, by day (UTC). They only grow: a recall takes nothing away.
totals = sa.Table(
    "totals",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("project", sa.String(64), primary_key=True),
    sa.Column("destination", sa.String(64), primary_key=True),  # "": batches that all their destinations hold
    sa.Column("studies", sa.Integer, nullable=False),  # batches without those of late instances
    sa.Column("batches", sa.Integer, nullable=False),
    sa.Column("instances", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes
)

#: Pauses that persons have ordered.
pauses = sa.Table(
    "pauses",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),  # project, destination, everything
    sa.Column("name", sa.String(64), primary_key=True),  # "" for everything
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

#: The public keys of projects' passports. Each but the first is signed by the one before it.
passport_keys = sa.Table(
    "passport_keys",
    metadata,
    sa.Column("project", sa.String(64), primary_key=True),  # whose key codes its studies: a variant may share it
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("public", sa.String(64), nullable=False),
    sa.Column("made", sa.String(20), nullable=False),  # as it was signed
    sa.Column("signature", sa.String(128), nullable=False),
)

#: Coarse classes of a batch's outputs that could help to single its patient out (`receipts.characteristics`).
characteristics = sa.Table(
    "characteristics",
    metadata,
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    sa.Column("content", sa.JSON, nullable=False),
)

#: Passports as they were signed, for each destination. Coded values alone; deleted with the receipts.
passports = sa.Table(
    "passports",
    metadata,
    sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    sa.Column("destination", sa.String(64), primary_key=True),
    sa.Column("issued_at", UtcDateTime, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)

#: Cohorts that are pulled from a PACS. Their lists are files, until they end (`sendit.pipeline.watching.pulls`).
pulls = sa.Table(
    "pulls",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),  # name of a modality or DICOMweb server of Orthanc
    sa.Column("kind", sa.String(16), nullable=False),  # modality, dicomweb
    sa.Column("list", sa.String(64), nullable=False),  # name of the file of the list
    sa.Column("executor", sa.String(128), nullable=False),  # the worker that has the list
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("only_check", sa.Boolean, nullable=False),  # nothing is fetched
    sa.Column("state", sa.String(16), nullable=False, index=True),  # of `PullState`
    sa.Column("why", sa.Text, nullable=False),  # what it waits for, or why it ended
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),  # in a row
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
)

#: The rows of their lists.
pull_rows = sa.Table(
    "pull_rows",
    metadata,
    sa.Column("pull_id", sa.Integer, sa.ForeignKey("pulls.id"), primary_key=True, autoincrement=False),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(16), nullable=False),  # of `RowState`, as far as the row itself tells
    sa.Column("same_as", sa.Integer),  # the line of the first row that asks for the same
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary),  # what it asks for; NULL: nobody is to read it
)

#: The studies that they mean. A study that several rows mean stands here once.
pull_studies = sa.Table(
    "pull_studies",
    metadata,
    sa.Column("pull_id", sa.Integer, sa.ForeignKey("pulls.id"), primary_key=True, autoincrement=False),
    sa.Column("study", sa.String(44), primary_key=True),  # Orthanc's identifier, made of what the PACS says
    sa.Column("held", sa.String(44), nullable=False, index=True),  # the one by which Orthanc holds it in fact
    sa.Column("state", sa.String(16), nullable=False),  # of `StudyState`
    sa.Column("expected", sa.Integer),  # images that the PACS has of it; NULL: it does not tell
    sa.Column("images", sa.Integer, nullable=False),  # that have arrived
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("finished_at", UtcDateTime),
)

#: Which rows mean which studies.
pull_matches = sa.Table(
    "pull_matches",
    metadata,
    sa.Column("pull_id", sa.Integer, sa.ForeignKey("pulls.id"), primary_key=True, autoincrement=False),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("study", sa.String(44), primary_key=True),
)
