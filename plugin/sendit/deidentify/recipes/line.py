"""One line of a recipe, with its place for error messages."""

from __future__ import annotations

from dataclasses import dataclass

from sendit.errors import Misconfigured


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
