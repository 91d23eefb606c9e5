"""One consignment at one Orthanc peer: what it holds, what it is sent, what it answers."""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import requests

from sendit.destinations.base import NOT_THERE, open_parcel, read_parcel
from sendit.destinations.orthanc_peer_groups import zipped
from sendit.destinations.orthanc_peer_http import PeerConnections
from sendit.destinations.same_dataset import CannotCompare, difference_between
from sendit.errors import Misconfigured, Retry
from sendit.model import Discrepancy, Parcel, Receipt


def orthanc_id(*identifiers: str) -> str:
    """Orthanc's name for PatientID [, StudyInstanceUID [, SeriesInstanceUID [, SOPInstanceUID]]].

    The SHA-1 of the values, joined by "|", in five groups of eight hexadecimal digits.
    """
    digest = hashlib.sha1("|".join(value.strip() for value in identifiers).encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))


class Shipment:
    """All methods may be called from several threads."""

    def __init__(self, peer: PeerConnections) -> None:
        self._peer = peer
        self._place = f"OrthancPeers.{peer.peer.name}"
        self._takes_archives = True  # until it shows that it doesn't: Orthanc before 1.8.2
        self._children: dict[str, Future[frozenset[str]]] = {}  # of studies and series, before this shipment began
        self._lock = threading.Lock()
        self._comparing = threading.Semaphore()  # one at a time: what is compared is held

    def send(self, group: Sequence[Parcel]) -> int:
        """Return when the peer holds the parcels, sent now or before; their number."""
        if len(group) == 1:
            self._send_one(group[0])
            return 1
        opened = [(parcel, read_parcel(parcel)) for parcel in group]  # the gate, for all before a byte of one leaves
        missing = [(parcel, data) for parcel, data in opened if not self._is_there(parcel)]
        if len(missing) > 1 and self._takes_archives:
            missing = self._send_together(missing)
        for parcel, data in missing:
            self._upload(parcel, io.BytesIO(data))
        return len(group)

    def inspect(self, numbered: tuple[int, Parcel]) -> tuple[int, Discrepancy | None]:
        """What is wrong with this parcel at the peer, with its place in the consignment."""
        number, parcel = numbered
        problem = self._compare(parcel)
        return number, Discrepancy(parcel.receipt.sop_instance_uid, problem) if problem else None

    def remove(self, parcel: Parcel) -> None:
        """Return when the peer does not hold it."""
        self._peer.delete(f"/instances/{_instance_id(parcel.receipt)}")

    def _send_one(self, parcel: Parcel) -> None:
        with open_parcel(parcel) as file:
            if not self._is_there(parcel):
                self._upload(parcel, file)

    def _is_there(self, parcel: Parcel) -> bool:
        """Whether the peer held it before this shipment began, with this content."""
        receipt = parcel.receipt
        study = orthanc_id(receipt.patient_id, receipt.study_instance_uid)
        series = orthanc_id(receipt.patient_id, receipt.study_instance_uid, receipt.series_instance_uid)
        if series not in self._listed(f"/studies/{study}", "Series"):
            return False
        if _instance_id(receipt) not in self._listed(f"/series/{series}", "Instances"):
            return False
        problem = self._compare(parcel)
        if problem is not None and problem != NOT_THERE:
            raise self._other_content(receipt, problem)
        return problem is None

    def _listed(self, route: str, kind: str) -> frozenset[str]:
        """What the peer holds below; asked once, by the thread that needs it first, whose answer or error all share."""
        with self._lock:
            first = route not in self._children
            children = self._children.setdefault(route, Future())
        if first:
            try:
                answer = self._peer.get(route)
                children.set_result(frozenset() if answer is None else self._children_in(answer, kind))
            except BaseException as error:
                children.set_exception(error)
                raise
        return children.result()

    def _children_in(self, answer: requests.Response, kind: str) -> frozenset[str]:
        try:
            return frozenset(map(str, answer.json()[kind]))
        except (ValueError, TypeError, KeyError):
            raise self._not_orthanc("a question") from None

    def _send_together(self, group: Sequence[tuple[Parcel, bytes]]) -> list[tuple[Parcel, bytes]]:
        """What has to be sent one by one: what the answer passes over in silence, or all if the archive is refused."""
        answer = self._peer.post_archive("/instances", zipped([data for _, data in group]))
        if answer is None:
            self._takes_archives = False
            return list(group)
        said = self._statuses(answer)
        left = []
        for parcel, data in group:
            statuses = said.get(_instance_id(parcel.receipt))
            if statuses is None:
                left.append((parcel, data))
            else:
                for status in statuses:
                    self._judge(parcel.receipt, status)
                self._confirm(parcel, statuses)
        return left

    def _statuses(self, answer: requests.Response) -> Mapping[str, list[str]]:
        """Of the answer to an archive: Orthanc's identifiers of its instances, and what became of them."""
        said = defaultdict(list)
        try:
            found = answer.json()
            for one in found if isinstance(found, list) else [found]:
                said[str(one["ID"])].append(str(one["Status"]))
        except (ValueError, TypeError, KeyError):
            raise self._not_orthanc("an upload") from None
        return said

    def _upload(self, parcel: Parcel, file: BinaryIO) -> None:
        """POST one instance."""
        receipt = parcel.receipt
        answer = self._peer.post("/instances", file, "application/dicom")
        try:
            said: Any = answer.json()
            status, instance = str(said["Status"]), said["ID"]
        except (ValueError, TypeError, KeyError):
            raise self._not_orthanc("an upload") from None
        self._judge(receipt, status)
        if instance != _instance_id(receipt):
            problem = f"the peer stored it under other identifiers (coded UID {receipt.sop_instance_uid})"
            raise Misconfigured(self._place, problem, "See which script or lossy IngestTranscoding there changes it.")
        self._confirm(parcel, [status])

    def _judge(self, receipt: Receipt, status: str) -> None:
        """Raise for what does not say that the peer holds it."""
        if status == "StorageFull":
            raise Retry(f"the storage of the peer {self._peer.peer.name} is full")
        if status == "FilteredOut":
            problem = f"the peer filtered the instance out and did not store it (coded UID {receipt.sop_instance_uid})"
            raise Misconfigured(
                self._place, problem, "Change the filter there (ReceivedInstanceFilter), or leave such instances out."
            )
        if status not in ("Success", "AlreadyStored"):
            problem = f"the peer did not store the instance (coded UID {receipt.sop_instance_uid}): {status[:40]}"
            raise Misconfigured(self._place, problem, "See the peer's log for the reason.")

    def _confirm(self, parcel: Parcel, statuses: Iterable[str]) -> None:
        """What was there already has to be the same."""
        if "AlreadyStored" not in statuses:
            return
        problem = self._compare(parcel)
        if problem == NOT_THERE:
            raise Retry(f"the peer {self._peer.peer.name} said that it holds an instance, and then did not")
        if problem is not None:
            raise self._other_content(parcel.receipt, problem)

    def _compare(self, parcel: Parcel) -> str | None:
        """None if the peer holds it as the receipt says; otherwise `NOT_THERE` or what is wrong."""
        receipt = parcel.receipt
        instance = f"/instances/{_instance_id(receipt)}"
        md5 = self._peer.get(f"{instance}/attachments/dicom/md5")
        if md5 is not None and md5.text.strip() == receipt.output_md5:
            return None
        # Other bytes, or none; or the peer keeps no digests (its StoreMD5ForAttachments).
        if not parcel.path.exists():
            digest = self._peer.download(f"{instance}/file", None)
            if digest is None or digest == receipt.output_md5:
                return None if digest else NOT_THERE
            return "other bytes than were sent; what was sent is no longer kept, so the contents cannot be compared"
        with self._comparing, tempfile.NamedTemporaryFile(prefix="sendit-") as theirs:
            digest = self._peer.download(f"{instance}/file", theirs)
            if digest is None or digest == receipt.output_md5:
                return None if digest else NOT_THERE
            theirs.flush()
            return _difference(replace(parcel, pace=None), Path(theirs.name))

    def _other_content(self, receipt: Receipt, problem: str) -> Misconfigured:
        return Misconfigured(
            self._place,
            f"the peer holds another content under the coded UID {receipt.sop_instance_uid}: {problem}",
            "Nothing there was overwritten. Find out whose it is; remove it there, then retry.",
        )

    def _not_orthanc(self, question: str) -> Retry:
        return Retry(f"the peer {self._peer.peer.name} answered {question} with something that is not Orthanc's")


def _difference(parcel: Parcel, theirs: Path) -> str | None:
    try:
        with open_parcel(parcel):  # nothing else is compared with than what the receipt describes
            return difference_between(parcel.path, theirs)
    except CannotCompare as error:
        return f"it cannot be compared: the peer has transcoded it, and {error}; turn IngestTranscoding off there"


def _instance_id(receipt: Receipt) -> str:
    return orthanc_id(
        receipt.patient_id, receipt.study_instance_uid, receipt.series_instance_uid, receipt.sop_instance_uid
    )
