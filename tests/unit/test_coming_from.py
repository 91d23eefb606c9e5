"""Every file and command of docs/coming-from.md, in their order: what is printed is what stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from sendit.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "coming-from.md").read_text("utf-8")
#: A block, behind the name of the file that it is.
BLOCK = re.compile(r"(?:^`(?P<name>[^`\n]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)


def _sections() -> Iterator[tuple[str, str]]:
    for part in TEXT.split("\n## ")[1:]:
        title, _, content = part.partition("\n")
        yield title, content


SECTIONS = list(_sections())


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console with what it prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed


class Console:
    """Runs commands as a shell would; only those that the page uses."""

    def __init__(self) -> None:
        self.code = 0

    def run(self, command: str) -> str:
        program, *arguments = shlex.split(command, comments=True)
        if program == "cat":
            return Path(arguments[0]).read_text("utf-8")
        if (program, arguments) == ("echo", ["$?"]):
            return f"{self.code}\n"
        assert program == "sendit", command
        result = CliRunner().invoke(app, arguments)
        self.code = result.exit_code
        return result.stdout + result.stderr


@pytest.mark.parametrize(("title", "content"), SECTIONS, ids=[title for title, _ in SECTIONS])
def test_a_section(title: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    console, ran = Console(), 0
    for block in BLOCK.finditer(content):
        if block["kind"] != "console":
            assert block["name"], f"a block of {block['kind']} has no name of a file above it"
            Path(block["name"]).write_text(block["content"], "utf-8")
            continue
        for command, printed in commands(block["content"]):
            assert console.run(command) == printed, command
            ran += 1
    assert ran


def test_the_whole_page_is_read() -> None:
    """No block stands outside of a section, and no section is without a table."""
    assert "```" not in TEXT.split("\n## ")[0]
    assert sum(content.count("```") for _, content in SECTIONS) == 2 * len(BLOCK.findall(TEXT))
    assert all("| --- | --- |" in content for _, content in SECTIONS)
    assert [title for title, _ in SECTIONS] == [
        "Coming from CTP",
        "Coming from pydicom/sendit",
        "Coming from the RSNA Anonymizer",
        "Coming from dicom-anonymizer",
        "Coming from deid",
        "Coming from Orthanc's /anonymize",
    ]
