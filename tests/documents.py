"""What the tests of documents share: blocks of a page, and a console that runs their commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from sendit.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[1] / "docs"
#: A block, behind the name of the file that it is.
BLOCK = re.compile(r"(?:^`(?P<name>[^`\n]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield title and content of each section of a page."""
    for part in text.split("\n## ")[1:]:
        title, _, content = part.partition("\n")
        yield title, content


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console with what it prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed


class Console:
    """Runs commands as a shell would; only those that the pages use."""

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


def run_section(content: str) -> int:
    """Write each file of a section into the current folder, run each command, and return how many there were."""
    console, ran = Console(), 0
    for block in BLOCK.finditer(content):
        if block["kind"] != "console":
            assert block["name"], f"a block of {block['kind']} has no name of a file above it"
            Path(block["name"]).write_text(block["content"], "utf-8")
            continue
        for command, printed in commands(block["content"]):
            assert console.run(command) == printed, command
            ran += 1
    return ran
