"""Reads a deid recipe, fail-closed: a line that deid would skip with a warning stops SendIt, with its number.

deid's own parser takes the lines apart, so that a line means here what it means there; each line is checked first,
because that parser passes over what it does not know, and calls sys.exit at what it does not like.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
    lines = []
    for here, text in _checked(recipe):
        entry = _parse(here, text)
        line = replace(here, action=entry["action"], field=entry["field"], value=str(entry.get("value", "")).strip())
        if line.action == "REMOVE" and line.value:
            raise line.wrong("REMOVE with a condition is not available in this version", "Remove the condition.")
        lines.append(line)
    return lines


def _checked(recipe: RecipeText) -> Iterator[tuple[Line, str]]:
    """The places and texts of the action lines, once everything around them is known to be right."""
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
            yield here, _check_action(here, text)
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
    said = text.partition("#")[0].rstrip()
    if said.count('"') % 2 or said.count("'") % 2:
        raise here.wrong("a quotation mark stands alone", "deid's parser would drop it: write the line without it.")
    rest = said.split()[2:]
    if words[0] in ("BLANK", "KEEP") and rest and '"' not in said:
        raise here.wrong(f"{words[0]} takes no value", f"Remove what follows {words[1]}.")
    if words[0] == "JITTER" and not rest:
        return f"{said} {_OWN_OFFSET}"
    if words[0] in _WITH_VALUE and not rest:
        raise here.wrong(f"{words[0]} needs a value", "Write it after the field.")
    return said


def _parse(here: Line, text: str) -> dict[str, Any]:
    """deid's view of a line. That it takes the line for what it is, is checked and not hoped."""
    # Imported here: only those who have recipes need to wait for it.
    from deid.config.utils import load_deid
    from deid.logger import bot

    with tempfile.NamedTemporaryFile("w", suffix=".deid", encoding="utf-8") as file:
        file.write(f"FORMAT dicom\n%header\n{text}\n")
        file.flush()
        streams = bot.errorStream, bot.outputStream
        bot.errorStream = bot.outputStream = io.StringIO()
        try:
            entries = load_deid(file.name)["header"]
        except (SystemExit, Exception) as error:  # noqa: BLE001  deid exits, and may raise anything
            raise here.wrong(f"deid's parser cannot read this line ({type(error).__name__})", "Correct it.") from None
        finally:
            bot.errorStream, bot.outputStream = streams
    action, field = text.split()[:2]
    if len(entries) != 1 or entries[0]["action"] != action or entries[0]["field"].split()[0] != field:
        raise here.wrong("deid's parser takes this line for another one", "Write it more simply.")
    return dict(entries[0])
