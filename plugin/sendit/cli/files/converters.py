"""`sendit recipe from-…` and `sendit config from-sendit`: rules and settings of other tools, converted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sendit.cli.common import CANNOT, JsonOption, errors, print_json
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from sendit.deidentify.converters.conversion import Conversion

_OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write; it must not exist. Default: standard output.")
]
_FunctionsOption = Annotated[
    Path | None,
    typer.Option("--functions", help="Python file to write, with functions for values that are computed."),
]


def from_ctp(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A script of CTP; it is not changed.")],
    output: _OutputOption = None,
    functions: _FunctionsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Convert a script of CTP to a recipe: of DicomAnonymizer, DicomPixelAnonymizer or DicomFilter.

    What differs, and what has no equivalent, is listed on standard error, with the lines of the script.
    Exit code 1: something has no equivalent, and is not in the recipe.
    """
    from sendit.deidentify.converters.ctp import from_ctp
    from sendit.deidentify.converters.ctp_pixels import (
        from_filter_script,
        from_pixel_script,
        is_filter_script,
        is_pixel_script,
    )

    def convert(name: str, text: str) -> Conversion:
        if is_pixel_script(text):
            return from_pixel_script(name, text)
        if is_filter_script(text):
            return from_filter_script(name, text)
        return from_ctp(name, text, functions=functions is not None)

    _convert(script, convert, output, functions, as_json)


def from_rsna(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A script of the RSNA Anonymizer.")],
    output: _OutputOption = None,
    functions: _FunctionsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Convert a script of the RSNA Anonymizer (default-anonymizer.script) to a recipe.

    Exit code 1: something has no equivalent, and is not in the recipe; see `sendit recipe from-ctp`.
    """
    from sendit.deidentify.converters.ctp import from_ctp

    def convert(name: str, text: str) -> Conversion:
        return from_ctp(name, text, functions=functions is not None, rsna=True)

    _convert(script, convert, output, functions, as_json)


def from_dicom_anonymizer(
    rules: Annotated[Path, typer.Argument(metavar="RULES", help="The JSON file of --dictionary.")],
    output: _OutputOption = None,
    functions: _FunctionsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Convert the rules of dicom-anonymizer to a recipe.

    Exit code 1: something has no equivalent, and is not in the recipe; see `sendit recipe from-ctp`.
    """
    from sendit.deidentify.converters.dicom_anonymizer import from_dicom_anonymizer

    def convert(name: str, text: str) -> Conversion:
        return from_dicom_anonymizer(name, text, functions=functions is not None)

    _convert(rules, convert, output, functions, as_json)


def from_sendit(
    settings: Annotated[
        list[Path],
        typer.Argument(
            metavar="SETTINGS.py…", help="Settings of pydicom/sendit; of several files the last one decides."
        ),
    ],
    output: _OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Convert the settings of pydicom/sendit, the first SendIt, to a part of orthanc.json. The files are not run.

    What differs, and what has no equivalent, is listed on standard error. Secrets are neither shown nor copied.
    Exit code 1: something has no equivalent.
    """
    from sendit.config.from_sendit import from_sendit
    from sendit.config.schema import load

    try:
        document, notes = from_sendit({str(path): _read(path) for path in settings})
        load(document)
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        _write({output: text} if output else {})
    except Misconfigured as error:
        _refuse(error)
    if as_json:
        print_json({"configuration": document, "notes": [asdict(note) for note in notes]})
    else:
        if output is None:
            typer.echo(text, nl=False)
        _tell([(f"{note.file}:{note.line} {note.setting}", note.reason, note.converted) for note in notes])
    if not all(note.converted for note in notes):
        raise typer.Exit(1)


def _convert(
    script: Path,
    convert: Callable[[str, str], Conversion],
    output: Path | None,
    functions: Path | None,
    as_json: bool,
) -> None:
    try:
        made = convert(script.name, _read(script))
        files = {output: made.recipe} if output else {}
        if functions is not None and made.functions:
            files[functions] = made.functions
        _write(files)
    except Misconfigured as error:
        _refuse(error)
    if as_json:
        notes = [
            {"line": n.line, "subject": n.subject, "reason": n.reason, "converted": n.converted} for n in made.notes
        ]
        parts = {"recipe": made.recipe, "functions": made.functions, "options": list(made.options)}
        print_json({**parts, "notes": notes})
    else:
        if output is None:
            typer.echo(made.recipe, nl=False)
        if made.options:
            errors.print(f'Add to the project\'s "Options": {", ".join(made.options)}')
        _tell([(f"{n.subject} (line {n.line})" if n.line else n.subject, n.reason, n.converted) for n in made.notes])
    if not made.whole:
        raise typer.Exit(1)


def _tell(notes: Sequence[tuple[str, str, bool]]) -> None:
    """Print notes on standard error: first what has no equivalent; what has the same reason stands together."""
    for converted, title in ((False, "Not converted:"), (True, "Converted, with a difference:")):
        by_reason: dict[str, list[str]] = {}
        for subject, reason, state in notes:
            if state is converted:
                by_reason.setdefault(reason, []).append(subject)
        if by_reason:
            errors.print(title, style="" if converted else "red")
        for reason, subjects in by_reason.items():
            errors.print(f"  {', '.join(subjects)}: {reason}")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise Misconfigured(str(path), f"it cannot be read ({reason})", "Give a text file in UTF-8.") from None


def _write(files: Mapping[Path, str]) -> None:
    """Write new files; none is overwritten."""
    for path in files:
        if path.exists():
            raise Misconfigured(str(path), "it exists already", "Name another file. Nothing was written.")
    for path, text in files.items():
        try:
            path.write_text(text, "utf-8")
        except OSError as error:
            problem = f"it cannot be written ({error.strerror})"
            raise Misconfigured(str(path), problem, "Name another file.") from None


def _refuse(error: Misconfigured) -> NoReturn:
    errors.print(f"{error.place}: {error.problem}. {error.remedy}", style="red")
    raise typer.Exit(CANNOT)
