"""docs/passport.md: its vectors are what the code writes, and sendit-verify takes them."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from tests.passports import kinds, verified
from tests.unit.passport import vectors

PAGE = Path(__file__).parents[3] / "docs" / "passport.md"


def printed() -> dict[str, str]:
    """The vectors as the page prints them."""
    part = PAGE.read_text(encoding="utf-8").partition("## Test vectors")[2]
    return dict(re.findall(r"\*\*([^*]+)\*\*\n\n```text\n(.*?)\n```", part, re.DOTALL))


def test_the_page_prints_what_the_code_writes() -> None:
    """Else call: python -m tests.unit.passport.vectors."""
    assert printed() == vectors.blocks()


def test_the_vectors_verify(tmp_path: Path) -> None:
    """From the page alone, and with the first key alone; the study is not among the revoked ones."""
    page, folder = printed(), tmp_path / "received"
    folder.mkdir()
    (folder / "file.dcm").write_bytes(base64.b64decode(page["the file, Base64"]))
    (folder / "manifest.json").write_text(page["manifest.json"], encoding="utf-8")
    (tmp_path / "project.pub").write_text(page["project.pub"])
    (tmp_path / "old.pub").write_text(
        page["project.pub"].partition("-----END PUBLIC KEY-----")[0] + "-----END PUBLIC KEY-----"
    )
    revoked = tmp_path / "revocations.json"
    revoked.write_text(page["revocations_IRB1.json"])
    for key in ("project.pub", "old.pub"):
        report = verified(folder, tmp_path / key, [revoked])
        assert (report.faults, report.verified) == ([], 1)
    (folder / "manifest.json").write_text(page["manifest.json"].replace('"batch":7', '"batch":8'), encoding="utf-8")
    assert kinds(verified(folder, tmp_path / "project.pub")) == ["signature"]
