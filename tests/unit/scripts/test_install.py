"""scripts/install.sh: what it refuses before it changes anything, and that the wheel holds what it takes from it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "install.sh"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prefix"], "--prefix needs a value"),
        (["--uninstall"], "there is no SendIt in"),
        (["--uninstall", "--project", "IRB1"], "--uninstall takes no --project"),
        (["--wheel", str(SCRIPT)], "not a zip file"),
        (["--nonsense", "IRB1"], "there is no option --nonsense"),
        (["--project"], "--project needs a value"),
    ],
)
def test_what_is_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    """Nothing is written: neither below the folder nor, by an oversight, elsewhere."""
    place = [] if arguments == ["--prefix"] else ["--prefix", str(tmp_path / "root")]
    done = subprocess.run([str(SCRIPT), *place, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert message in done.stderr.replace("File is not", "not")
    assert [*tmp_path.iterdir()] == []


def test_help_installs_nothing(tmp_path: Path) -> None:
    """The comment at the top of the script is printed."""
    command = [str(SCRIPT), "--prefix", str(tmp_path / "root"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Installs SendIt beside Debian's Orthanc")
    assert done.stdout.rstrip().endswith("(set aside).")
    assert [*tmp_path.iterdir()] == []


def test_the_wheel_holds_what_the_script_takes_from_it() -> None:
    """The plugin, the locks and the buttons; each is named in the script, or in `sendit init`."""
    builder = WheelBuilder(str(ROOT))
    packed = {Path(file.distribution_path).name for file in builder.recurse_explicit_files(builder.config.shared_data)}
    taken = set(re.findall(r"\$(?:locks|home/share/sendit)/([a-z0-9.-]+)", SCRIPT.read_text("utf-8")))
    assert taken == {"requirements-pip.lock", "requirements.lock", "orthanc-explorer-2.json", "orthanc.service.conf"}
    assert taken | {"sendit_plugin.py"} <= packed
