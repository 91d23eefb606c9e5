"""Write plugin/sendit/deidentify/tables/software.txt: names of programs, commands and filters of medical imaging.

python -m scripts.software DEBS NIPYPE

DEBS is a folder with Debian's packages dcmtk, libgdcm-tools, mrtrix3, dcm2niix, nifti-bin, vtk-dicom-tools,
plastimatch, dicom3tools, minc-tools, connectome-workbench, medcon, pixelmed-apps and elastix (apt-get download), of
which the names of the programs are taken. NIPYPE is the unpacked wheel of nipype from PyPI, of which the names of
commands (N4BiasFieldCorrection) and of interfaces to ANTs, FSL, FreeSurfer, AFNI, SPM and others are taken. Left out
are names of persons, and what other tables have.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sendit.deidentify.text.vocabulary import is_known
from sendit.deidentify.text.words.sorted_words import is_listed_name

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = Path(__file__).parents[1] / "plugin" / "sendit" / "deidentify" / "tables" / "software.txt"
_PROGRAM = re.compile(r"/bin/([A-Za-z][\w\-]+)$", re.MULTILINE)
_COMMAND = re.compile(r"_cmd = [\"']([A-Za-z]\w+)")
_INTERFACE = re.compile(r"^class ([A-Z]\w+)\(", re.MULTILINE)
_NO_INTERFACE = re.compile("Spec$|Base|Command|Test|Input|Output|Info$")
_SHORTEST = 4  # letters
_HEAD = """\
# Names of programs, commands and filters of medical imaging, as descriptions of a derivation and algorithms have
# them (terms_of_attributes.txt says where they stay), in lower case. Written by python -m scripts.software.
"""


def names(packages: Path, nipype: Path) -> Iterator[str]:
    """Yield the names of all programs, commands and interfaces."""
    for package in sorted(packages.glob("*.deb")):
        yield from _PROGRAM.findall(
            subprocess.run(["dpkg-deb", "-c", package], check=True, capture_output=True, text=True).stdout
        )
    for source in sorted((nipype / "nipype" / "interfaces").rglob("*.py")):
        text = source.read_text("utf-8")
        yield from _COMMAND.findall(text)
        yield from (name for name in _INTERFACE.findall(text) if not _NO_INTERFACE.search(name))


def words(packages: Path, nipype: Path) -> list[str]:
    """Return the names that are nobody's, in alphabetical order."""
    found = {name.lower() for name in names(packages, nipype)}
    return sorted(name for name in found if len(name) >= _SHORTEST and not _is_plain(name) and not _is_name(name))


def _is_plain(name: str) -> bool:
    """Return whether a name is in other tables; with a digit, it could be somebody's number there."""
    return name.isalpha() and is_known(name)


def _is_name(name: str) -> bool:
    return any(is_listed_name(part) for part in re.findall(r"[^\W\d_]{3,}", name))


if __name__ == "__main__":
    TABLE.write_text(_HEAD + "\n".join(words(Path(sys.argv[1]), Path(sys.argv[2]))) + "\n", "utf-8")
