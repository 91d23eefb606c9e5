"""One shipment at one Orthanc peer: what it holds, what it is sent, what it answers."""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
import zipfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sendit.destinations.base import NOT_THERE, is_held, open_staged, other_content, read_staged
from sendit.destinations.compare import CannotCompare, difference_between
from sendit.destinations.threads import AskedOnce
from sendit.errors import Misconfigured, Retry
from sendit.model import Discrepancy, Receipt, StagedInstance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import requests

    from sendit.destinations.orthanc_peer.client import PeerConnections


def orthanc_id(*identifiers: str) -> str:
    """Return Orthanc's identifier of PatientID [, StudyInstanceUID [, SeriesInstanceUID [, SOPInstanceUID]]].

    The SHA-1 of the values, joined by "|", in five groups of eight hexadecimal digits.
    """
    digest = hashlib.sha1("|".join(value.strip() for value in identifiers).encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))


class PeerDelivery:
    """All methods may be called from several threads."""

    def __init__(self, peer: PeerConnections) -> None:
        self._peer = peer
        self._place = f"OrthancPeers.{peer.peer.name}"
        self._takes_archives = True  # until it shows that it doesn't: Orthanc before 1.8.2
        self._children = AskedOnce[str, frozenset[str]]()  # of studies and series, before this delivery began
        self._comparing = threading.Semaphore()  # one at a time: what is compared is held

    def send(self, group: Sequence[StagedInstance]) -> int:
        """Send the staged instances that the peer does not hold yet; return the number of all."""
        if len(group) == 1:
            self._send_one(group[0])
            return 1
        opened = [(staged, read_staged(staged)) for staged in group]  # the gate, for all before a byte of one leaves
        missing = [(staged, data) for staged, data in opened if not self._is_there(staged)]
        if len(missing) > 1 and self._takes_archives:
            missing = self._send_together(missing)
        for staged, data in missing:
            self._upload(staged, io.BytesIO(data))
        return len(group)

    def inspect(self, numbered: tuple[int, StagedInstance]) -> tuple[int, Discrepancy | None]:
        """Return the instance's index in the shipment, and the problem with it at the peer, if any."""
        number, staged = numbered
        problem = self._compare(staged)
        return number, Discrepancy(staged.receipt.sop_instance_uid, problem) if problem else None

    def remove(self, staged: StagedInstance) -> None:
        """Remove it; no error if the peer does not hold it."""
        self._peer.delete(f"/instances/{_instance_id(staged.receipt)}")

    def _send_one(self, staged: StagedInstance) -> None:
        with open_staged(staged) as file:
            if not self._is_there(staged):
                self._upload(staged, file)

    def _is_there(self, staged: StagedInstance) -> bool:
        """Return whether the peer held it before this delivery began, with this content."""
        receipt = staged.receipt
        study = orthanc_id(receipt.patient_id, receipt.study_instance_uid)
        series = orthanc_id(receipt.patient_id, receipt.study_instance_uid, receipt.series_instance_uid)
        if series not in self._listed(f"/studies/{study}", "Series"):
            return False
        if _instance_id(receipt) not in self._listed(f"/series/{series}", "Instances"):
            return False
        return is_held(self._compare(staged), self._place, "peer", receipt.sop_instance_uid)

    def _listed(self, route: str, kind: str) -> frozenset[str]:
        """List the resources below, as they were before this delivery began."""

        def ask() -> frozenset[str]:
            answer = self._peer.get(route)
            return frozenset() if answer is None else self._children_in(answer, kind)

        return self._children.answer(route, ask)

    def _children_in(self, answer: requests.Response, kind: str) -> frozenset[str]:
        try:
            return frozenset(map(str, answer.json()[kind]))
        except (ValueError, TypeError, KeyError):
            raise self._not_orthanc("a question") from None

    def _send_together(self, group: Sequence[tuple[StagedInstance, bytes]]) -> list[tuple[StagedInstance, bytes]]:
        """Send an archive; return what to send one by one: the unanswered, or all if the archive is refused."""
        answer = self._peer.post_archive("/instances", zipped([data for _, data in group]))
        if answer is None:
            self._takes_archives = False
            return list(group)
        said = self._statuses(answer)
        left = []
        for staged, data in group:
            statuses = said.get(_instance_id(staged.receipt))
            if statuses is None:
                left.append((staged, data))
            else:
                for status in statuses:
                    self._judge(staged.receipt, status)
                self._confirm(staged, statuses)
        return left

    def _statuses(self, answer: requests.Response) -> Mapping[str, list[str]]:
        """Return Orthanc's identifiers of the archive's instances, and the status of each."""
        statuses = defaultdict(list)
        try:
            answers = answer.json()
            for one in answers if isinstance(answers, list) else [answers]:
                statuses[str(one["ID"])].append(str(one["Status"]))
        except (ValueError, TypeError, KeyError):
            raise self._not_orthanc("an upload") from None
        return statuses

    def _upload(self, staged: StagedInstance, file: BinaryIO) -> None:
        """Upload one instance."""
        receipt = staged.receipt
        answer = self._peer.post("/instances", file, "application/dicom")
        try:
            body: Any = answer.json()
            status, instance = str(body["Status"]), body["ID"]
        except (ValueError, TypeError, KeyError):
            raise self._not_orthanc("an upload") from None
        self._judge(receipt, status)
        if instance != _instance_id(receipt):
            problem = f"the peer stored it under other identifiers (coded UID {receipt.sop_instance_uid})"
            raise Misconfigured(self._place, problem, "See which script or lossy IngestTranscoding there changes it.")
        self._confirm(staged, [status])

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

    def _confirm(self, staged: StagedInstance, statuses: Iterable[str]) -> None:
        """Check that an instance that was already there is the same."""
        if "AlreadyStored" not in statuses:
            return
        problem = self._compare(staged)
        if problem == NOT_THERE:
            raise Retry(f"the peer {self._peer.peer.name} said that it holds an instance, and then did not")
        if problem is not None:
            raise other_content(self._place, "peer", staged.receipt.sop_instance_uid, problem)

    def _compare(self, staged: StagedInstance) -> str | None:
        """Return None if the peer has it as the receipt says; otherwise `NOT_THERE` or the problem."""
        receipt = staged.receipt
        instance = f"/instances/{_instance_id(receipt)}"
        md5 = self._peer.get(f"{instance}/attachments/dicom/md5")
        if md5 is not None and md5.text.strip() == receipt.output_md5:
            return None
        # Other bytes, or none; or the peer keeps no digests (its StoreMD5ForAttachments).
        if not staged.path.exists():
            digest = self._peer.download(f"{instance}/file", None)
            if digest is None or digest == receipt.output_md5:
                return None if digest else NOT_THERE
            return "its bytes differ from what was sent, which is no longer kept, so the contents cannot be compared"
        with self._comparing, tempfile.NamedTemporaryFile(prefix="sendit-") as theirs:
            digest = self._peer.download(f"{instance}/file", theirs)
            if digest is None or digest == receipt.output_md5:
                return None if digest else NOT_THERE
            theirs.flush()
            return _difference(replace(staged, pace=None), Path(theirs.name))

    def _not_orthanc(self, question: str) -> Retry:
        return Retry(f"the peer {self._peer.peer.name} answered {question} with something that is not Orthanc's")


def _difference(staged: StagedInstance, theirs: Path) -> str | None:
    try:
        with open_staged(staged):  # nothing else is compared with than what the receipt describes
            return difference_between(staged.path, theirs)
    except CannotCompare as error:
        return f"it cannot be compared: the peer has transcoded it, and {error}; turn IngestTranscoding off there"


def _instance_id(receipt: Receipt) -> str:
    return orthanc_id(
        receipt.patient_id, receipt.study_instance_uid, receipt.series_instance_uid, receipt.sop_instance_uid
    )


#: A request carries at most so much (bytes, instances). Larger ones were not faster, and each thread has one in memory.
MOST_BYTES = 1024 * 1024
MOST_INSTANCES = 100


def groups(staged_instances: Iterable[StagedInstance]) -> Iterator[list[StagedInstance]]:
    """Group staged instances in their order, as many as one request carries; a larger instance goes alone."""
    group: list[StagedInstance] = []
    size = 0
    for staged in staged_instances:
        if group and (size + staged.receipt.output_size > MOST_BYTES or len(group) == MOST_INSTANCES):
            yield group
            group, size = [], 0
        group.append(staged)
        size += staged.receipt.output_size
    if group:
        yield group


def zipped(files: Sequence[bytes]) -> bytes:
    """Return a ZIP archive of these, not compressed: that would cost both sides more than it saves."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number, data in enumerate(files):
            archive.writestr(zipfile.ZipInfo(str(number)), data)
    return buffer.getvalue()
