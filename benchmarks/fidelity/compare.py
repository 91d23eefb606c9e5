"""Compares what dcm2niix makes of a series before and after, and says which differences have a reason."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: Fields of a sidecar that identify, or are dates: they have to differ, or to be gone.
_IDENTIFY = "identifies"
_DATE = "a date: moved by whole weeks"
_TEXT = "free text, cleaned: words that may be somebody's are cut"
_NOTE = "a note of the author of a research sequence, with an identifier of a build"
_MARK = "says that it was de-identified"
_BY_REASON = {
    _IDENTIFY: """AccessionNumber DeviceSerialNumber InstitutionAddress InstitutionName InstitutionalDepartmentName
        PatientBirthDate PatientID PatientName ReferringPhysicianName SeriesInstanceUID StationName StudyID
        StudyInstanceUID""",
    _DATE: "AcquisitionDateTime",
    _NOTE: "WipMemBlock",
    _TEXT: "ImageComments ProcedureStepDescription ProtocolName SeriesDescription StudyDescription",
    _MARK: "DeidentificationMethod DeidentificationMethodCodeSequence",
}
REASONS: Mapping[str, str] = {name: reason for reason, names in _BY_REASON.items() for name in names.split()}
#: Bytes of a NIfTI-1 header in which dcm2niix writes the comment of the image (aux_file).
_COMMENT = slice(228, 252)


@dataclass(slots=True)
class Result:
    """What became of one series."""

    images: int = 0
    equal_images: int = 0
    tables: int = 0  # of b-values and vectors
    equal_tables: int = 0
    fields: int = 0
    equal_fields: int = 0
    explained: dict[str, str] = field(default_factory=dict)  # field → reason
    unexplained: list[str] = field(default_factory=list)  # with both values: series of the benchmark hold nobody's
    held: list[str] = field(default_factory=list)  # why instances were not released

    @property
    def good(self) -> bool:
        """Whether nothing differs without a reason, and everything was released."""
        return not (self.unexplained or self.held) and self.images > 0


def convert(program: str, source: Path, target: Path) -> str:
    """Run dcm2niix; return its version."""
    target.mkdir(parents=True)
    command = [program, "-f", "s%s_e%e", "-z", "n", "-b", "y", "-ba", "n", "-o", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=600)
    match = re.search(r"v1\.0\.\d{8}", done.stdout.decode("latin-1"))
    return match[0] if match else "of an unknown version"


def compare(before: Path, after: Path, result: Result) -> None:
    """Add what differs between two folders that dcm2niix wrote."""
    names = {path.name for folder in (before, after) for path in folder.iterdir()}
    for name in sorted(names):
        one, other = before / name, after / name
        if not (one.exists() and other.exists()):
            result.unexplained.append(f"{name} is there {'before' if one.exists() else 'after'} only")
            result.images += name.endswith(".nii")
        elif name.endswith(".json"):
            _sidecars(json.loads(one.read_text("utf-8")), json.loads(other.read_text("utf-8")), result)
        elif name.endswith(".nii"):
            _images(name, one.read_bytes(), other.read_bytes(), result)
        else:
            result.tables += 1
            same = one.read_bytes() == other.read_bytes()
            result.equal_tables += same
            if not same:
                result.unexplained.append(f"{name}: {one.read_text()[:80]!r} → {other.read_text()[:80]!r}")


def _images(name: str, one: bytes, other: bytes, result: Result) -> None:
    result.images += 1
    if one == other:
        result.equal_images += 1
    elif (one[: _COMMENT.start], one[_COMMENT.stop :]) == (other[: _COMMENT.start], other[_COMMENT.stop :]):
        result.equal_images += 1
        result.explained["aux_file (ImageComments)"] = _TEXT
    else:
        places = [index for index, (a, b) in enumerate(zip(one[:348], other[:348], strict=False)) if a != b]
        result.unexplained.append(f"{name}: {len(one)} → {len(other)} bytes, header differs at {places[:8]}")


def _sidecars(one: Mapping[str, Any], other: Mapping[str, Any], result: Result) -> None:
    for key in sorted({*one, *other}):
        result.fields += 1
        if one.get(key) == other.get(key):
            result.equal_fields += 1
        elif key in REASONS and _is_allowed(key, one.get(key), other.get(key)):
            result.explained[key] = REASONS[key]
        else:
            result.unexplained.append(f"{key}: {_short(one.get(key))} → {_short(other.get(key))}")


def _is_allowed(key: str, one: Any, other: Any) -> bool:
    """Times of day stay where dates move; of a text, words go and none come."""
    if key == "AcquisitionDateTime":
        return one is None or other is None or str(one)[10:] == str(other)[10:]
    if REASONS[key] is _TEXT:
        return set(_words(other)) <= set(_words(one))
    return True


def _words(value: Any) -> Iterator[str]:
    return (match[0] for match in re.finditer(r"[^\W_]+", str(value or "")))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"
