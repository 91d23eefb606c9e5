"""Parse a deid recipe, fail-closed: a line that deid would skip with a warning is an error with its number.

deid's own parser splits the lines, so that they mean the same here. Each line is checked first, because that parser
ignores what it does not know, and calls sys.exit for some errors. Calls of deid's own functions (`deid_func:`) become
what they mean here.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from sendit.deidentify.recipes.filters import GROUPS, Filter, coordinates, parse_criteria
from sendit.deidentify.recipes.selectors import nearest
from sendit.errors import Misconfigured

_ACTIONS = ("ADD", "BLANK", "JITTER", "KEEP", "REMOVE", "REPLACE")
_WITH_VALUE = ("ADD", "JITTER", "REPLACE")
_SECTIONS = ("header", "fields", "values", "labels", "filter")
_NAMED = ("fields", "values", "filter")
#: JITTER without a value means the patient's keyed offset. deid requires a value, so this one is inserted.
_OWN_OFFSET = "func:shift_date"

#: deid's own functions for UIDs, each with its options, and their values that SendIt implements anyway.
_UIDS: Mapping[str, Mapping[str, str]] = {
    "basic_uuid": {},
    "dicom_uuid": {},
    "pydicom_uuid": {"prefix": "2.25.", "stable_remapping": "true"},
    "suffix_uuid": {},
}
_JITTER = "jitter"
_DAYS_IN = {"days": 1, "years": 365}  # as deid counts


@dataclass(frozen=True, slots=True)
class RecipeLine:
    """One action of a recipe, or one line of a %fields or %values group."""

    recipe: str
    number: int  # counted from 1
    action: str
    selector: str
    value: str = ""

    def wrong(self, problem: str, remedy: str) -> Misconfigured:
        """Return the error that names this line."""
        return Misconfigured(f"recipe {self.recipe}, line {self.number}", problem, remedy)

    @property
    def origin(self) -> str:
        """Return the place of the line, for `Rule.origin`."""
        return f"recipe {self.recipe}, line {self.number}"


@dataclass(frozen=True)
class RecipeText:
    """A recipe as in its file; messages contain the name."""

    name: str
    text: str


#: The lines of groups, by the names of the groups.
Groups = Mapping[str, tuple[RecipeLine, ...]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A parsed recipe. Lines are in the order of the file."""

    name: str
    lines: tuple[RecipeLine, ...]
    field_groups: Groups  # %fields NAME: lines FIELD
    value_groups: Groups  # %values NAME: lines FIELD and SPLIT
    filters: tuple[Filter, ...]  # of all %filter groups


def read_recipe(recipe: RecipeText) -> Recipe:
    """Parse a recipe.

    Raises:
        Misconfigured: for the first line that is not understood.
    """
    return _RecipeParser(recipe).read()


@dataclass(slots=True)
class _RecipeParser:
    """Parses a recipe from top to bottom."""

    recipe: RecipeText
    section: str = ""
    group: str = ""
    lines: list[RecipeLine] = field(default_factory=list)
    field_groups: dict[str, list[RecipeLine]] = field(default_factory=dict)
    value_groups: dict[str, list[RecipeLine]] = field(default_factory=dict)
    filters: list[Filter] = field(default_factory=list)

    def read(self) -> Recipe:
        formatted = False
        for number, raw in enumerate(self.recipe.text.splitlines(), start=1):
            text = raw.strip()
            here = RecipeLine(self.recipe.name, number, "", "")
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
                self._READERS[self.section](self, here, text)
        if not formatted:
            raise Misconfigured(f"recipe {self.recipe.name}, line 1", "the recipe is empty", "Write: FORMAT dicom")
        for label in self.filters:
            label.check_whole()
        field_groups, value_groups = (_frozen(groups) for groups in (self.field_groups, self.value_groups))
        return Recipe(self.recipe.name, tuple(self.lines), field_groups, value_groups, tuple(self.filters))

    def _begin(self, here: RecipeLine, text: str) -> None:
        """Begin a section, or a group of it."""
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
            (self.field_groups if section == "fields" else self.value_groups).setdefault(self.group, [])

    def _action(self, here: RecipeLine, text: str) -> None:
        content = _check_action(here, text)
        entry = _parse(here, "header", content)
        self.lines.append(_line(here, entry))

    def _label(self, here: RecipeLine, text: str) -> None:
        """Check a line of %labels: deid reads such lines and ignores them, and so does SendIt if they are correct."""
        _parse(here, "labels", _check_action(here, text))

    def _member(self, here: RecipeLine, text: str) -> None:
        """Read a line of a %fields or %values group."""
        word, *rest = _said(here, text).split()
        actions = ("FIELD",) if self.section == "fields" else ("FIELD", "SPLIT")
        if word not in actions:
            raise here.wrong(f"'{word}' is not an action of %{self.section}", nearest(word, actions))
        if not rest:
            raise here.wrong(f"{word} names no field", "Write a keyword or a tag after it.")
        entry = _parse(here, f"{self.section} group", _said(here, text))
        line = _line(here, entry)
        if word == "FIELD" and len(line.selector.split()) == 1 and entry.get("value"):
            raise here.wrong("FIELD takes no options", f"Remove what follows {line.selector}.")
        split_options(line)
        (self.field_groups if self.section == "fields" else self.value_groups)[self.group].append(line)

    def _criterion(self, here: RecipeLine, text: str) -> None:
        """Read a line of a %filter group."""
        if text.split()[0].upper() == "LABEL":
            name = text.partition("#")[0].split(maxsplit=1)[1:]
            if not name:
                raise here.wrong("LABEL has no name", "Write one after it.")
            self.filters.append(Filter(here.origin, GROUPS[self.group.lower()], name[0].strip(), []))
        elif not self.filters or self.filters[-1].group != GROUPS[self.group.lower()]:
            raise here.wrong("a criterion stands before its label", "Write LABEL and a name above it.")
        elif (region := coordinates(here, text)) is not None:
            self.filters[-1].coordinates.append(region)
        else:
            self.filters[-1].criteria.append(parse_criteria(here, text))

    _READERS: ClassVar[Mapping[str, Callable[[_RecipeParser, RecipeLine, str], None]]] = {
        "header": _action,
        "labels": _label,
        "fields": _member,
        "values": _member,
        "filter": _criterion,
    }


def _frozen(groups: Mapping[str, list[RecipeLine]]) -> Groups:
    return {name: tuple(lines) for name, lines in groups.items()}


_EXAMPLES = {"fields": "dates", "values": "patient", "filter": "blacklist"}


def split_options(line: RecipeLine) -> tuple[str, int]:
    """Return the separator of a line SPLIT and the least length of a part; deid's defaults are a space and 1.

    Raises:
        Misconfigured: for an unknown option.
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
                f"'{option.strip()}' is not an option of SPLIT", 'Known: by="^" and minlength=4, with ; between.'
            )
    return by, least


def _said(here: RecipeLine, text: str) -> str:
    """Return the line without its comment."""
    content = text.partition("#")[0].rstrip()
    if content.count('"') % 2 or content.count("'") % 2:
        raise here.wrong("unbalanced quotation mark", "deid's parser would drop it: write the line without it.")
    return content


def _check_action(here: RecipeLine, text: str) -> str:
    words = text.split()
    if words[0] not in _ACTIONS:
        raise here.wrong(f"'{words[0]}' is not an action", nearest(words[0], _ACTIONS))
    if len(words) < 2 or words[1].startswith("#"):
        raise here.wrong(f"{words[0]} names no field", "Write a keyword or a tag after it.")
    content = _said(here, text)
    # Split as in deid: not at spaces within quotation marks, which a private creator may have.
    rest = re.findall(r"""(?:[^\s"']+|"[^"]*"|'[^']*')+""", content)[2:]
    if words[0] in ("BLANK", "KEEP") and rest:
        raise here.wrong(f"{words[0]} takes no value", f"Remove what follows {words[1]}.")
    if words[0] == "JITTER" and not rest:
        return f"{content} {_OWN_OFFSET}"
    if words[0] in _WITH_VALUE and not rest:
        raise here.wrong(f"{words[0]} needs a value", "Write it after the field.")
    return content


def _line(here: RecipeLine, entry: Mapping[str, Any]) -> RecipeLine:
    value = str(entry.get("value", "")).strip()
    return translated(replace(here, action=entry["action"], selector=entry["field"], value=value))


def _parse(here: RecipeLine, section: str, text: str) -> dict[str, Any]:
    """Return deid's view of a line, after checking that deid reads it as what it is."""
    # Imported here: it is slow, and only needed for recipes.
    from deid.config.utils import load_deid  # noqa: PLC0415
    from deid.logger import bot  # noqa: PLC0415

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
        raise here.wrong("deid's parser reads this line differently", "Write it more simply.")
    return dict(entries[0])


def translated(line: RecipeLine) -> RecipeLine:
    """Return the line with deid's functions replaced: those for UIDs by func:uid, jitter by JITTER.

    deid's UIDs are invalid, new in every run, or made without a key, so that anyone can recompute them.

    Raises:
        Misconfigured: deid has no such function, or an option of it would have no effect.
    """
    kind, _, call = line.value.partition(":")
    if kind != "deid_func":
        return line
    name, *options = call.split() or [""]
    functions = (_JITTER, *_UIDS)
    if name not in functions:
        raise line.wrong(f"there is no deid_func:{name}", nearest(name, functions))
    if line.action != "REPLACE":
        raise line.wrong("deid's own functions are for REPLACE", "Write REPLACE.")
    if name == _JITTER:
        return replace(line, action="JITTER", value=str(_days(line, options)))
    for option in options:
        key, _, value = option.partition("=")
        if _UIDS[name].get(key) != value:
            remedy = "Leave it out: SendIt's UIDs begin with 2.25., and are the same for the same original and key."
            raise line.wrong(f"the option {option} of deid_func:{name} would have no effect", remedy)
    return replace(line, value="func:uid")


def _days(line: RecipeLine, options: list[str]) -> int:
    """Return the days of a jitter. deid moves by one day if none are given, also if years are."""
    numbers = {"days": 1, "years": 0}
    for option in options:
        key, _, number = option.partition("=")
        if key not in _DAYS_IN or not re.fullmatch(r"[+-]?\d{1,4}", number):
            raise line.wrong(f"'{option}' is not an option of deid_func:jitter", "Write days=NUMBER or years=NUMBER.")
        numbers[key] = int(number)
    return sum(numbers[key] * _DAYS_IN[key] for key in numbers)
