"""A folder under the contract: a real directory that fills up, goes away, becomes read-only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from sendit.destinations.folder_dicomdir import file_id
from sendit.model import Parcel, Receipt
from tests.destinations.bench import Bench, Servers, open_out
from tests.servers.fault_proxy import DropBefore, Fault


@dataclass
class DiskFull(Fault):
    """There is no room for one more file."""


class FolderBench(Bench):
    faults: ClassVar[tuple[Fault, ...]] = (DropBefore(), DiskFull())  # DropBefore: the share is away
    refusals: ClassVar[tuple[Fault, ...]] = ()
    slownesses: ClassVar[tuple[Fault, ...]] = ()
    corruption: ClassVar[Fault | None] = None

    def __init__(self, servers: Servers) -> None:
        self.home = servers.new_folder("folder")
        self.path = self.home / "share"
        self.path.mkdir()
        self._filler = self.home / "share" / "filler"
        self._mounted = False
        self._written: set[tuple[str, int, int]] = set()
        self.document = folder_document(self.path, **self._settings())
        self.destination = open_out(self.document)

    def _settings(self) -> dict[str, object]:
        return {}

    def harm_uploads(self, fault: Fault) -> None:
        if isinstance(fault, DiskFull):
            self._mount_small()
            fill(self._filler)
        else:
            self.path.rename(self.home / "away")

    def harm_reading(self, fault: Fault) -> None:
        self.harm_uploads(fault)

    def heal(self) -> None:
        if (self.home / "away").exists():
            (self.home / "away").rename(self.path)
        self._filler.unlink(missing_ok=True)

    def take_down(self) -> None:
        self.harm_uploads(DropBefore())

    def held(self, receipt: Receipt) -> bytes | None:
        file = self._file(receipt)
        return file.read_bytes() if file.exists() else None

    def put(self, parcel: Parcel) -> None:
        file = self._file(parcel.receipt)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(parcel.path.read_bytes())

    def remove(self, receipt: Receipt) -> None:
        self._file(receipt).unlink()

    def uploads(self) -> int:
        """How many different files were ever seen here: one that is written again is another one."""
        for file in self._files():
            status = file.stat()
            self._written.add((file.name, status.st_ino, status.st_mtime_ns))
        return len(self._written)

    def close(self) -> None:
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self.path)], check=True)

    def _mount_small(self) -> None:
        mount_small(self.path, "1m")
        self._mounted = True

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
