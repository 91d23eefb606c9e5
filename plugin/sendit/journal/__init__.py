"""The journal: what SendIt knows to be true. The only writer of its database.

Every write that belongs to an attempt is fenced: it names the attempt, and changes nothing if the journal has moved on
(a worker that was frozen and wakes up finds that another one took over, and gets `Superseded`).
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from sendit.journal.batches import Batches
from sendit.journal.crosswalk import CrosswalkRows
from sendit.journal.cutting import Cutting
from sendit.journal.database import open_engine
from sendit.journal.deliveries import Deliveries
from sendit.journal.facts import Facts
from sendit.journal.imports import Imports
from sendit.journal.intake import Intake
from sendit.journal.originals import Originals
from sendit.journal.recalls import Recalls
from sendit.journal.retention import Retention
from sendit.journal.writing import Superseded

__all__ = ["Journal", "Superseded"]


class Journal:
    """All that is kept, by subject."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.intake = Intake(engine)
        self.batches = Batches(engine)
        self.deliveries = Deliveries(engine)
        self.recalls = Recalls(engine)
        self.originals = Originals(engine)
        self.retention = Retention(engine)
        self.imports = Imports(engine)
        self.facts = Facts(engine)
        self.crosswalk = CrosswalkRows(engine)
        self.cutting = Cutting(engine)

    @classmethod
    def open(cls, database: str, data_directory: Path, upgrade: bool = True) -> Journal:
        """Open and migrate; see `database.open_engine` for what it raises."""
        return cls(open_engine(database, data_directory, upgrade))

    def close(self) -> None:
        self.engine.dispose()
