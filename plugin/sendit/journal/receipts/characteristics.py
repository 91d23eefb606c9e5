"""Characteristics of outputs that could help to single a patient out, in coarse classes: for the risk report.

Nothing stands here that has not left with the outputs: an age is a span of ten years, a date is a month, and is there
only if the dates that left were the real ones. The rows stay as long as the batch does.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import insert_into, reading
from sendit.model import BatchState, DeliveryState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DELIVERED = [BatchState.SENT, BatchState.DONE]

#: Attribute of the risk report → its values in one study.
Characteristics = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class ReleasedStudy:
    """A study that was delivered, with the batches of its late instances."""

    patient: str  # coded
    values: Mapping[str, str]  # several values of an attribute are joined; an attribute without one is missing


class CharacteristicsRows:
    """Writes and reads them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, batch_id: int, values: Characteristics) -> None:
        """Write down those of a batch, in the place of earlier ones."""
        table = t.characteristics
        with self._engine.begin() as c:
            row = insert_into(c, table).values(batch_id=batch_id, content=values)
            c.execute(row.on_conflict_do_update(index_elements=[table.c.batch_id], set_={"content": values}))

    def released(self, project: str) -> tuple[list[ReleasedStudy], int]:
        """Return the studies of a project of which a destination holds something, and of how many nothing is known.

        A recall takes a study out again.
        """
        b, d, x = t.batches.c, t.deliveries.c, t.characteristics.c
        sent = sa.exists().where((d.batch_id == b.id) & (d.sent > d.removed) & (d.state != DeliveryState.RECALLED))
        there = b.state.in_(_DELIVERED) | ((b.state != BatchState.RECALLED) & sent)
        query = sa.select(b.coded_study, b.coded_patient, x.content).where((b.project == project) & there)
        query = query.outerjoin_from(t.batches, t.characteristics, x.batch_id == b.id)
        studies: dict[str, tuple[str, dict[str, set[str]]]] = {}
        unknown: set[str] = set()
        with reading(self._engine) as c:
            for study, patient, content in c.execute(query):
                if content is None:
                    unknown.add(study)
                    continue
                values = studies.setdefault(study, (patient, defaultdict(set)))[1]
                for name, several in content.items():
                    values[name].update(several)
        known = [ReleasedStudy(patient, _joined(values)) for patient, values in studies.values()]
        return known, len(unknown - studies.keys())


def _joined(values: Mapping[str, Sequence[str] | set[str]]) -> dict[str, str]:
    return {name: " + ".join(sorted(several)) for name, several in values.items() if several}
