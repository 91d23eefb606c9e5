"""Values that stand nowhere else: what is planted in the originals, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from benchmarks.leaks.forms import FORMS
from benchmarks.leaks.names import name_of

if TYPE_CHECKING:
    from collections.abc import Callable

_SHORT = 12  # characters


@dataclass(frozen=True, slots=True)
class Token:
    """One planted value. `text` is looked for in what a tool gives out, in every encoding.

    The kind of a number is its form, the kind of a name its language: "number: UUID", "name: Greek".
    """

    text: str
    place: str
    kind: str


@dataclass(slots=True)
class Tokens:
    """Makes the tokens of one file. The same file number gives the same tokens."""

    number: int
    place: str = ""
    made: list[Token] = field(default_factory=list)
    _dates: int = 0

    def _new(self, kind: str, text: str) -> str:
        self.made.append(Token(text, self.place, kind))
        return text

    def known(self, kind: str, text: str) -> None:
        """A value that is there already, and identifies."""
        self.made.append(Token(text, self.place, kind))

    def planted(self, kind: str, text: str) -> str:
        """A value of a form that none of the makers below has."""
        return self._new(kind, text)

    @property
    def _count(self) -> int:
        return len(self.made)

    def name(self) -> str:
        """A family name that no other place has, of one of thirty languages."""
        language, name = name_of(self.number * 1000 + self._count)
        return self._new(f"name: {language}", name)

    def spelt(self) -> str:
        """The next family name, not yet planted."""
        return name_of(self.number * 1000 + self._count)[1]

    def identifier(self, longest: int = 64) -> str:
        """A number of a patient or an order, in one of the forms of real systems."""
        random = Random(f"{self.number} {self._count}")
        while True:
            form = random.choice(tuple(FORMS))
            text = FORMS[form](random)
            if len(text) <= longest:
                return self._new(f"number: {form}", text)

    def digits(self) -> str:
        """Eight digits, where a number has to be one."""
        return self._new("number: eight digits", str(71_000_000 + self.number * 20_011 + self._count * 17))

    def uid(self) -> str:
        return self._new("uid", f"1.3.6.1.4.1.99999.{1000 + self.number}.7{self._count:05}9")

    def day(self) -> date:
        """All dates lie in one year, and offsets are 52 weeks or more: no date that was moved is a token again."""
        self._dates += 1
        return date(2085, 1, 1) + timedelta(days=self._dates % 358)

    def date(self) -> str:
        return self._new("date", f"{self.day():%Y%m%d}")

    def phone(self) -> str:
        return self._new("phone", f"+1 617 {self._count % 900 + 100} {1000 + self.number * 31 % 9000}")

    def text(self, length: int = 64) -> str:
        """What a person might type: in turn a name, a number, a date, a telephone number, an address of some kind."""
        long: list[Callable[[], str]] = [
            lambda: f"CT HEAD, seen by {self.name()}^Jane",
            lambda: f"axial 2.5mm MRN {self.identifier()}",
            lambda: f"follow-up of {self._new('date', f'{self.day():%Y-%m-%d}')}",
            lambda: f"report to {self.phone()}",
            lambda: f"sent to {self.name()}@example.org",
            lambda: f"see http://{self.name()}.example.org/x",
            lambda: f"compare {self.uid()}",
            lambda: f"Dr. {self.name()}, {self._new('date', f'{self.day():%d.%m.%Y}')}",
        ]
        short: list[Callable[[], str]] = [
            lambda: f"{self.name()}^J",
            lambda: f"id {self.identifier(_SHORT)}",
            lambda: self._new("date", f"{self.day():%Y-%m-%d}"),
        ]
        choices = long if length >= 64 else short
        return choices[self._count % len(choices)]()

    def of_vr(self, vr: str) -> str:
        """A text for an attribute of this VR."""
        makers: dict[str, Callable[[], str]] = {
            "PN": lambda: self.name() + "^Jane",
            "AE": lambda: self.name().upper(),
            "SH": lambda: self.text(16),
            "UR": lambda: f"http://{self.name()}.example.org/x",
            "UI": self.uid,
            "DA": self.date,
            "DT": lambda: self.date() + "101112",
        }
        return makers.get(vr, self.text)()
