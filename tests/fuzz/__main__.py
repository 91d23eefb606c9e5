"""Coverage-guided fuzzing of the engine or of the recipe reader. Not part of the test runs: it has no end.

    .venv/bin/pip install atheris
    .venv/bin/python -m tests.fuzz engine -max_total_time=600
    .venv/bin/python -m tests.fuzz recipe -max_total_time=600

Whatever comes in, the engine answers Released, or Rejected or Quarantined with a reason, and the reader gives a plan or
refuses with Misconfigured. Anything else ends the run, with the input in a file `crash-…`; an input that takes longer
than libFuzzer's -timeout does so, too. What was found becomes a test in tests/unit/deidentify/.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sendit.deidentify"]):
    from sendit.deidentify import KeyedIdentities, RecipeText, compile_plan, deidentify

from pydicom.data import get_testdata_file

from sendit.errors import Misconfigured
from sendit.model import Quarantined, Released

_PLAN = compile_plan([], [])
_IDENTITIES = KeyedIdentities(bytes(range(32)))
_SEEDS = ("rtplan.dcm", "reportsi.dcm", "nested_priv_SQ.dcm", "image_dfl.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm")


def engine(content: bytes) -> None:
    """One input to the engine, as it is and behind a true beginning."""
    for source in (content, b"\0" * 128 + b"DICM" + content):
        outcome = deidentify(source, _PLAN, _IDENTITIES)
        if isinstance(outcome, Released):
            continue
        if not outcome.reason or (isinstance(outcome, Quarantined) and "fault of SendIt" in outcome.reason):
            raise AssertionError(outcome.reason)


def recipe(content: bytes) -> None:
    """One input to the recipe reader."""
    with contextlib.suppress(Misconfigured):
        compile_plan([], [RecipeText("fuzz.deid", content.decode("utf-8", "replace"))])


def main() -> None:
    """The first argument names the target, the others are libFuzzer's."""
    target = {"engine": engine, "recipe": recipe}[sys.argv[1]]
    with tempfile.TemporaryDirectory(prefix="sendit-fuzz-") as folder:
        if target is engine:
            for name in _SEEDS:
                found = get_testdata_file(name, download=False)
                (Path(folder) / name).write_bytes(Path(str(found)).read_bytes()[:30_000])
        else:
            (Path(folder) / "seed").write_text("FORMAT dicom\n%header\nKEEP PatientSex\nJITTER StudyDate -7\n")
        atheris.Setup([sys.argv[0], "-max_len=32000", "-timeout=20", *sys.argv[2:], folder], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
