"""Reads a deid recipe, fail-closed: a line that deid would skip with a warning stops SendIt, with its number.

deid's own parser takes the lines apart, so that a line means here what it means there; each line is checked first,
because that parser passes over what it does not know, and calls sys.exit at what it does not like.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sendit.errors import Misconfigured

_ACTIONS = ("ADD", "BLANK", "JITTER", "KEEP", "REMOVE", "REPLACE")
_WITH_VALUE = ("ADD", "JITTER", "REPLACE")
#: JITTER without a value: the patient's keyed offset. deid demands one, so this is put in for it.
_OWN_OFFSET = "func:shift_date"
_NOT_YET = ("filter", "values", "fields", "labels")


@dataclass(frozen=True)
class RecipeText:
    """A recipe as its file holds it; the name stands in messages."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One action of a recipe."""

    recipe: str
    number: int  # counted from 1
    action: str
    field: str
    value: str = ""

    def wrong(self, problem: str, cure: str) -> Misconfigured:
        """The error that names this line."""
        return Misconfigured(f"recipe {self.recipe}, line {self.number}", problem, cure)

    @property
    def origin(self) -> str:
        return f"recipe {self.recipe}, line {self.number}"


def read_recipe(recipe: RecipeText) -> list[Line]:
    """The actions of a recipe, in their order.

    Raises:
        Misconfigured: at the first line that is not understood.
    """
    checked = list(_checked(recipe))
    parsed = _parse(recipe, checked)
    lines = []
    for (number, _), entry in zip(checked, parsed, strict=True):
        value = str(entry.get("value", "")).strip()
        line = Line(recipe.name, number, str(entry["action"]), str(entry["field"]), value)
        if line.action == "REMOVE" and value:
            raise line.wrong("REMOVE with a condition is not available in this version", "Remove the condition.")
        if line.action in _WITH_VALUE and not value:
            raise line.wrong(f"{line.action} needs a value", "Write it after the field.")
        lines.append(line)
    return lines


def _checked(recipe: RecipeText) -> Iterator[tuple[int, str]]:
    """The action lines with their numbers, once everything around them is known to be right."""
    formatted = section = False
    for number, raw in enumerate(recipe.text.splitlines(), start=1):
        text = raw.strip()
        here = Line(recipe.name, number, "", "")
        if not text or text.startswith("#"):
            continue
        if not formatted:
            if not re.fullmatch(r"FORMAT\s+dicom", text):
                raise here.wrong("a recipe begins with its format", "Write as the first line: FORMAT dicom")
            formatted = True
        elif text.startswith("%"):
            _check_section(here, text)
            section = True
        elif not section:
            raise here.wrong("an action stands before its section", "Write %header above it.")
        else:
            yield number, _check_action(here, text)
    if not formatted:
        raise Misconfigured(f"recipe {recipe.name}, line 1", "the recipe is empty", "Write: FORMAT dicom")


def _check_section(here: Line, text: str) -> None:
    name = text[1:].partition("#")[0].strip().lower()
    if name.split(" ")[0] in _NOT_YET:
        problem = f"the section %{name.split(' ')[0]} is not available in this version"
        raise here.wrong(problem, "Remove it, and what stands below it.")
    if name != "header":
        raise here.wrong(f"there is no section %{name}", "Known: %header.")


def _check_action(here: Line, text: str) -> str:
    words = text.split()
    if words[0] not in _ACTIONS:
        hint = f"Did you mean {words[0].upper()}?" if words[0].upper() in _ACTIONS else ""
        raise here.wrong(f"'{words[0]}' is no action", hint or f"Known: {', '.join(_ACTIONS)}.")
    if len(words) < 2 or words[1].startswith("#"):
        raise here.wrong(f"{words[0]} names no field", "Write a keyword or a tag after it.")
    rest = words[2:]
    if words[0] in ("BLANK", "KEEP") and rest and not rest[0].startswith("#") and '"' not in text:
        raise here.wrong(f"{words[0]} takes no value", f"Remove what follows {words[1]}.")
    if words[0] == "JITTER" and (not rest or rest[0].startswith("#")):
        return f"JITTER {words[1]} {_OWN_OFFSET}"
    return text


def _parse(recipe: RecipeText, checked: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
    """deid's view of the lines. That it has one for each of them is checked, not hoped."""
    # Imported here: it is slow to import, and most installations that read no recipe need not wait for it.
    from deid.config.utils import load_deid

    text = "\n".join(["FORMAT dicom", "%header", *(line for _, line in checked)]) + "\n"
    with tempfile.NamedTemporaryFile("w", suffix=".deid", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                parsed = load_deid(file.name).get("header", [])
        except (SystemExit, Exception) as error:  # noqa: BLE001  deid exits, and its text may be anything
            raise _disagreement(recipe, type(error).__name__) from None
    ours = [tuple(line.split()[:2]) for _, line in checked]
    theirs = [(entry["action"], entry["field"].split(" ")[0]) for entry in parsed]
    if ours != theirs:
        raise _disagreement(recipe, "other lines than there are")
    return list(parsed)


def _disagreement(recipe: RecipeText, what: str) -> Misconfigured:
    return Misconfigured(f"recipe {recipe.name}, line 1", f"deid's parser cannot read it ({what})", "Correct it.")
