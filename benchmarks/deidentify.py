"""What de-identifying costs: beside pydicom's own read and write of the same file, and in memory.

Both are measured in turn, so that what else the machine does meets both alike. pydicom is measured as it is used by
those who de-identify with it: every element is looked at once.
"""

from __future__ import annotations

import io
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file

from sendit.deidentify import KeyedIdentities, Plan, compile_plan, deidentify
from sendit.model import Released
from sendit.settings import Option

ROUNDS = 300
FILES = 10_000
_PATIENTS = 500  # one after the other
_MOST_RATIO = 0.5
_MOST_GROWTH = 16 << 20  # bytes
_OPTIONS = (
    Option.CLEAN_DESCRIPTORS,
    Option.CLEAN_STRUCTURED_CONTENT,
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
    Option.RETAIN_PATIENT_CHARACTERISTICS,
)
_IDENTITIES = KeyedIdentities(bytes(range(32)))


def main() -> bool:
    """Print the figures; whether they keep their limits."""
    good = True
    for name, options in (("Basic profile", ()), ("with four options", _OPTIONS)):
        ratio = _ratio(compile_plan(options, []))
        print(f"deidentify, {name}: {ratio:.2f} of pydicom's read and write (at most {_MOST_RATIO})")
        good = good and ratio <= _MOST_RATIO
    growth = _growth(compile_plan(_OPTIONS, []))
    print(f"deidentify, memory: grew by {growth / (1 << 20):.1f} MB over {FILES} files")
    return good and growth <= _MOST_GROWTH


def _source(patient: str, side: int) -> bytes:
    """A CT of about 180 elements, of `side` × `side` pixels."""
    found = get_testdata_file("CT_small.dcm", download=False)
    content = pydicom.dcmread(Path(str(found)))
    content.PatientName, content.PatientID = f"Quimby^{patient}", f"MRN-{patient}"
    content.Rows = content.Columns = side
    content.PixelData = bytes(side * side * 2)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, content)
    return buffer.getvalue()


def _by_pydicom(source: bytes) -> None:
    content = pydicom.dcmread(io.BytesIO(source))
    for _ in content.iterall():
        pass
    pydicom.dcmwrite(io.BytesIO(), content)


def _by_sendit(source: bytes, plan: Plan) -> None:
    outcome = deidentify(source, plan, _IDENTITIES)
    assert isinstance(outcome, Released), outcome


def _ratio(plan: Plan) -> float:
    source = _source("Zelda", 128)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):
        theirs.append(_timed(lambda: _by_pydicom(source)))
        ours.append(_timed(lambda: _by_sendit(source, plan)))
    return statistics.median(ours) / statistics.median(theirs)


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _growth(plan: Plan) -> int:
    """By how much memory grew (bytes), once the first thousand files were done."""
    source = _source("000000000", 64)
    chance = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    patients = ["".join(chance.choices(letters, k=9)).encode() for _ in range(_PATIENTS)]
    before = 0
    for number in range(FILES):
        if number == FILES // 10:
            before = _resident()
        patient = patients[number * _PATIENTS // FILES]
        _by_sendit(source.replace(b"000000000", patient), plan)
    return _resident() - before


def _resident() -> int:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise OSError("the system does not say how much memory is in use")
