"""Delivery into a directory, which may be a mounted share: one file for each instance, named by a template."""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
from typing import TYPE_CHECKING, BinaryIO

import pydicom

from sendit.config.name_template import NameTemplate
from sendit.destinations.base import NOT_THERE, Destination, Progress, is_held, open_staged, read_staged
from sendit.destinations.compare import CannotCompare, difference
from sendit.destinations.folder.dicomdir import NAME as DICOMDIR
from sendit.destinations.folder.dicomdir import Directory, NotOurs, file_id
from sendit.destinations.folder.files import AlreadyThere, Root
from sendit.destinations.passports import (
    PASSPORT_FORMAT,
    REVOCATIONS_FORMAT,
    PassportHolder,
    RevocationsHolder,
    check_replaceable,
    is_ours,
    passport_name,
    revocations_name,
)
from sendit.destinations.threads import in_threads
from sendit.errors import Misconfigured, Retry
from sendit.model import Discrepancy, Receipt, Shipment, StagedInstance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.config.orthanc import OrthancConfig
    from sendit.destinations.folder.settings import FolderSettings

_PIECE = 1024 * 1024
#: Who changes the DICOMDIR locks this file, which stays.
_LOCK = ".sendit.lock"
#: Of files up to this size (bytes) that differ it is said in what.
_EXPLAINED = 16 * 1024 * 1024


class FolderDestination(Destination, PassportHolder, RevocationsHolder):
    """A directory. It has to exist: what is made anew could be the empty mount point of a share that is gone."""

    def __init__(self, name: str, settings: FolderSettings, orthanc: OrthancConfig) -> None:
        self.name = name
        self._settings = settings
        self._template = NameTemplate(settings.file_name, unique=["instance"])

    def check(self) -> None:
        """Check that the directory is there, has its mark as required, and can be written to."""
        with self._open() as root:
            root.try_to_write()

    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        """See `Destination`. A file is there whole or not at all, and never replaces another one."""
        count = 0
        with self._delivery(shipment) as delivery:
            for count, _ in enumerate(
                in_threads(delivery.send, shipment.staged_instances, self._settings.concurrency), 1
            ):
                progress(count)
            if self._settings.dicomdir and count:
                delivery.list_all()
            delivery.finish()
        return count

    def verify(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination`. Every file is read, and its SHA-256 compared."""
        with self._delivery(shipment) as delivery:
            numbered = enumerate(shipment.staged_instances)
            problems = dict(in_threads(delivery.inspect, numbered, self._settings.concurrency))
            if self._settings.dicomdir and problems:
                delivery.inspect_list(problems)
            delivery.still_there()
        return [discrepancy for _, discrepancy in sorted(problems.items()) if discrepancy is not None]

    def recall(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination`. Directories that are empty then go as well."""
        with self._delivery(shipment) as delivery:
            if self._settings.dicomdir and shipment.staged_instances:
                delivery.list_none()  # first: it never names what is not there
            for staged in shipment.staged_instances:
                delivery.remove(staged.receipt)
            delivery.remove_empty()
            delivery.finish()
        return []

    # --- passports -----------------------------------------------------------------------------------------------

    def put_passport(self, shipment: Shipment, content: bytes) -> None:
        """See `PassportHolder`. It is in the folder of the study."""
        study = shipment.staged_instances[0].receipt.study_instance_uid
        with self.open_for(shipment) as root:
            self._put(root, self._passport_name(shipment), content, PASSPORT_FORMAT, study)

    def read_passport(self, shipment: Shipment) -> bytes | None:
        """See `PassportHolder`."""
        with self.open_for(shipment) as root:
            content = _content(root, self._passport_name(shipment))
            root.still_there()
        return content

    def remove_passport(self, shipment: Shipment) -> str | None:
        """See `PassportHolder`. Its folder goes with the instances."""
        with self.open_for(shipment) as root:
            name = self._passport_name(shipment)
            existing = _content(root, name)
            if existing is not None and is_ours(
                existing, PASSPORT_FORMAT, shipment.staged_instances[0].receipt.study_instance_uid
            ):
                root.remove(name)
                root.sync()
            root.still_there()
        return None

    def put_revocations(self, project: str, content: bytes) -> None:
        """See `RevocationsHolder`. They are at the top."""
        with self._open() as root, root.locked(_LOCK):
            self._put(root, revocations_name(project), content, REVOCATIONS_FORMAT, project)

    def _put(self, root: Root, name: str, content: bytes, kind: str, subject: str) -> None:
        existing = _content(root, name)
        if existing is not None and existing != content:
            check_replaceable(existing, kind, subject, f"SendIt.Destinations.{self.name}")
        if existing == content:
            root.touch(name)
        else:
            root.replace(name, io.BytesIO(content))
        root.sync()
        root.still_there()

    def _passport_name(self, shipment: Shipment) -> str:
        receipt = shipment.staged_instances[0].receipt
        if self._settings.dicomdir:
            folder, own = "/".join(file_id(receipt)[:3]), True
        else:
            folder, own = self._template.study_folder(shipment, receipt)
        name = passport_name(shipment.part, "" if own else receipt.study_instance_uid)
        return f"{folder}/{name}" if folder else name

    def _open(self, owner: str = "") -> Root:
        settings = self._settings
        modes = (int(settings.file_mode, 8), int(settings.directory_mode, 8))
        return Root(settings.path, f"SendIt.Destinations.{self.name}.Path", settings.marker, modes, owner)

    @contextlib.contextmanager
    def _delivery(self, shipment: Shipment) -> Iterator[_Delivery]:
        delivery = _Delivery(self, shipment)
        try:
            yield delivery
        finally:
            delivery.close()

    def open_for(self, shipment: Shipment) -> Root:
        """Open the directory for one batch."""
        return self._open(str(shipment.batch_id))

    def name_of(self, shipment: Shipment, receipt: Receipt) -> str:
        """Return the file's name below the directory."""
        if self._settings.dicomdir:
            return "/".join(file_id(receipt))
        return self._template.name(shipment, receipt)


class _Delivery:
    """One shipment at one folder. All methods may be called from several threads."""

    def __init__(self, destination: FolderDestination, shipment: Shipment) -> None:
        self._destination = destination
        self._shipment = shipment
        self._root: Root | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        if self._root is not None:
            self._root.close()

    def send(self, staged: StagedInstance) -> None:
        """Write the file, unless it is there already."""
        name = self._name(staged.receipt)
        with open_staged(staged) as file:
            root = self._opened()
            root.touch(name) if self._is_there(root, name, staged) else self._write(root, name, staged, file)

    def inspect(self, numbered: tuple[int, StagedInstance]) -> tuple[int, Discrepancy | None]:
        """Return the instance's index in the shipment, and the problem with its file, if any."""
        number, staged = numbered
        problem = self._compare(self._opened(), self._name(staged.receipt), staged)
        return number, Discrepancy(staged.receipt.sop_instance_uid, problem) if problem else None

    def remove(self, receipt: Receipt) -> None:
        """Remove it; no error if it is not there."""
        self._opened().remove(self._name(receipt))

    def list_all(self) -> None:
        """List every staged instance in the DICOMDIR; an instance is read without its pixels."""
        with self._directory() as directory:
            for staged in self._shipment.staged_instances:
                if directory.names(staged.receipt):
                    continue
                with self._opened().open(self._name(staged.receipt)) as file:
                    if file is None:
                        raise Retry("a file that was written is gone")
                    directory.add(staged.receipt, pydicom.dcmread(file, stop_before_pixels=True, defer_size=_PIECE))

    def list_none(self) -> None:
        """Remove every staged instance from the DICOMDIR."""
        with self._directory() as directory:
            for staged in self._shipment.staged_instances:
                directory.remove(staged.receipt)

    def inspect_list(self, problems: dict[int, Discrepancy | None]) -> None:
        """Add instances that the DICOMDIR does not list to `problems`, where there is no other problem."""
        directory = self._read_directory()[0]
        for number, staged in enumerate(self._shipment.staged_instances):
            if problems[number] is None and not directory.names(staged.receipt):
                uid = staged.receipt.sop_instance_uid
                problems[number] = Discrepancy(uid, "it is there, but the DICOMDIR does not list it")

    @contextlib.contextmanager
    def _directory(self) -> Iterator[Directory]:
        """Provide the DICOMDIR under its lock; write it if it was changed."""
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
            problem = "the folder contains a DICOMDIR that SendIt did not write"
            remedy = "Give an empty folder, or set Dicomdir to false."
            raise Misconfigured(f"SendIt.Destinations.{self._destination.name}.Path", problem, remedy) from None

    def remove_empty(self) -> None:
        """Remove the directories that hold nothing any more."""
        if self._root is not None:
            self._root.remove_empty()

    def finish(self) -> None:
        """Synchronise what was done to disk, and check that it was done in the intended directory."""
        if self._root is not None:
            self._root.sync()
        self.still_there()

    def still_there(self) -> None:
        if self._root is not None:
            self._root.still_there()

    def _opened(self) -> Root:
        """Open the directory on first use: a held instance is reported even while the share is away."""
        with self._lock:
            if self._root is None:
                self._root = self._destination.open_for(self._shipment)
            return self._root

    def _name(self, receipt: Receipt) -> str:
        return self._destination.name_of(self._shipment, receipt)

    def _write(self, root: Root, name: str, staged: StagedInstance, file: BinaryIO) -> None:
        try:
            root.write(name, file)
        except AlreadyThere:  # another attempt was quicker
            if not self._is_there(root, name, staged):
                raise Retry("a file has disappeared; another attempt may be under way") from None

    def _is_there(self, root: Root, name: str, staged: StagedInstance) -> bool:
        place, uid = f"SendIt.Destinations.{self._destination.name}", staged.receipt.sop_instance_uid
        return is_held(self._compare(root, name, staged), place, "folder", uid)

    def _compare(self, root: Root, name: str, staged: StagedInstance) -> str | None:
        """Return None if the file is what the receipt says; otherwise `NOT_THERE` or what is wrong."""
        with root.open(name) as file:
            if file is None:
                return NOT_THERE
            digest, size = hashlib.sha256(), 0
            while piece := file.read(_PIECE):
                digest.update(piece)
                size += len(piece)
            if digest.hexdigest() == staged.receipt.output_sha256:
                return None
            if max(size, staged.receipt.output_size) > _EXPLAINED or not staged.path.exists():
                return "other bytes than were sent"
            file.seek(0)
            return _explained(read_staged(staged), file.read(_EXPLAINED))


def _content(root: Root, name: str) -> bytes | None:
    with root.open(name) as file:
        return None if file is None else file.read()


def _explained(ours: bytes, theirs: bytes) -> str:
    with contextlib.suppress(CannotCompare):
        return difference(ours, theirs) or "its bytes differ from what was sent, but the content is the same"
    return "other bytes than were sent"
