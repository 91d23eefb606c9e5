"""An index in Google's BigQuery: one row for each instance.

BigQuery has no keys that would keep a row from being there twice. So what is there is asked first, every row carries an
insert id (by which BigQuery drops what it was sent a moment ago), and verification counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sendit.destination_settings import BigQueryIndex as Settings
from sendit.destination_settings import GoogleCredentials
from sendit.destinations.base import NOT_THERE
from sendit.destinations.bigquery_index_client import Rows
from sendit.destinations.bigquery_index_rows import READ, damaged, insert_id, problem_of, row_of
from sendit.destinations.index import NOT_SENT, Index, Place
from sendit.destinations.index_header import read_header
from sendit.errors import Misconfigured
from sendit.model import Consignment, Discrepancy, Receipt

#: Of one insertion; BigQuery takes 10 MB, and advises 500 rows.
_MOST_ROWS = 500
_MOST_BYTES = 3_500_000
#: Identifiers in one statement.
_MOST_UIDS = 2000

_OF_STUDY = "project = @project AND StudyInstanceUID = @study"


class BigQueryIndex(Index):
    """See `Index`."""

    def __init__(self, place: str, settings: Settings, credentials: GoogleCredentials) -> None:
        self.place = place
        self.rows = Rows(place, settings, credentials)

    def check(self) -> None:
        """Makes the table if it is not there, and asks it for nothing: data and jobs are allowed then."""
        self.rows.ready()
        self.rows.select(["SOPInstanceUID"], "project = @project LIMIT 0", {"project": ""})

    def write(self, consignment: Consignment, places: Mapping[str, Place]) -> None:
        if not consignment.parcels:
            return
        self.rows.ready()
        there = self._there(consignment)
        self._must_be_ours(there, places)
        lacking = [p for p in consignment.parcels if _problem(there, p.receipt, places)]
        wrong = [p.receipt.sop_instance_uid for p in lacking if p.receipt.sop_instance_uid in there]
        self._delete(consignment, [*wrong, *_strangers(there, consignment)])
        group: list[dict[str, Any]] = []
        weight = 0
        for parcel in lacking:
            receipt = parcel.receipt
            row = row_of(read_header(parcel), receipt, places[receipt.sop_instance_uid], consignment)
            size = len(row["header"].encode(errors="replace")) + 2000
            if group and (len(group) >= _MOST_ROWS or weight + size > _MOST_BYTES):
                self._insert(group, there)
                group, weight = [], 0
            group.append(row)
            weight += size
        if group:
            self._insert(group, there)

    def verify(self, consignment: Consignment, places: Mapping[str, Place]) -> list[Discrepancy]:
        if not consignment.parcels:
            return []
        there = self._there(consignment) if self._has_table() else {}
        wrong = [
            Discrepancy(parcel.receipt.sop_instance_uid, problem)
            for parcel in consignment.parcels
            if (problem := _problem(there, parcel.receipt, places))
        ]
        return wrong + [Discrepancy(uid, NOT_SENT) for uid in _strangers(there, consignment)]

    def remove(self, consignment: Consignment) -> None:
        if not consignment.parcels or not self._has_table():
            return
        there = self._there(consignment)
        uids = [parcel.receipt.sop_instance_uid for parcel in consignment.parcels]
        self._delete(consignment, [*(uid for uid in uids if uid in there), *_strangers(there, consignment)])

    def _has_table(self) -> bool:
        """With all columns, if there is one."""
        if not self.rows.is_there():
            return False
        self.rows.ready()
        return True

    def _there(self, consignment: Consignment) -> dict[str, list[Mapping[str, Any]]]:
        """Coded SOPInstanceUID → the rows of it."""
        found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in self.rows.select(READ, _OF_STUDY, _study(consignment)):
            found[row["SOPInstanceUID"]].append(dict(row.items()))
        return dict(found)

    def _must_be_ours(self, there: Mapping[str, list[Mapping[str, Any]]], places: Mapping[str, Place]) -> None:
        """Two buckets in one table would be two rows for every instance."""
        ours = {place.bucket for place in places.values()}
        if any(row["storage_bucket"] not in ours for rows in there.values() for row in rows):
            problem = "the table already holds rows of this study for another bucket"
            raise Misconfigured(f"{self.place}.Table", problem, "Give each destination a Table of its own.")

    def _delete(self, consignment: Consignment, uids: list[str]) -> None:
        for start in range(0, len(uids), _MOST_UIDS):
            group = uids[start : start + _MOST_UIDS]
            self.rows.delete(f"{_OF_STUDY} AND SOPInstanceUID IN UNNEST(@uids)", {**_study(consignment), "uids": group})

    def _insert(self, group: list[dict[str, Any]], there: Mapping[str, list[Mapping[str, Any]]]) -> None:
        self.rows.insert(group, [insert_id(row, len(there.get(row["SOPInstanceUID"], []))) for row in group])


def _study(consignment: Consignment) -> dict[str, Any]:
    return {"project": consignment.project, "study": consignment.parcels[0].receipt.study_instance_uid}


def _problem(there: Mapping[str, list[Mapping[str, Any]]], receipt: Receipt, places: Mapping[str, Place]) -> str | None:
    rows = there.get(receipt.sop_instance_uid, [])
    if not rows:
        return NOT_THERE
    if len(rows) > 1:
        return f"it has {len(rows)} rows in the index"
    return problem_of(rows[0], receipt, places[receipt.sop_instance_uid])


def _strangers(there: Mapping[str, list[Mapping[str, Any]]], consignment: Consignment) -> list[str]:
    """Coded UIDs in rows of this batch that were damaged on their way, and are of none of its instances.

    Rows that are as they were sent belong to another destination, which takes other modalities into the same bucket.
    """
    ours = {parcel.receipt.sop_instance_uid for parcel in consignment.parcels}
    strange = {uid: rows for uid, rows in there.items() if uid not in ours}
    return sorted(
        uid
        for uid, rows in strange.items()
        if any(row["batch"] == consignment.batch_id and damaged(row) for row in rows)
    )
