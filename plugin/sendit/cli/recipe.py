"""`sendit recipe check` and `sendit recipe explain`: find errors in a recipe, and show what it would do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.markup import escape

from sendit.cli.common import (
    CANNOT,
    JsonOption,
    OptionsOption,
    errors,
    options_named,
    print_json,
    print_table,
    say,
)
from sendit.errors import Misconfigured, counted

if TYPE_CHECKING:
    from sendit.deidentify import RecipeText
    from sendit.deidentify.explain import Row

recipe_app = typer.Typer(help="Check recipes, and show what they would do.", no_args_is_help=True)

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
#: Codes in the table are examples: the project's own key is neither needed nor used to explain a recipe.
_EXAMPLE_KEY = bytes(32)


@recipe_app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Recipes; each is checked on its own.")],
    functions: FunctionsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every line of recipes. Exit code 2: there is an error; the message begins with file and line."""
    from sendit.deidentify import compile_plan

    results: list[dict[str, Any]] = []
    for file in files:
        try:
            compile_plan((), _texts(file, functions))
            results.append({"file": str(file), "ok": True})
            if not as_json:
                say(f"{file}: ok")
        except Misconfigured as error:
            wrong = {"place": _place(error), "problem": error.problem, "cure": error.remedy}
            results.append({"file": str(file), "ok": False, **wrong})
            if not as_json:
                _print_error(error)
    if as_json:
        print_json({"files": results})
    if not all(one["ok"] for one in results):
        raise typer.Exit(CANNOT)


@recipe_app.command("explain")
def explain_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recipe.")],
    sample: Annotated[Path, typer.Option("--on", metavar="SAMPLE", help="A DICOM file; it is not changed.")],
    options: OptionsOption = None,
    functions: FunctionsOption = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show values before and after, too: they identify the patient.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what would happen to each element of SAMPLE, and which rule decides.

    Exit code 1: SAMPLE would not be released. Codes among the values are examples, made without the project's key.
    """
    from sendit.config.schema import DEFAULT_OPTIONS
    from sendit.deidentify import KeyedIdentities, compile_plan
    from sendit.deidentify.explain import explain
    from sendit.pipeline.pool.pixel_tools import pixel_tools

    chosen, private = options_named(options) if options else (DEFAULT_OPTIONS, ())
    try:
        plan = compile_plan(chosen, _texts(file, functions), private)
        content = sample.read_bytes()
        with TemporaryDirectory() as scratch:
            rows = explain(content, plan, KeyedIdentities(_EXAMPLE_KEY), pixel_tools(Path(scratch)))
    except Misconfigured as error:
        _print_error(error)
        raise typer.Exit(CANNOT) from None
    except OSError as error:
        _refuse(f"{sample}: cannot be read ({error.strerror})", CANNOT)
    if not isinstance(rows, list):
        _refuse(f"{type(rows).__name__.lower()}: {rows.reason}", 1)
    if as_json:
        print_json({"elements": [_element(row, show_values) for row in rows]})
    else:
        _show(rows, show_values)


def _element(row: Row, show_values: bool) -> dict[str, str]:
    values = {"before": row.before, "after": row.after} if show_values else {}
    return {"tag": row.tag, "name": row.name, "happens": row.happens, "decided_by": row.decided, **values}


def _refuse(message: str, code: int) -> NoReturn:
    errors.print(message, style="red")
    raise typer.Exit(code)


def _print_error(error: Misconfigured) -> None:
    errors.print(f"{_place(error)}: {error.problem}. {error.remedy}", style="red")


def _show(rows: list[Row], show_values: bool) -> None:
    columns = ("element", "name", "what happens", "decided by", *(("before", "after") if show_values else ()))
    cells = []
    for row in rows:
        values = (row.before, row.after) if show_values else ()
        style = _STYLES.get(row.happens, "default")
        texts = (row.tag, row.name, row.happens, row.decided, *values)
        cells.append([f"[{style}]{escape(text)}[/]" if text else "" for text in texts])
    print_table(columns, cells)
    counts = Counter(row.happens for row in rows)
    listed = ", ".join(f"{count} {action}" for action, count in sorted(counts.items()))
    say(f"{counted(len(rows), 'element')}: {listed}")


def _texts(file: Path, functions: Path | None) -> list[RecipeText]:
    from sendit.deidentify import RecipeText
    from sendit.pipeline.projects import functions_of, read_text

    texts: list[RecipeText] = [RecipeText(str(file), read_text(file, str(file), "recipe", str(file)))]
    if functions is not None:
        texts.append(functions_of(functions, str(functions), str(functions)))
    return texts


def _place(error: Misconfigured) -> str:
    """Return FILE:LINE, as editors and compilers write it."""
    for kind in ("recipe ", "functions "):
        name, separator, line = error.place.removeprefix(kind).rpartition(", line ")
        if error.place.startswith(kind) and separator:
            return f"{name}:{line}"
    return error.place
