"""However a decoder ends, its instance is held with a reason, all others go on, and nothing of its trace is printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dicom import StudyMaker
from tests.pixels import RLE, Kind, file_of, image

pytestmark = pytest.mark.slow


_SENDIT = Path(sys.executable).with_name("sendit")
#: In every process of the run: the decoder of RLE does what it is told to.
_BROKEN = """
from sendit.deidentify.pixels import codecs

class Panic(BaseException):
    def __reduce__(self):
        raise TypeError("cannot be pickled: QUIXWORTH")

class Broken:
    available_plugins = ("pylibjpeg",)
    def as_array(self, *_, **__):
        import ctypes, os, signal, sys
        os.write(2, b"a trace with QUIXWORTH in it")
        {way}

real = codecs.get_decoder
codecs.get_decoder = lambda uid: Broken() if uid == "1.2.840.10008.1.2.5" else real(uid)
"""
_WAYS = {
    "panics": "raise Panic('QUIXWORTH')",
    "leaves": "sys.exit('QUIXWORTH')",
    "wants to stop": "raise KeyboardInterrupt",
    "aborts": "os.abort()",
    "crashes": "ctypes.string_at(0)",
    "exits": "os._exit(0)",
    "hangs": "signal.alarm(1); __import__('re').match('(a+)+$', 'a' * 60 + 'b')",
    "takes all memory": "bytearray(1 << 44)",
    "takes memory bit by bit": "kept = [bytearray(256 << 20) for _ in range(1 << 12)]",
    "nests too deep": "f = lambda: f(); f()",
}


@pytest.mark.timeout(600)  # three processes are started, one after the other
@pytest.mark.parametrize(
    "way", [w if w != "takes memory bit by bit" else pytest.param(w, marks=pytest.mark.slow) for w in _WAYS]
)
def test_a_decoder_that_ends_otherwise(way: str, tmp_path: Path) -> None:
    """Two innocent instances beside it leave; the exit code says that something was held."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(_BROKEN.format(way=_WAYS[way]))
    source = tmp_path / "in"
    source.mkdir()
    (source / "1.dcm").write_bytes(file_of(image(Kind(RLE, "MONOCHROME2", 8, 8, vr="OB"))))
    for number, content in enumerate(StudyMaker().instances(2)):
        (source / f"innocent {number}.dcm").write_bytes(content)
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path / "broken")}
    command = [str(_SENDIT), "deidentify", str(source), str(tmp_path / "out"), "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    lines = [json.loads(line) for line in (tmp_path / "out" / "receipts.jsonl").read_text().splitlines()]
    found = {line["path"]: (line["status"], line["reason"]) for line in lines}
    assert found.pop("1.dcm")[0] == "quarantined"
    assert {status for status, _ in found.values()} == {"released"}
    assert len(found) == 2
    assert done.returncode == 3
    for word in ("QUIXWORTH", "Traceback", "trace"):
        assert word not in done.stdout + done.stderr + json.dumps(lines)


def test_a_run_that_breaks_has_a_code_of_its_own(tmp_path: Path) -> None:
    """A fault of SendIt outside of an instance: no trace, a message, and what to do."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(
        "from sendit.cli.files.folder import FolderRun\n"
        "def broken(*_): raise ZeroDivisionError('QUIXWORTH')\n"
        "FolderRun._outcome = broken\n"
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.dcm").write_bytes(StudyMaker().instance())
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path / "broken")}
    command = [str(_SENDIT), "deidentify", str(tmp_path / "in"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert "a fault of SendIt (ZeroDivisionError) ended the run" in done.stderr
    assert "QUIXWORTH" not in done.stdout + done.stderr
