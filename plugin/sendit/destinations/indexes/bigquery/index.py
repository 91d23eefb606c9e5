"""An index in Google's BigQuery: one row for each instance.

BigQuery has no keys that would keep a row from being there twice. So what is there is asked first, every row carries an
insert id (by which BigQuery drops what it was sent a moment ago), and verification counts.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sendit.destinations.base import NOT_THERE
from sendit.destinations.indexes.base import NOT_SENT, Index, Place
from sendit.destinations.indexes.bigquery.client import Rows
from sendit.destinations.indexes.bigquery.rows import READ, damaged, insert_id, problem_of, row_of
from sendit.destinations.indexes.header import read_header
from sendit.errors import Misconfigured, counted
from sendit.model import Discrepancy, Receipt, Shipment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendit.destinations.google.settings import GoogleCredentials
    from sendit.destinations.indexes.bigquery.settings import BigQueryIndexSettings

#: Of one insertion; BigQuery takes 10 MB, and advises 500 rows.
_MOST_ROWS = 500
_MOST_BYTES = 3_500_000
#: Identifiers in one statement.
_MOST_UIDS = 2000

_OF_STUDY = "project = @project AND StudyInstanceUID = @study"


class BigQueryIndex(Index):
    """See `Index`."""

    def __init__(self, place: str, settings: BigQueryIndexSettings, credentials: GoogleCredentials) -> None:
        self.place = place
        self.rows = Rows(place, settings, credentials)

    def check(self) -> None:
        """Create the table if it is missing, and query it for nothing: data and jobs are then permitted."""
        self.rows.ready()
        self.rows.select(["SOPInstanceUID"], "project = @project LIMIT 0", {"project": ""})

    def write(self, shipment: Shipment, places: Mapping[str, Place]) -> None:
        """See `Index`."""
        if not shipment.staged_instances:
            return
        self.rows.ready()
        there = self._there(shipment)
        self._must_be_ours(there, places)
        lacking = [p for p in shipment.staged_instances if _problem(there, p.receipt, places)]
        wrong = [p.receipt.sop_instance_uid for p in lacking if p.receipt.sop_instance_uid in there]
        self._delete(shipment, [*wrong, *_strangers(there, shipment)])
        group: list[dict[str, Any]] = []
        weight = 0
        for staged in lacking:
            receipt = staged.receipt
            row = row_of(read_header(staged), receipt, places[receipt.sop_instance_uid], shipment)
            size = len(row["header"].encode(errors="replace")) + 2000
            if group and (len(group) >= _MOST_ROWS or weight + size > _MOST_BYTES):
                self._insert(group, there)
                group, weight = [], 0
            group.append(row)
            weight += size
        if group:
            self._insert(group, there)

    def verify(self, shipment: Shipment, places: Mapping[str, Place]) -> list[Discrepancy]:
        """See `Index`."""
        if not shipment.staged_instances:
            return []
        there = self._there(shipment) if self._has_table() else {}
        wrong = [
            Discrepancy(staged.receipt.sop_instance_uid, problem)
            for staged in shipment.staged_instances
            if (problem := _problem(there, staged.receipt, places))
        ]
        return wrong + [Discrepancy(uid, NOT_SENT) for uid in _strangers(there, shipment)]

    def remove(self, shipment: Shipment) -> None:
        """See `Index`."""
        if not shipment.staged_instances or not self._has_table():
            return
        there = self._there(shipment)
        uids = [staged.receipt.sop_instance_uid for staged in shipment.staged_instances]
        self._delete(shipment, [*(uid for uid in uids if uid in there), *_strangers(there, shipment)])

    def _has_table(self) -> bool:
        """Return whether there is a table; add missing columns."""
        if not self.rows.is_there():
            return False
        self.rows.ready()
        return True

    def _there(self, shipment: Shipment) -> dict[str, list[Mapping[str, Any]]]:
        """Return coded SOPInstanceUID → its rows."""
        rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in self.rows.select(READ, _OF_STUDY, _study(shipment)):
            rows[row["SOPInstanceUID"]].append(dict(row.items()))
        return dict(rows)

    def _must_be_ours(self, there: Mapping[str, list[Mapping[str, Any]]], places: Mapping[str, Place]) -> None:
        """Refuse a table of another bucket: there would be two rows for every instance."""
        ours = {place.bucket for place in places.values()}
        if any(row["storage_bucket"] not in ours for rows in there.values() for row in rows):
            problem = "the table already has rows of this study for another bucket"
            raise Misconfigured(f"{self.place}.Table", problem, "Give each destination a Table of its own.")

    def _delete(self, shipment: Shipment, uids: list[str]) -> None:
        for start in range(0, len(uids), _MOST_UIDS):
            group = uids[start : start + _MOST_UIDS]
            self.rows.delete(f"{_OF_STUDY} AND SOPInstanceUID IN UNNEST(@uids)", {**_study(shipment), "uids": group})

    def _insert(self, group: list[dict[str, Any]], there: Mapping[str, list[Mapping[str, Any]]]) -> None:
        self.rows.insert(group, [insert_id(row, len(there.get(row["SOPInstanceUID"], []))) for row in group])


def _study(shipment: Shipment) -> dict[str, Any]:
    return {"project": shipment.project, "study": shipment.staged_instances[0].receipt.study_instance_uid}


def _problem(there: Mapping[str, list[Mapping[str, Any]]], receipt: Receipt, places: Mapping[str, Place]) -> str | None:
    rows = there.get(receipt.sop_instance_uid, [])
    if not rows:
        return NOT_THERE
    if len(rows) > 1:
        return f"it has {counted(len(rows), 'row')} in the index"
    return problem_of(rows[0], receipt, places[receipt.sop_instance_uid])


def _strangers(there: Mapping[str, list[Mapping[str, Any]]], shipment: Shipment) -> list[str]:
    """Return coded UIDs in rows of this batch that belong to none of its instances: damaged on their way.

    Rows that are as they were sent belong to another destination, which takes other modalities into the same bucket.
    """
    ours = {staged.receipt.sop_instance_uid for staged in shipment.staged_instances}
    strange = {uid: rows for uid, rows in there.items() if uid not in ours}
    return sorted(
        uid for uid, rows in strange.items() if any(row["batch"] == shipment.batch_id and damaged(row) for row in rows)
    )
