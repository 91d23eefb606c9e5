"""The language of CTP's scripts: text, and calls of functions with arguments and clauses in braces."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from sendit.deidentify.converters.conversion import NoEquivalent

#: Functions with clauses, and how many.
_CLAUSES = {"if": 2, "select": 2, "append": 1}


@dataclass(frozen=True, slots=True)
class Text:
    """Characters as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call: `@name(argument,…){clause}{clause}`."""

    name: str
    arguments: tuple[str, ...] = ()  # as written, with their quotation marks
    clauses: tuple[Script, ...] = ()

    def argument(self, index: int) -> str:
        """Return an argument without its quotation marks; "" if it is not given."""
        text = self.arguments[index] if index < len(self.arguments) else ""
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


Script: TypeAlias = tuple[Text | Call, ...]


def parse(script: str, *, bare: bool = False) -> Script:
    """Return the parts of a script.

    Args:
        script: as it stands in the file.
        bare: whether `@name` without parentheses is a call, too (the RSNA Anonymizer's form).

    Raises:
        NoEquivalent: a call is not complete. CTP ignores the rest of such a script.
    """
    parts: list[Text | Call] = []
    text, position = "", 0
    while position < len(script):
        character = script[position]
        position += 1
        if character == "\\" and position < len(script):
            text += script[position]
            position += 1
        elif character == "@":
            if text:
                parts.append(Text(text))
            text = ""
            call, position = _call(script, position, bare=bare)
            parts.append(call)
        else:
            text += character
    if text:
        parts.append(Text(text))
    return tuple(parts)


def _call(script: str, begin: int, *, bare: bool) -> tuple[Call, int]:
    match = re.compile(r"\s*(\w+)\s*(\(?)").match(script, begin)
    if match is None or not (match[2] or bare):
        raise NoEquivalent("@ is not followed by the call of a function; CTP ignores the rest of the script")
    name, position = match[1], match.end()
    if not match[2]:
        return Call(name), match.end(1)
    inner, position = _enclosed(script, position, "(", ")")
    clauses: list[Script] = []
    for number in range(_CLAUSES.get(name, 0)):
        opening = re.compile(r"\s*\{").match(script, position)
        if opening is None and number:  # as in CTP: an empty clause, and the rest of the script has no effect
            return Call(name, tuple(_arguments(inner)), (*clauses, ())), len(script)
        if opening is None:
            raise NoEquivalent(f"@{name} has no clause in braces; CTP ignores the rest of the script")
        clause, position = _enclosed(script, opening.end(), "{", "}")
        clauses.append(parse(clause, bare=bare))
    return Call(name, tuple(_arguments(inner)), tuple(clauses)), position


def _enclosed(script: str, begin: int, opening: str, closing: str) -> tuple[str, int]:
    """Return what stands before the closing character, and the place behind it."""
    depth, quoted, position = 1, False, begin
    while position < len(script):
        character = script[position]
        if character == "\\":
            position += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted and character in (opening, closing):
            depth += 1 if character == opening else -1
            if depth == 0:
                return script[begin:position], position + 1
        position += 1
    raise NoEquivalent(f"a {opening} is not closed; CTP ignores the rest of the script")


def _arguments(text: str) -> list[str]:
    """Split arguments at commas outside of quotation marks, brackets and parentheses."""
    if not text.strip():
        return []
    arguments, depth, quoted, begin, position = [], 0, False, 0, 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted and character in "[](),":
            depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(character, 0)
            if character == "," and depth == 0:
                arguments.append(text[begin:position].strip())
                begin = position + 1
        position += 1
    return [*arguments, text[begin:].strip()]
