"""Read the anonymizer scripts of CTP with the numbers of their lines: XML, or (older ones) Java properties."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from xml.parsers import expat

from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind = Literal["param", "element", "keep", "remove"]
_KINDS: Mapping[str, Kind] = {"p": "param", "e": "element", "k": "keep", "r": "remove"}
_PROPERTY = re.compile(r"(#?)(param|set|keep|remove)\.(.*)", re.DOTALL)
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule of a script."""

    kind: Kind
    key: str  # of a parameter its name, of an element its tag, otherwise what is kept or removed
    text: str  # of a parameter its value, of an element its script
    enabled: bool
    line: int  # counted from 1


def read_script(name: str, text: str) -> list[Entry]:
    """Return the rules of a script.

    Raises:
        Misconfigured: it is no script of CTP's.
    """
    entries = _XmlReader(name).read(text) if text.lstrip("\ufeff \t\r\n").startswith("<") else list(_properties(text))
    if not any(entry.kind != "param" for entry in entries):
        raise Misconfigured(name, "it has no rule of CTP's DicomAnonymizer", "Give the script of that stage.")
    return entries


class _XmlReader:
    """Reads `<script>` with its children p, e, k and r."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._entries: list[Entry] = []
        self._depth = 0
        self._open: tuple[str, Mapping[str, str], int] | None = None
        self._text: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append
        self._parser.StartDoctypeDeclHandler = self._refuse

    def read(self, text: str) -> list[Entry]:
        try:
            self._parser.Parse(text.lstrip("\ufeff \t\r\n"), True)  # noqa: FBT003 - expat takes no keyword
        except expat.ExpatError as error:
            problem = f"it is not well-formed XML ({expat.ErrorString(error.code)})"
            raise Misconfigured(f"{self._name}, line {error.lineno}", problem, "Correct it.") from None
        return self._entries

    def _refuse(self, *_: object) -> None:
        problem = "it declares a document type, which a script of CTP's does not need"
        raise Misconfigured(f"{self._name}, line {self._parser.CurrentLineNumber}", problem, "Remove it.")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1 and tag != "script":
            raise Misconfigured(self._name, f"its root is <{tag}>, not <script>", "Give a script of CTP's.")
        if self._depth == 2:
            self._open = tag, attributes, self._parser.CurrentLineNumber
            self._text.clear()

    def _end(self, _tag: str) -> None:
        self._depth -= 1
        if self._depth != 1 or self._open is None:
            return
        tag, attributes, line = self._open
        text, kind = "".join(self._text), _KINDS.get(tag)
        if kind is None:
            problem = f"<{tag}> is not a rule of CTP"
            raise Misconfigured(f"{self._name}, line {line}", problem, "Known: <p>, <e>, <k>, <r>.")
        enabled = kind == "param" or attributes.get("en") == "T"
        value = text if kind == "param" else text.strip()
        self._entries.append(Entry(kind, attributes.get("t", "").strip(), value, enabled, line))


def _properties(text: str) -> Iterator[Entry]:
    """Yield the rules of a properties file. A rule behind # is not enabled."""
    for number, line in _logical_lines(text):
        left, equals, right = line.partition("=")
        match = _PROPERTY.fullmatch(left.strip())
        if match is None or not equals:
            continue  # a comment, or nothing that CTP would see
        kind, key, value = match[2], match[3], _unescaped(right.lstrip())
        if kind == "param":
            yield Entry("param", key, value, not match[1], number)
        elif kind == "set":
            tag = re.match(r"\[([^\]]*(?:\[[^\]]*\][^\]]*)?)\]", key)
            yield Entry("element", tag[1].replace(",", "") if tag else key, value.strip(), not match[1], number)
        elif kind == "keep":
            yield Entry("keep", key.removeprefix("group").strip(), "", not match[1], number)
        else:
            yield Entry("remove", key.strip(), "", not match[1], number)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Join lines that end in a backslash with the next one, as Java does."""
    joined, begin = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        begin = begin or number
        line = raw.lstrip()
        if (len(line) - len(line.rstrip("\\"))) % 2 and not line.startswith(("#", "!")):
            joined += line[:-1]
            continue
        yield begin, joined + line
        joined, begin = "", 0
    if joined:
        yield begin, joined


def _unescaped(text: str) -> str:
    """Resolve the escapes of Java properties."""
    return re.sub(
        r"\\(u([0-9a-fA-F]{4})|(.))",
        lambda m: chr(int(m[2], 16)) if m[2] else _ESCAPES.get(m[3], m[3]),
        text,
    )
