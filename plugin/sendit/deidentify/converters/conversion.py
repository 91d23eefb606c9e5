"""Result of a conversion: a recipe that SendIt accepts, and notes about what differs or has no equivalent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydicom.datadict import keyword_for_tag

from sendit.deidentify.compile import apply_recipes
from sendit.deidentify.recipes.custom_functions import FunctionsText
from sendit.deidentify.recipes.parser import RecipeText, read_recipe
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendit.deidentify.options import Option

_HEAD = "FORMAT dicom\n\n"
#: Texts that a recipe would take for something else.
_NO_TEXT = re.compile(r"(var|func|deid_func|values|fields|re):")


#: Why a value that is computed is not converted, if no functions may be written.
NEEDS_FUNCTIONS = "its value is computed by a function of the project: give --functions FILE, which is then written"


class NoEquivalent(Exception):
    """A rule cannot be converted; the text says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note for a person about one rule of the other tool."""

    line: int  # where it stands; 0: the whole file
    subject: str  # the attribute, or what else the rule is about
    reason: str
    converted: bool  # False: it has no equivalent, and is not in the recipe


@dataclass(frozen=True, slots=True)
class Conversion:
    """A recipe, and what belongs to it."""

    recipe: str
    functions: str  # Python file of the project; "" if the recipe needs none
    options: tuple[Option, ...]  # for the project's Options
    notes: tuple[Note, ...]  # in the order of the lines

    @property
    def whole(self) -> bool:
        """Return whether everything has an equivalent."""
        return all(note.converted for note in self.notes)


@dataclass(slots=True)
class Sheet:
    """A recipe in the making. Only lines that SendIt accepts come into it; others become notes."""

    title: str
    functions: str = ""
    options: set[Option] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)
    _lines: dict[str, str] = field(default_factory=dict)  # by selector: there is one line for each attribute
    _labels: list[str] = field(default_factory=list)

    def differs(self, line: int, subject: str, reason: str) -> None:
        """Note that a rule was converted, and what is different."""
        self.notes.append(Note(line, subject, reason, converted=True))

    def missing(self, line: int, subject: str, reason: str) -> None:
        """Note that a rule has no equivalent."""
        self.notes.append(Note(line, subject, reason, converted=False))

    def add(self, line: int, subject: str, selector: str, action: str, value: str = "") -> bool:
        """Add a line of %header, or note why SendIt refuses it; return whether it was added.

        Args:
            line: where the rule stands.
            subject: what the note is about.
            selector: the attribute.
            action: of deid.
            value: of ADD, REPLACE and JITTER; a text is taken literally if it is not `func:` or `var:` of SendIt's.
        """
        text = f"{action} {selector} {value}".rstrip()
        if reason := self._fault(f"%header\n\n{text}\n", value):
            self.missing(line, subject, reason)
            return False
        self._lines.pop(selector, None)  # the later rule applies, as in the other tools
        self._lines[selector] = text
        return True

    def add_label(self, line: int, subject: str, group: str, name: str, lines: Sequence[str]) -> bool:
        """Add a label of %filter with its criteria and coordinates, or note why SendIt refuses it."""
        label = "".join([f"LABEL {name}\n", *(f"  {text}\n" for text in lines)])
        if reason := self._fault(f"%filter {group}\n\n{label}", ""):
            self.missing(line, subject, reason)
            return False
        self._labels.append(f"%filter {group}\n\n{label}")
        return True

    def tags(self) -> set[str]:
        """Return the selectors that have a line."""
        return set(self._lines)

    def _fault(self, section: str, value: str) -> str:
        """Return why SendIt refuses a section with one line or label; "" if it accepts it."""
        if _NO_TEXT.match(value) and not value.startswith(("func:", "var:")):
            return f"a recipe cannot write a text that begins with {value.partition(':')[0]}:"
        text = RecipeText("converted", _HEAD + section)
        texts: list[RecipeText] = [FunctionsText("functions", self.functions)] if self.functions else []
        try:
            apply_recipes([text, *texts], {})
            read = read_recipe(text).lines
        except Misconfigured as error:
            return f"{error.problem}. {error.remedy}".removesuffix(".")
        if value and read[0].value != value:
            return "deid's language cannot write this text (a #, quotation marks, or several spaces)"
        return ""

    def conversion(self) -> Conversion:
        """Return the result."""
        parts = [_HEAD, *(f"# {line}\n" for line in self.title.splitlines())]
        if self._lines:
            parts += ["\n%header\n\n", *(f"{line}\n" for line in self._lines.values())]
        parts += [f"\n{label}" for label in self._labels]
        notes = tuple(sorted(self.notes, key=lambda note: note.line))
        used = any(" func:made_" in line for line in self._lines.values())
        return Conversion("".join(parts), self.functions if used else "", tuple(sorted(self.options)), notes)


def selector_of(tag: int) -> str:
    """Return how a recipe names an attribute: by its keyword, if it has one."""
    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
