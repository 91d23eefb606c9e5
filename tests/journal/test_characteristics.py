"""Which studies the risk report counts: those of which a destination holds something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.receipts.characteristics import ReleasedStudy
from sendit.journal.writing import now
from sendit.model import BatchState, DeliveryState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def journal(database: str, data_directory: Path) -> Iterator[Journal]:
    opened = Journal.open(database, data_directory)
    yield opened
    opened.close()


def add(journal: Journal, number: int, state: BatchState, study: str, sent: int = 0, removed: int = 0) -> None:
    """Add a batch of project p with a delivery."""
    with journal.engine.begin() as c:
        values = {"id": number, "study": f"o{number}", "project": "p", "state": state, "opened_at": now()}
        c.execute(
            sa.insert(t.batches).values(**values, changed_at=now(), coded_study=study, coded_patient=f"P-{study}")
        )
        delivery = {"batch_id": number, "destination": "d", "state": DeliveryState.SENDING, "sent": sent}
        c.execute(sa.insert(t.deliveries).values(**delivery, removed=removed, changed_at=now()))


def test_what_is_released(journal: Journal) -> None:
    add(journal, 1, BatchState.DONE, "s1", 5)
    add(journal, 2, BatchState.DONE, "s1", 1)  # late instances of the same study
    add(journal, 3, BatchState.RECALLED, "s3", 5, 5)
    add(journal, 4, BatchState.DELIVERING, "s4")
    add(journal, 5, BatchState.DELIVERING, "s5", 1)
    add(journal, 6, BatchState.QUARANTINED, "s6")
    add(journal, 7, BatchState.FAILED, "s7", 2)
    add(journal, 8, BatchState.RECALL_FAILED, "s8", 2, 1)
    add(journal, 9, BatchState.DONE, "s9", 1)  # nothing is known of it
    for number in range(1, 9):
        journal.characteristics.note(number, {"sex": ["M"]})
        journal.characteristics.note(number, {"sex": ["F"], "modality": ["SR" if number == 2 else "CT"]})
    studies, unknown = journal.characteristics.released("p")
    assert sorted(studies, key=lambda one: one.patient) == [
        ReleasedStudy("P-s1", {"sex": "F", "modality": "CT + SR"}),
        ReleasedStudy("P-s5", {"sex": "F", "modality": "CT"}),
        ReleasedStudy("P-s7", {"sex": "F", "modality": "CT"}),
        ReleasedStudy("P-s8", {"sex": "F", "modality": "CT"}),
    ]
    assert unknown == 1
    assert journal.characteristics.released("q") == ([], 0)
