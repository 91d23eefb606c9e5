"""The journal: what SendIt knows to be true. The only writer of its database.

Every write that belongs to an attempt is fenced: it names the attempt, and changes nothing if the journal has moved on
(a worker that was frozen and wakes up finds that another one took over, and gets `Superseded`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.journal.audit import Audit
from sendit.journal.batches import Batches
from sendit.journal.crosswalk import CrosswalkRows
from sendit.journal.database import Seal, open_engine
from sendit.journal.database.faults import JournalFault
from sendit.journal.deliveries import Deliveries
from sendit.journal.facts import Facts
from sendit.journal.high_water import HighWater
from sendit.journal.intake import Intake
from sendit.journal.lists.acknowledgements import Acknowledgements
from sendit.journal.lists.changes import Changes
from sendit.journal.lists.counts import Counts
from sendit.journal.lists.imports import Imports
from sendit.journal.lists.pauses import Pauses
from sendit.journal.lists.pulls import Pulls
from sendit.journal.lists.totals import Totals
from sendit.journal.originals import Originals
from sendit.journal.provenance import ProvenanceRecords
from sendit.journal.recalls import Recalls
from sendit.journal.receipts.characteristics import CharacteristicsRows
from sendit.journal.receipts.passports import StoredPassports
from sendit.journal.release.holds import Cancellations
from sendit.journal.release.reviews import Reviews
from sendit.journal.release.versions import Versions
from sendit.journal.rescheduling import Rescheduling
from sendit.journal.retention import OldBatches
from sendit.journal.unlinking import Unlinking
from sendit.journal.workers.homes import Homes
from sendit.journal.workers.leases import Leases
from sendit.journal.writing import Superseded, log_states

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

__all__ = ["Journal", "JournalFault", "Superseded"]


class Journal:
    """All that is kept, by subject."""

    def __init__(self, engine: sa.Engine, home: str = "") -> None:
        self.engine = engine
        self.home = home
        log_states(engine)
        self.fault: JournalFault | None = None  # it is gone or damaged: nothing may go on
        self.intake = Intake(engine, home)
        self.batches = Batches(engine)
        self.deliveries = Deliveries(engine)
        self.recalls = Recalls(engine)
        self.provenance = ProvenanceRecords(engine)
        self.originals = Originals(engine, home)
        self.retention = OldBatches(engine)
        self.imports = Imports(engine)
        self.facts = Facts(engine)
        self.leases = Leases(engine)
        self.homes = Homes(engine, home)
        self.crosswalk = CrosswalkRows(engine)
        self.unlinking = Unlinking(engine)
        self.acknowledgements = Acknowledgements(engine)
        self.high_water = HighWater(engine)
        self.rescheduling = Rescheduling(engine)
        self.counts = Counts(engine)
        self.totals = Totals(engine)
        self.pauses = Pauses(engine)
        self.pulls = Pulls(engine)
        self.changes = Changes(engine)
        self.reviews = Reviews(engine)
        self.cancellations = Cancellations(engine)
        self.versions = Versions(engine)
        self.audit = Audit(engine)
        self.passports = StoredPassports(engine)
        self.characteristics = CharacteristicsRows(engine)

    @classmethod
    def open(
        cls, database: str, data_directory: Path, *, upgrade: bool = True, seal: Seal | None = None, home: str = ""
    ) -> Journal:
        """Open and migrate; see `database.open_engine` for its arguments and what it raises.

        Args:
            database: the URL, or "sqlite".
            data_directory: the data directory.
            upgrade: bring an older database to our version.
            seal: for the names that an older SendIt kept in clear.
            home: whose batches are to be done; "" where none are.
        """
        opened: list[Journal] = []

        def note(fault: JournalFault) -> None:
            for journal in opened:
                journal.fault = journal.fault or fault

        engine = open_engine(database, data_directory, upgrade=upgrade, seal=seal, on_fault=note, home=home)
        opened.append(cls(engine, home))
        if upgrade:
            opened[0].unlinking.scour_if_due()
        return opened[0]

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
