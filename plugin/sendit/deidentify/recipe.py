"""Reads a deid recipe, fail-closed: a line that deid would skip with a warning stops SendIt, with its number.

deid's own parser takes the lines apart, so that a line means here what it means there; each line is checked first,
because that parser passes over what it does not know, and calls sys.exit at what it does not like.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sendit.deidentify.deid_functions import translated
from sendit.deidentify.fields import nearest
from sendit.deidentify.recipe_filter import GROUPS, Label, coordinates, criterion
from sendit.errors import Misconfigured

_ACTIONS = ("ADD", "BLANK", "JITTER", "KEEP", "REMOVE", "REPLACE")
_WITH_VALUE = ("ADD", "JITTER", "REPLACE")
_SECTIONS = ("header", "fields", "values", "labels", "filter")
_NAMED = ("fields", "values", "filter")
#: JITTER without a value: the patient's keyed offset. deid demands one, so this is put in for it.
_OWN_OFFSET = "func:shift_date"


@dataclass(frozen=True)
class RecipeText:
    """A recipe as its file holds it; the name stands in messages."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One action of a recipe, or one line of a %fields or %values group."""

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


#: The lines of groups, by the names of the groups.
Groups = Mapping[str, tuple[Line, ...]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe, read. Lines stand in the order of the file."""

    name: str
    lines: tuple[Line, ...]
    fields: Groups  # %fields NAME: lines FIELD
    values: Groups  # %values NAME: lines FIELD and SPLIT
    filters: tuple[Label, ...]  # of all %filter groups


def read_recipe(recipe: RecipeText) -> Recipe:
    """All that a recipe says.

    Raises:
        Misconfigured: at the first line that is not understood.
    """
    return _Reading(recipe).read()


@dataclass(slots=True)
class _Reading:
    """A recipe while it is read, from top to bottom."""

    recipe: RecipeText
    section: str = ""
    group: str = ""
    lines: list[Line] = field(default_factory=list)
    fields: dict[str, list[Line]] = field(default_factory=dict)
    values: dict[str, list[Line]] = field(default_factory=dict)
    filters: list[Label] = field(default_factory=list)

    def read(self) -> Recipe:
        formatted = False
        for number, raw in enumerate(self.recipe.text.splitlines(), start=1):
            text = raw.strip()
            here = Line(self.recipe.name, number, "", "")
            if not text or text.startswith("#"):
                continue
            if not formatted:
                if not re.fullmatch(r"FORMAT\s+dicom", text.partition("#")[0].strip()):
                    raise here.wrong("a recipe begins with its format", "Write as the first line: FORMAT dicom")
                formatted = True
            elif text.startswith("%"):
                self._begin(here, text)
            elif not self.section:
                raise here.wrong("an action stands before its section", "Write %header above it.")
            else:
                _READERS[self.section](self, here, text)
        if not formatted:
            raise Misconfigured(f"recipe {self.recipe.name}, line 1", "the recipe is empty", "Write: FORMAT dicom")
        for label in self.filters:
            label.check_whole()
        fields, values = (_frozen(groups) for groups in (self.fields, self.values))
        return Recipe(self.recipe.name, tuple(self.lines), fields, values, tuple(self.filters))

    def _begin(self, here: Line, text: str) -> None:
        """A new section, or a new group of it."""
        section, *names = text[1:].partition("#")[0].split() or [""]
        section = section.lower()
        if section not in _SECTIONS:
            raise here.wrong(f"there is no section %{section}", nearest(section, (f"%{name}" for name in _SECTIONS)))
        if section in _NAMED and len(names) != 1:
            raise here.wrong(
                f"%{section} needs a name of one word", f"Write for example %{section} {_EXAMPLES[section]}"
            )
        if section not in _NAMED and names:
            raise here.wrong(f"%{section} takes no name", f"Write %{section} alone.")
        self.section, self.group = section, "".join(names)
        if section == "filter" and self.group.lower() not in GROUPS:
            raise here.wrong(f"there is no %filter {self.group}", nearest(self.group, GROUPS))
        if section in ("fields", "values"):
            (self.fields if section == "fields" else self.values).setdefault(self.group, [])

    def _action(self, here: Line, text: str) -> None:
        said = _check_action(here, text)
        entry = _parse(here, "header", said)
        self.lines.append(_line(here, entry))

    def _label(self, here: Line, text: str) -> None:
        """%labels: deid reads such lines and does nothing with them; so does SendIt, once they are sound."""
        _parse(here, "labels", _check_action(here, text))

    def _member(self, here: Line, text: str) -> None:
        """A line of a %fields or %values group."""
        word, *rest = _said(here, text).split()
        actions = ("FIELD",) if self.section == "fields" else ("FIELD", "SPLIT")
        if word not in actions:
            raise here.wrong(f"'{word}' is no action of %{self.section}", nearest(word, actions))
        if not rest:
            raise here.wrong(f"{word} names no field", "Write a keyword or a tag after it.")
        entry = _parse(here, f"{self.section} group", _said(here, text))
        line = _line(here, entry)
        if word == "FIELD" and len(line.field.split()) == 1 and entry.get("value"):
            raise here.wrong("FIELD takes no options", f"Remove what follows {line.field}.")
        split_options(line)
        (self.fields if self.section == "fields" else self.values)[self.group].append(line)

    def _criterion(self, here: Line, text: str) -> None:
        """A line of a %filter group."""
        if text.split()[0].upper() == "LABEL":
            name = text.partition("#")[0].split(maxsplit=1)[1:]
            if not name:
                raise here.wrong("LABEL has no name", "Write one after it.")
            self.filters.append(Label(here.origin, GROUPS[self.group.lower()], name[0].strip(), []))
        elif not self.filters or self.filters[-1].group != GROUPS[self.group.lower()]:
            raise here.wrong("a criterion stands before its label", "Write LABEL and a name above it.")
        elif (region := coordinates(here, text)) is not None:
            self.filters[-1].coordinates.append(region)
        else:
            self.filters[-1].criteria.append(criterion(here, text))


def _frozen(groups: Mapping[str, list[Line]]) -> Groups:
    return {name: tuple(lines) for name, lines in groups.items()}


_EXAMPLES = {"fields": "dates", "values": "patient", "filter": "blacklist"}
_READERS: Mapping[str, Callable[[_Reading, Line, str], None]] = {
    "header": _Reading._action,
    "labels": _Reading._label,
    "fields": _Reading._member,
    "values": _Reading._member,
    "filter": _Reading._criterion,
}


def split_options(line: Line) -> tuple[str, int]:
    """Of a line SPLIT: by what, and how many characters a part has at least. deid: a space, and one.

    Raises:
        Misconfigured: an option that is not known.
    """
    by, least = " ", 1
    for option in filter(None, line.value.split(";")):
        name, equals, value = (part.strip() for part in option.partition("="))
        if name == "by" and equals and value.strip("'\""):
            by = value.strip("'\"")
        elif name == "minlength" and re.fullmatch(r"[1-9]\d{0,3}", value):
            least = int(value)
        else:
            raise line.wrong(
                f"'{option.strip()}' is no option of SPLIT", 'Known: by="^" and minlength=4, with ; between.'
            )
    return by, least


def _said(here: Line, text: str) -> str:
    """The line without its comment."""
    said = text.partition("#")[0].rstrip()
    if said.count('"') % 2 or said.count("'") % 2:
        raise here.wrong("a quotation mark stands alone", "deid's parser would drop it: write the line without it.")
    return said


def _check_action(here: Line, text: str) -> str:
    words = text.split()
    if words[0] not in _ACTIONS:
        raise here.wrong(f"'{words[0]}' is no action", nearest(words[0], _ACTIONS))
    if len(words) < 2 or words[1].startswith("#"):
        raise here.wrong(f"{words[0]} names no field", "Write a keyword or a tag after it.")
    said = _said(here, text)
    # As deid splits: not at spaces within quotation marks, which a private creator may have.
    rest = re.findall(r"""(?:[^\s"']+|"[^"]*"|'[^']*')+""", said)[2:]
    if words[0] in ("BLANK", "KEEP") and rest:
        raise here.wrong(f"{words[0]} takes no value", f"Remove what follows {words[1]}.")
    if words[0] == "JITTER" and not rest:
        return f"{said} {_OWN_OFFSET}"
    if words[0] in _WITH_VALUE and not rest:
        raise here.wrong(f"{words[0]} needs a value", "Write it after the field.")
    return said


def _line(here: Line, entry: Mapping[str, Any]) -> Line:
    value = str(entry.get("value", "")).strip()
    return translated(replace(here, action=entry["action"], field=entry["field"], value=value))


def _parse(here: Line, section: str, text: str) -> dict[str, Any]:
    """deid's view of a line. That it takes the line for what it is, is checked and not hoped."""
    # Imported here: only those who have recipes need to wait for it.
    from deid.config.utils import load_deid
    from deid.logger import bot

    with tempfile.NamedTemporaryFile("w", suffix=".deid", encoding="utf-8") as file:
        file.write(f"FORMAT dicom\n%{section}\n{text}\n")
        file.flush()
        streams = bot.errorStream, bot.outputStream
        bot.errorStream = bot.outputStream = io.StringIO()
        try:
            entries = load_deid(file.name)[section.partition(" ")[0]]
            entries = entries["group"] if section.endswith(" group") else entries
        except (SystemExit, Exception) as error:  # noqa: BLE001  deid exits, and may raise anything
            raise here.wrong(f"deid's parser cannot read this line ({type(error).__name__})", "Correct it.") from None
        finally:
            bot.errorStream, bot.outputStream = streams
    action, field = text.split()[:2]
    if len(entries) != 1 or entries[0]["action"] != action or entries[0]["field"].split()[0] != field:
        raise here.wrong("deid's parser takes this line for another one", "Write it more simply.")
    return dict(entries[0])
