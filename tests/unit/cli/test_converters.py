"""`sendit recipe from-…` and `sendit config from-sendit`, as they are called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from sendit.cli.app import app
from tests.unit.config.test_from_sendit import CONFIG
from tests.unit.deidentify.converters.test_ctp_pixels import SCRIPT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from typer.testing import Result

WHOLE = (
    '<script>\n<e en="T" t="00100040" n="PatientSex">@keep()</e>\n'
    '<e en="T" t="00081030" n="StudyDescription">@uppercase(this)</e>\n</script>\n'
)


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_files_that_pass_the_check(tmp_path: Path) -> None:
    """What is written is what `sendit recipe check` accepts, and is not overwritten."""
    (tmp_path / "a.script").write_text(WHOLE)
    recipe, functions = tmp_path / "a.deid", tmp_path / "a.py"
    made = call("recipe", "from-ctp", tmp_path / "a.script", "-o", recipe, "--functions", functions)
    assert (made.exit_code, made.stdout) == (0, "")
    assert call("recipe", "check", recipe, "--functions", functions).exit_code == 0
    again = call("recipe", "from-ctp", tmp_path / "a.script", "-o", recipe)
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)


def test_what_is_not_converted(tmp_path: Path) -> None:
    (tmp_path / "a.script").write_text(WHOLE)
    made = call("recipe", "from-ctp", tmp_path / "a.script")
    assert made.exit_code == 1
    assert "KEEP PatientSex" in made.stdout
    assert "StudyDescription (line 3)" in made.stderr
    as_json = call("recipe", "from-ctp", tmp_path / "a.script", "--json")
    answer = json.loads(as_json.stdout)
    assert as_json.exit_code == 1
    [note] = [one for one in answer["notes"] if not one["converted"]]
    assert (note["line"], note["subject"]) == (3, "StudyDescription")


def test_each_kind_of_script(tmp_path: Path) -> None:
    (tmp_path / "p.script").write_text(SCRIPT)
    (tmp_path / "f.script").write_text('Modality.equals("CT")\n')
    (tmp_path / "r.script").write_text('<script><e en="T" t="00100020" n="PatientID">@ptid</e></script>')
    (tmp_path / "r.json").write_text('{"(0x0010, 0x0040)": "keep"}')
    pixels = call("recipe", "from-ctp", tmp_path / "p.script")
    assert (pixels.exit_code, "ctpcoordinates 0,0,512,200" in pixels.stdout) == (1, True)
    assert 'Options": CleanPixelData' in pixels.stderr
    assert "notcontains Modality" in call("recipe", "from-ctp", tmp_path / "f.script").stdout
    rsna = call("recipe", "from-rsna", tmp_path / "r.script")
    assert (rsna.exit_code, "REPLACE PatientID var:patient_id" in rsna.stdout) == (0, True)
    rules = call("recipe", "from-dicom-anonymizer", tmp_path / "r.json")
    assert (rules.exit_code, "KEEP PatientSex" in rules.stdout) == (0, True)


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.py").write_text(CONFIG)
    made = call("config", "from-sendit", tmp_path / "config.py", "-o", tmp_path / "orthanc.json")
    assert made.exit_code == 0, made.stderr
    assert call("config", "check", tmp_path / "orthanc.json").exit_code == 0
    monkeypatch.setenv("SENDIT_CONFIG", str(tmp_path / "orthanc.json"))
    assert call("config", "check").stdout == f"{tmp_path / 'orthanc.json'}: ok\n"
    assert "config.py:9 DATA_BASE" in made.stderr
    (tmp_path / "other.py").write_text("UNHEARD_OF = 1\n")
    both = call("config", "from-sendit", tmp_path / "config.py", tmp_path / "other.py")
    assert (both.exit_code, "UNHEARD_OF" in both.stderr) == (1, True)
    assert json.loads(both.stdout)["SendIt"]["Projects"].keys() == {"IRB41449"}


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.script").write_bytes(b"\xff\xfe\x00")
    for file in ("none.script", "a.script"):
        made = call("recipe", "from-ctp", tmp_path / file)
        assert (made.exit_code, "cannot be read" in made.stderr) == (2, True)
