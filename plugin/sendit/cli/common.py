"""Shared by all commands: common options, the worker's client, output as text or JSON, and the exit with an error."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from sendit.client import Client, socket_path
from sendit.errors import Misconfigured, SendItError

if TYPE_CHECKING:
    from sendit.config.schema import Settings
    from sendit.deidentify.options import Option
    from sendit.journal import Journal

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="orthanc.json, or its folder. Default: $SENDIT_CONFIG, else /etc/orthanc, else that of the demonstration.",
    ),
]
OptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--options",
        metavar="OPTION",
        help="A PS3.15 option, or Research for those that research needs; may be repeated. Default: CleanPixelData. "
        "A wrong name lists all.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]

#: Exit code for wrong use, a wrong configuration, and what has to be tried again later.
CANNOT = 2

#: Columns of characters: no table is wider.
_WIDEST = 2000

#: Standard output. Text that comes from outside goes through `say`, or is escaped: brackets in it are no markup.
console = Console(highlight=False)
#: Standard error.
errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def utc(at: str, *, seconds: bool = False) -> str:
    """Return a time of the API as a person reads it: `2026-01-02 03:04 UTC`."""
    return f"{at[: 19 if seconds else 16].replace('T', ' ')} UTC"


def say(text: str, *, markup: bool = False) -> None:
    """Print a line; on a terminal, break it between words, never within one. Without `markup`, brackets are text."""
    line = Text.from_markup(text) if markup else Text(text)
    if not console.is_terminal:
        console.print(line, soft_wrap=True)
        return
    indent = len(line.plain) - len(line.plain.lstrip())
    body = line[indent:]
    parts = body.divide(_breaks(body.plain, max(console.width - indent - 2, 20)))
    for number, part in enumerate(parts):
        part.rstrip()
        console.print(Text(" " * (indent + 2 * (number > 0))) + part, no_wrap=True, overflow="ignore", crop=False)


def _breaks(text: str, width: int) -> list[int]:
    """Return where lines of so many columns begin in a text, between its words. (Rich would split long ones.)"""
    breaks, begin = [], 0
    for word in re.finditer(r"\S+", text):
        if word.start() > begin and cell_len(text[begin : word.end()]) > width:
            breaks.append(begin := word.start())
    return breaks


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[str] = ()) -> None:
    """Print a table; where it is too wide for the terminal, each row as a block of lines instead. No word is split.

    Args:
        columns: their headings.
        rows: a cell for each column; markup is obeyed, so text from outside has to be escaped.
        numbers: headings of the columns that are aligned to the right.
    """
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=True, justify="right" if name in numbers else "left")
    for row in rows:
        table.add_row(*row)
    needed = Measurement.get(console, console.options.update(width=_WIDEST), table).maximum
    if not console.is_terminal or needed <= console.width:
        Console(file=console.file, highlight=False, width=max(needed, console.width)).print(table)
        return
    for row in rows:
        for number, (name, cell) in enumerate(zip(columns, row, strict=True)):
            if cell:
                say(f"{'  ' * (number > 0)}{name}: {cell}", markup=True)


def print_json(value: Any) -> None:
    """Print a value as JSON: one document, and nothing beside it on standard output."""
    print(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def confirm(question: str) -> None:
    """Ask on standard error, so that standard output is for the result alone; end if the answer is no."""
    typer.confirm(question, abort=True, err=True)


def fail(message: object) -> NoReturn:
    """Print one line on standard error and exit."""
    errors.print(f"sendit: {message}", style="red")
    sys.exit(CANNOT)


def config_path(config: Path | None) -> Path:
    """Return the configuration that was named, or the default one."""
    from sendit.config.file import find_configuration

    return config or find_configuration()


def load_settings(config: Path | None) -> Settings:
    """Return the settings of SendIt.

    Raises:
        Misconfigured: the configuration cannot be read, or is not valid.
    """
    from sendit.config.file import read_configuration
    from sendit.config.schema import load

    return load(read_configuration(config_path(config)))[0]


@contextmanager
def open_journal(config: Path | None) -> Iterator[tuple[Settings, Journal]]:
    """Provide the settings and the journal, without the worker.

    Raises:
        Misconfigured: there is no journal yet, or the user may not open it.
    """
    from sendit.journal import Journal
    from sendit.journal.database import JOURNAL_FILE
    from sendit.storage import data_directory

    settings = load_settings(config)
    if not os.access(settings.data_directory, os.R_OK | os.W_OK | os.X_OK):
        problem = f"{settings.data_directory} does not exist, or you may not open it"
        raise Misconfigured(data_directory.PLACE, problem, "Run this as Orthanc's user or as root.")
    if settings.database == "sqlite" and not (settings.data_directory / JOURNAL_FILE).exists():
        raise Misconfigured(data_directory.PLACE, "it contains no journal yet", "The first start of Orthanc makes it.")
    journal = Journal.open(settings.database, settings.data_directory, upgrade=False)
    try:
        yield settings, journal
    finally:
        journal.close()


def client(config: Path | None, timeout: float = 60) -> Client:
    """Return a client of the worker that runs with this configuration.

    Only DataDirectory is read: the worker may run with a former configuration while the files hold an invalid one, and
    to validate the rest takes a second.
    """
    from sendit.config.file import data_directory

    return Client(socket_path(data_directory(config_path(config))), timeout)


def project_names(incomplete: str) -> list[str]:
    """Return the configured projects that begin so, for completion in a shell; none if they cannot be read."""
    return [name for name in _names("Projects") if name.startswith(incomplete)]


def destination_names(incomplete: str) -> list[str]:
    """Return the configured destinations that begin so, for completion in a shell; none if they cannot be read."""
    return [name for name in _names("Destinations") if name.startswith(incomplete)]


def _names(key: str) -> list[str]:
    from sendit.config.file import find_configuration, read_configuration

    try:
        return list(read_configuration(find_configuration())["SendIt"][key])
    except (SendItError, LookupError, TypeError):
        return []


def required_reason(text: str) -> str:
    """Return a reason without surrounding blanks; it may not be empty."""
    if not text.strip():
        raise typer.BadParameter("give a reason; do not include identifiers", param_hint="--reason")
    return text.strip()


def printable(text: str) -> str:
    """Escape what a terminal would obey, and what cannot be encoded."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def options_named(names: list[str]) -> tuple[list[Option], tuple[str, ...]]:
    """Return the options that were named, and the lists of private attributes that they mean.

    Raises:
        typer.BadParameter: one is no option.
    """
    from sendit.deidentify.options import PRESETS, Option, with_presets
    from sendit.deidentify.profile.private import ALL_VENDORS

    known = [*PRESETS, *(option.value for option in Option)]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(known)}", param_hint="--options")
    options = [Option(name) for name in with_presets(names)]
    return options, (ALL_VENDORS,) if Option.RETAIN_SAFE_PRIVATE in options else ()
