"""Runs one of the other tools over a folder, with what it does by default. Called with the tools' own environment:

    var/bench-venv/bin/python benchmarks/leaks/peers.py TOOL SOURCE DESTINATION

A file that a tool fails on has no output.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def deid(source: Path, target: Path) -> None:
    from deid.config import DeidRecipe
    from deid.dicom import get_identifiers, replace_identifiers

    with tempfile.TemporaryDirectory() as folder:
        identifiers = get_identifiers([str(source)])
        replace_identifiers(
            dicom_files=[str(source)],
            deid=DeidRecipe(),
            ids=identifiers,
            save=True,
            overwrite=True,
            output_folder=folder,
        )
        (written,) = Path(folder).iterdir()
        shutil.move(written, target)


def dicom_anonymizer(source: Path, target: Path) -> None:
    from dicomanonymizer import anonymize_dicom_file

    anonymize_dicom_file(str(source), str(target))


def dicognito(source: Path, target: Path) -> None:
    import pydicom
    from dicognito.anonymizer import Anonymizer

    dataset = pydicom.dcmread(source)
    Anonymizer(seed="benchmark").anonymize(dataset)
    dataset.save_as(target)


TOOLS: dict[str, Callable[[Path, Path], None]] = {
    "deid": deid,
    "dicom-anonymizer": dicom_anonymizer,
    "dicognito": dicognito,
}


def main(tool: str, source: Path, destination: Path) -> None:
    """Every file of `source`; what goes wrong is told on stderr."""
    for path in sorted(source.iterdir()):
        target = destination / path.name
        try:
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                TOOLS[tool](path, target)
        except (Exception, SystemExit) as error:  # noqa: BLE001  deid ends the process in places
            target.unlink(missing_ok=True)
            print(f"{tool} failed on {path.name}: {type(error).__name__}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
