"""`sendit recipe check` and `sendit recipe explain`: what is wrong with a recipe, and what it would do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sendit.deidentify import FunctionsText, KeyedIdentities, RecipeText, compile_plan
from sendit.deidentify.explain import Row, explain
from sendit.errors import Misconfigured
from sendit.pixel_tools import pixel_tools
from sendit.projects import functions_of, read_text
from sendit.settings import DEFAULT_OPTIONS, Option

recipe_app = typer.Typer(help="Recipes: check them, and see what they would do.", no_args_is_help=True)

FunctionsOption = Annotated[
    Path | None, typer.Option("--functions", help="The project's Python file, with its own func: and var:.")
]
_STYLES = {
    "removed": "red",
    "blanked": "red",
    "replaced": "yellow",
    "shifted": "yellow",
    "cleaned": "red",
    "added": "yellow",
}
#: Codes in the table are examples: the project's own key is not needed, and never used, to see what a recipe does.
_EXAMPLE_KEY = bytes(32)


@recipe_app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Recipes; each is checked for itself.")],
    functions: FunctionsOption = None,
) -> None:
    """Is every line understood? Exit code 2: one is not; the message begins with file and line."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    wrong = 0
    for file in files:
        try:
            compile_plan((), _texts(file, functions))
            console.print(f"{file}: ok")
        except Misconfigured as error:
            wrong += 1
            errors.print(f"{_place(error)}: {error.problem}. {error.cure}", style="red")
    if wrong:
        raise typer.Exit(2)


@recipe_app.command("explain")
def explain_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recipe.")],
    sample: Annotated[Path, typer.Option("--on", metavar="SAMPLE", help="A DICOM file; it is not changed.")],
    options: Annotated[
        list[Option] | None,
        typer.Option("--options", help="Options of the project, each alone. Without any: CleanPixelData."),
    ] = None,
    functions: FunctionsOption = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Values before and after, too: they identify the patient.")
    ] = False,
) -> None:
    """What would happen to each element of SAMPLE, and which rule decides.

    Exit code 1: SAMPLE would not be released. Codes among the values are examples, made without the project's key.
    """
    console = Console(highlight=False, markup=False)
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        plan = compile_plan(options or DEFAULT_OPTIONS, _texts(file, functions))
        content = sample.read_bytes()
        with TemporaryDirectory() as scratch:
            rows = explain(content, plan, KeyedIdentities(_EXAMPLE_KEY), pixel_tools(Path(scratch)))
    except Misconfigured as error:
        errors.print(f"{_place(error)}: {error.problem}. {error.cure}", style="red")
        raise typer.Exit(2) from None
    except OSError as error:
        errors.print(f"{sample}: cannot be read ({error.strerror})", style="red")
        raise typer.Exit(2) from None
    if not isinstance(rows, list):
        errors.print(f"{type(rows).__name__.lower()}: {rows.reason}", style="red")
        raise typer.Exit(1)
    _show(console, rows, show_values)


def _show(console: Console, rows: list[Row], show_values: bool) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("element", "name", "what happens", "decided by", *(("before", "after") if show_values else ())):
        table.add_column(name, overflow="fold")
    for row in rows:
        values = (row.before, row.after) if show_values else ()
        table.add_row(row.tag, row.name, row.happens, row.decided, *values, style=_STYLES.get(row.happens))
    if not console.is_terminal:
        console.width = 1000  # one line for each element, for grep and diff
    console.print(table)
    counts = Counter(row.happens for row in rows)
    console.print(f"{len(rows)} elements: {', '.join(f'{count} {what}' for what, count in sorted(counts.items()))}")


def _texts(file: Path, functions: Path | None) -> list[RecipeText]:
    found: list[RecipeText] = [RecipeText(str(file), read_text(file, str(file), "recipe", str(file)))]
    if functions is not None:
        found.append(_functions(functions))
    return found


def _functions(path: Path) -> FunctionsText:
    return functions_of(path, str(path), str(path))


def _place(error: Misconfigured) -> str:
    """FILE:LINE, as editors and compilers write it."""
    for kind in ("recipe ", "functions "):
        name, found, line = error.place.removeprefix(kind).rpartition(", line ")
        if error.place.startswith(kind) and found:
            return f"{name}:{line}"
    return error.place
