"""A folder under the contract: a real directory that fills up, goes away, becomes read-only."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from unittest.mock import patch

import pytest

from sendit.destinations.folder.dicomdir import file_id
from tests.destinations.bench import Bench, Servers, open_out
from tests.servers.fault_proxy import Corrupt, DropAfter, DropBefore, Fault, Silence, Slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sendit.model import Receipt, StagedInstance


@dataclass
class DiskFull(Fault):
    """There is no room for one more file."""


@dataclass
class InputOutputError(Fault):
    """A disk, or a share that was mounted soft, cannot write."""


@dataclass
class StaleHandle(Fault):
    """The server of the share no longer knows a directory."""


@dataclass
class ReadOnly(Fault):
    """The share is mounted read-only."""


@dataclass
class NotAllowed(Fault):
    """No directory may be made there."""


#: What a share does by a call of the system: which one, its error (0: none), and whether it has acted all the same.
#: DropAfter: its answer was lost; Silence: a soft mount gave up waiting; Corrupt: the disk keeps another bit.
_CALLS: Mapping[type[Fault], tuple[str, int, bool]] = {
    InputOutputError: ("fsync", errno.EIO, False),
    StaleHandle: ("mkdir", errno.ESTALE, False),
    NotAllowed: ("mkdir", errno.EACCES, False),
    DropAfter: ("link", errno.EIO, True),
    Silence: ("fsync", errno.ETIMEDOUT, False),
    Slow: ("fsync", 0, True),
    Corrupt: ("link", 0, True),
}


class FolderBench(Bench):
    #: DropBefore: the share is away.
    faults: ClassVar[tuple[Fault, ...]] = (
        DropBefore(),
        DropAfter(),
        Silence(),
        DiskFull(),
        InputOutputError(),
        StaleHandle(),
    )
    refusals: ClassVar[tuple[Fault, ...]] = (ReadOnly(), NotAllowed())

    def __init__(self, servers: Servers) -> None:
        self.home = servers.new_folder("folder")
        self.path = self.home / "share"
        self.path.mkdir()
        self._filler = self.home / "share" / "filler"
        self._mounted = False
        self._patches = ExitStack()
        self._written: set[tuple[str, int, int]] = set()
        self.document = folder_document(self.path, **self._settings())
        self.destination = open_out(self.document)

    def _settings(self) -> dict[str, object]:
        return {}

    def harm_uploads(self, fault: Fault) -> None:
        if isinstance(fault, DiskFull):
            self._mount_small()
            fill(self._filler)
        elif isinstance(fault, ReadOnly):
            self._mount_small()
            self._remount("ro")
        elif type(fault) in _CALLS:
            call, number, acts = _CALLS[type(fault)]
            harmed = _harmed(getattr(os, call), fault, number, acts)
            self._patches.enter_context(patch.object(os, call, harmed))
        else:
            self.path.rename(self.home / "away")

    def harm_reading(self, fault: Fault) -> None:
        self.harm_uploads(fault)

    def heal(self) -> None:
        self._patches.close()
        if self._mounted:
            self._remount("rw")
        if (self.home / "away").exists():
            (self.home / "away").rename(self.path)
        self._filler.unlink(missing_ok=True)

    def take_down(self) -> None:
        self.harm_uploads(DropBefore())

    def held(self, receipt: Receipt) -> bytes | None:
        file = self._file(receipt)
        return file.read_bytes() if file.exists() else None

    def put(self, staged: StagedInstance) -> None:
        file = self._file(staged.receipt)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(staged.path.read_bytes())

    def remove(self, receipt: Receipt) -> None:
        self._file(receipt).unlink()

    def uploads(self) -> int:
        """How many different files were ever seen here: one that is written again is another one."""
        for file in self._files():
            status = file.stat()
            self._written.add((file.name, status.st_ino, status.st_mtime_ns))
        return len(self._written)

    def close(self) -> None:
        self._patches.close()
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self.path)], check=True)

    def _mount_small(self) -> None:
        mount_small(self.path, "1m")
        self._mounted = True

    def _remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.path)], check=True)

    def _files(self) -> Iterator[Path]:
        return self.path.rglob("*.dcm")

    def _file(self, receipt: Receipt) -> Path:
        names = (receipt.patient_id, receipt.study_instance_uid, receipt.series_instance_uid)
        return self.path.joinpath(*names, f"{receipt.sop_instance_uid}.dcm")


class DicomdirBench(FolderBench):
    def _settings(self) -> dict[str, object]:
        return {"Dicomdir": True}

    def _files(self) -> Iterator[Path]:
        return (file for file in self.path.glob("DICOM/*/*/*/*"))

    def _file(self, receipt: Receipt) -> Path:
        return self.path.joinpath(*file_id(receipt))


def _harmed(real: Callable[..., Any], fault: Fault, number: int, acts: bool) -> Callable[..., Any]:
    """A call of the system that fails as often as the fault says; with no error it is only slow."""
    left = itertools.count(fault.times, -1)

    def call(*arguments: Any, **named: Any) -> None:
        if isinstance(fault, Slow):
            time.sleep(fault.pause)
        harmed = next(left) > 0
        if acts or not harmed:
            real(*arguments, **named)
        if harmed and isinstance(fault, Corrupt):
            _flip_one_bit(arguments[1], named["dst_dir_fd"])
        if harmed and number:
            raise OSError(number, os.strerror(number))

    return call


def _flip_one_bit(name: str, folder: int) -> None:
    descriptor = os.open(name, os.O_RDWR, dir_fd=folder)
    (byte,) = os.pread(descriptor, 1, 20_000)
    os.pwrite(descriptor, bytes([byte ^ 1]), 20_000)
    os.close(descriptor)


def mount_small(path: Path, size: str) -> None:
    """A file system of its own there; only root may do this."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(path)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system can be mounted by root alone")


def fill(filler: Path) -> None:
    """Write until nothing more fits."""
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(descriptor, b"\0" * 4096):
            pass
    except OSError:
        pass
    finally:
        os.close(descriptor)


def folder_document(path: Path, **settings: object) -> dict[str, object]:
    out = {"Type": "Folder", "Path": str(path), "Concurrency": 3, **settings}
    return {"SendIt": {"Destinations": {"out": out}}}
