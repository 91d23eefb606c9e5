"""Delivery into a directory, which may be a mounted share: one file for each instance, named by a template."""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
from collections.abc import Iterator
from typing import BinaryIO

import pydicom

from sendit.destination_settings import FolderSettings
from sendit.destinations.base import NOT_THERE, Destination, Progress, open_parcel, read_parcel
from sendit.destinations.folder_dicomdir import NAME as DICOMDIR
from sendit.destinations.folder_dicomdir import Directory, NotOurs, file_id
from sendit.destinations.folder_files import AlreadyThere, Root
from sendit.destinations.in_threads import in_threads
from sendit.destinations.same_dataset import CannotCompare, difference
from sendit.errors import Misconfigured, Retry
from sendit.model import Consignment, Discrepancy, Parcel, Receipt
from sendit.names import NameTemplate
from sendit.orthanc_config import OrthancConfig

_PIECE = 1024 * 1024
#: Who changes the DICOMDIR locks this file, which stays.
_LOCK = ".sendit.lock"
#: Of files up to this size (bytes) that differ it is said in what.
_EXPLAINED = 16 * 1024 * 1024


class FolderDestination(Destination):
    """A directory. It has to exist: what is made anew could be the empty mount point of a share that is gone."""

    def __init__(self, name: str, settings: FolderSettings, orthanc: OrthancConfig) -> None:
        self.name = name
        self._settings = settings
        self._template = NameTemplate(settings.file_name, unique=["instance"])

    def check(self) -> None:
        """There, marked as it should be, and a file can be made."""
        with self._open() as root:
            root.try_to_write()

    def deliver(self, consignment: Consignment, progress: Progress) -> int:
        """See `Destination`. A file is there whole or not at all, and never replaces another one."""
        count = 0
        with self._shipment(consignment) as shipment:
            for count, _ in enumerate(in_threads(shipment.send, consignment.parcels, self._settings.concurrency), 1):
                progress(count)
            if self._settings.dicomdir and count:
                shipment.list_all()
            shipment.finish()
        return count

    def verify(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. Every file is read, and its SHA-256 compared."""
        with self._shipment(consignment) as shipment:
            numbered = enumerate(consignment.parcels)
            problems = dict(in_threads(shipment.inspect, numbered, self._settings.concurrency))
            if self._settings.dicomdir and problems:
                shipment.inspect_list(problems)
            shipment.still_there()
        return [found for _, found in sorted(problems.items()) if found is not None]

    def recall(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. Directories that are empty then go as well."""
        with self._shipment(consignment) as shipment:
            if self._settings.dicomdir and consignment.parcels:
                shipment.list_none()  # first: it never names what is not there
            for parcel in consignment.parcels:
                shipment.remove(parcel.receipt)
            shipment.remove_empty()
            shipment.finish()
        return []

    def _open(self, owner: str = "") -> Root:
        settings = self._settings
        modes = (int(settings.file_mode, 8), int(settings.directory_mode, 8))
        return Root(settings.path, f"SendIt.Destinations.{self.name}.Path", settings.marker, modes, owner)

    @contextlib.contextmanager
    def _shipment(self, consignment: Consignment) -> Iterator[_Shipment]:
        shipment = _Shipment(self, consignment)
        try:
            yield shipment
        finally:
            shipment.close()

    def open_for(self, consignment: Consignment) -> Root:
        """The directory, for one batch."""
        return self._open(str(consignment.batch_id))

    def name_of(self, consignment: Consignment, receipt: Receipt) -> str:
        """Below the directory."""
        if self._settings.dicomdir:
            return "/".join(file_id(receipt))
        return self._template.name(consignment, receipt)


class _Shipment:
    """One consignment at one folder. All methods may be called from several threads."""

    def __init__(self, destination: FolderDestination, consignment: Consignment) -> None:
        self._destination = destination
        self._consignment = consignment
        self._root: Root | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        if self._root is not None:
            self._root.close()

    def send(self, parcel: Parcel) -> None:
        """Return when the file is there, written now or before."""
        name = self._name(parcel.receipt)
        with open_parcel(parcel) as file:
            root = self._opened()
            root.touch(name) if self._is_there(root, name, parcel) else self._write(root, name, parcel, file)

    def inspect(self, numbered: tuple[int, Parcel]) -> tuple[int, Discrepancy | None]:
        """What is wrong with this parcel's file, with its place in the consignment."""
        number, parcel = numbered
        problem = self._compare(self._opened(), self._name(parcel.receipt), parcel)
        return number, Discrepancy(parcel.receipt.sop_instance_uid, problem) if problem else None

    def remove(self, receipt: Receipt) -> None:
        """Return when it is not there."""
        self._opened().remove(self._name(receipt))

    def list_all(self) -> None:
        """The DICOMDIR names every parcel; an instance is read without its pixels."""
        with self._directory() as directory:
            for parcel in self._consignment.parcels:
                if directory.names(parcel.receipt):
                    continue
                with self._opened().open(self._name(parcel.receipt)) as file:
                    if file is None:
                        raise Retry("a file that was written is gone")
                    directory.add(parcel.receipt, pydicom.dcmread(file, stop_before_pixels=True, defer_size=_PIECE))

    def list_none(self) -> None:
        """The DICOMDIR names no parcel."""
        with self._directory() as directory:
            for parcel in self._consignment.parcels:
                directory.remove(parcel.receipt)

    def inspect_list(self, problems: dict[int, Discrepancy | None]) -> None:
        """Where nothing else is wrong: what the DICOMDIR does not name."""
        directory = self._read_directory()[0]
        for number, parcel in enumerate(self._consignment.parcels):
            if problems[number] is None and not directory.names(parcel.receipt):
                uid = parcel.receipt.sop_instance_uid
                problems[number] = Discrepancy(uid, "it is there, and the DICOMDIR does not name it")

    @contextlib.contextmanager
    def _directory(self) -> Iterator[Directory]:
        """The DICOMDIR, to be changed by nobody else meanwhile; written if it was changed."""
        root = self._opened()
        with root.locked(_LOCK):
            directory, before = self._read_directory()
            yield directory
            if directory.is_empty():
                root.remove(DICOMDIR)
            elif (after := directory.to_bytes()) != before:
                root.replace(DICOMDIR, io.BytesIO(after))

    def _read_directory(self) -> tuple[Directory, bytes]:
        with self._opened().open(DICOMDIR) as file:
            before = file.read() if file is not None else b""
        try:
            return Directory(io.BytesIO(before) if before else None), before
        except NotOurs:
            problem = "the folder holds a DICOMDIR that SendIt has not written"
            cure = "Give an empty folder, or set Dicomdir to false."
            raise Misconfigured(f"SendIt.Destinations.{self._destination.name}.Path", problem, cure) from None

    def remove_empty(self) -> None:
        """Return when the directories that hold nothing any more are gone."""
        if self._root is not None:
            self._root.remove_empty()

    def finish(self) -> None:
        """What was done outlives a power cut, and was done in the directory that is meant."""
        if self._root is not None:
            self._root.sync()
        self.still_there()

    def still_there(self) -> None:
        if self._root is not None:
            self._root.still_there()

    def _opened(self) -> Root:
        """Opened by who needs it first: an instance that may not leave is told also where the share is away."""
        with self._lock:
            if self._root is None:
                self._root = self._destination.open_for(self._consignment)
            return self._root

    def _name(self, receipt: Receipt) -> str:
        return self._destination.name_of(self._consignment, receipt)

    def _write(self, root: Root, name: str, parcel: Parcel, file: BinaryIO) -> None:
        try:
            root.write(name, file)
        except AlreadyThere:  # another attempt was quicker
            if not self._is_there(root, name, parcel):
                raise Retry("a file was there and then was not; another attempt may be under way") from None

    def _is_there(self, root: Root, name: str, parcel: Parcel) -> bool:
        problem = self._compare(root, name, parcel)
        if problem is None or problem == NOT_THERE:
            return problem is None
        uid = parcel.receipt.sop_instance_uid
        raise Misconfigured(
            f"SendIt.Destinations.{self._destination.name}",
            f"the folder holds another content under the coded UID {uid}: {problem}",
            "Nothing there was overwritten. Find out whose it is; remove it there, then retry.",
        )

    def _compare(self, root: Root, name: str, parcel: Parcel) -> str | None:
        """None if the file is what the receipt says; otherwise `NOT_THERE` or what is wrong."""
        with root.open(name) as file:
            if file is None:
                return NOT_THERE
            digest, size = hashlib.sha256(), 0
            while piece := file.read(_PIECE):
                digest.update(piece)
                size += len(piece)
            if digest.hexdigest() == parcel.receipt.output_sha256:
                return None
            if max(size, parcel.receipt.output_size) > _EXPLAINED or not parcel.path.exists():
                return "other bytes than were sent"
            file.seek(0)
            return _explained(read_parcel(parcel), file.read(_EXPLAINED))


def _explained(ours: bytes, theirs: bytes) -> str:
    with contextlib.suppress(CannotCompare):
        return difference(ours, theirs) or "other bytes than were sent, which say the same"
    return "other bytes than were sent"
