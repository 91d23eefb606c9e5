"""What `sendit init` writes is what `sendit doctor` is content with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.servers.orthanc import OrthancServer


def sendit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "sendit"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_doctor_finds_nothing_wrong(tmp_path: Path) -> None:
    """With an Orthanc as the destination, and the profile for research; and `config check` agrees."""
    target = OrthancServer(tmp_path / "target", name="TARGET").start()
    try:
        answers = {
            "--data-directory": str(tmp_path / "data"),
            "--project": "IRB1",
            "--studies": "modality:CT,MR",
            "--destination": "OrthancPeer",
            "--address": target.url,
            "--profile": "Research",
        }
        done = sendit("init", str(tmp_path / "etc"), "--json", *(word for pair in answers.items() for word in pair))
        assert done.returncode == 0, done.stderr
        configuration = str(tmp_path / "etc" / "orthanc.json")
        assert json.loads(done.stdout)["files"][0] == configuration
        checked = sendit("doctor", "--json", "--config", configuration)
        answer = json.loads(checked.stdout)
        assert [check for check in answer["checks"] if not check["ok"]] == [], checked.stderr
        assert (answer["ok"], checked.returncode) == (True, 0)
        assert {"project IRB1", "destination research", "plugin"} <= {check["name"] for check in answer["checks"]}
        assert json.loads(sendit("config", "check", "--json", configuration).stdout) == {"ok": True}
        assert json.loads(sendit("config", "check", "--json", str(tmp_path / "none")).stdout)["ok"] is False
    finally:
        target.stop()
