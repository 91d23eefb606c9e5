"""Boolean expressions of CTP over attributes, converted to the criteria of a %filter.

CTP has parentheses, * before +, and !. A %filter joins tests from left to right, and lines from top to bottom, so an
expression is brought to a form that means the same under both: lines joined by "and", each a list joined by "or".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import tag_for_keyword

from sendit.deidentify.converters.conversion import NoEquivalent, selector_of

if TYPE_CHECKING:
    from collections.abc import Mapping

#: More lines than this would be no readable label.
_MOST_LINES = 64
_TAG = re.compile(r"[\[(]?([0-9a-fA-F]{4}),?\s*([0-9a-fA-F]{4})[\])]?")
_TOKEN = re.compile(
    r"(?:\s|//[^\n]*)*(?:(?P<sign>[-+*!()])|(?P<constant>true|false)\.(?!\w)"
    r'|(?P<name>\[[^\]]*\]|\w+)\s*\.\s*(?P<method>\w+)\s*\(\s*(?P<quoted>"(?:[^"\\]|\\.)*")\s*\))'
)
_METHODS = {
    "equals": "equals", "equalsignorecase": "equals", "contains": "contains", "containsignorecase": "contains",
    "startswith": "startswith", "startswithignorecase": "startswith", "endswith": "endswith",
    "endswithignorecase": "endswith", "matches": "matches",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Term:
    """A test of one attribute."""

    tag: int
    method: str  # equals, contains, startswith, endswith, matches; exists, isblank
    value: str = ""
    any_case: bool = True


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of an expression."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class Joined:
    """Expressions that must all be true, or of which one must be."""

    parts: tuple[Expression, ...]
    every: bool


Expression: TypeAlias = Term | Not | Joined | bool
#: All of the lists must hold; of a list, one test and whether it must be true.
_Form: TypeAlias = list[list[tuple[Term, bool]]]


def parse_expression(text: str) -> Expression:
    """Return an expression as DicomFilter and DicomPixelAnonymizer write it.

    Raises:
        NoEquivalent: it is not one, or tests something that a %filter cannot test.
    """
    parser = _Parser(text)
    expression = parser.alternatives()
    if parser.rest:
        raise NoEquivalent(f"the expression is not understood at '{parser.rest[:20].strip()}'")
    return expression


class _Parser:
    """Reads an expression from left to right: + is weakest, then *, then !."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    @property
    def rest(self) -> str:
        return re.sub(r"//[^\n]*", "", self._text[self._position :]).strip()

    def _take(self, signs: str = "") -> re.Match[str] | None:
        match = _TOKEN.match(self._text, self._position)
        if match is None or (signs and (match["sign"] or "?") not in signs):
            return None
        self._position = match.end()
        return match

    def alternatives(self) -> Expression:
        parts = [self._together()]
        while self._take("+"):
            parts.append(self._together())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), every=False)

    def _together(self) -> Expression:
        parts = [self._single()]
        while self._take("*"):
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), every=True)

    def _single(self) -> Expression:
        token = self._take()
        if token is None:
            raise NoEquivalent(f"the expression is not understood at '{self.rest[:20]}'")
        if token["sign"] == "!":
            return Not(self._single())
        if token["sign"] == "(":
            inner = self.alternatives()
            if not self._take(")"):
                raise NoEquivalent("a parenthesis of the expression is not closed")
            return inner
        if token["constant"]:
            return token["constant"] == "true"
        if not token["name"]:
            raise NoEquivalent(f"the expression is not understood at '{token['sign']}'")
        method = _METHODS.get(token["method"].lower())
        if method is None:
            raise NoEquivalent(f"a %filter cannot test .{token['method']}()")
        value = re.sub(r"\\(.)", r"\1", token["quoted"][1:-1]) if method != "matches" else token["quoted"][1:-1]
        return Term(attribute(token["name"]), method, value, token["method"].lower().endswith("ignorecase"))


def attribute(name: str) -> int:
    """Return the tag of an attribute as CTP names it: a tag, or a keyword of DICOM or of dcm4che 1.4.

    Raises:
        NoEquivalent: it is private, or unknown.
    """
    name = name.strip()
    match = _TAG.fullmatch(name)
    if match is not None:
        tag = int(match[1] + match[2], 16)
        if tag >> 16 & 1:
            raise NoEquivalent(f"the private attribute {name} can be named by its creator only")
        return tag
    for keyword in (name, _modern(name)):
        if keyword in _keywords():
            return _keywords()[keyword]
    raise NoEquivalent(f"there is no attribute '{name}'")


def _modern(name: str) -> str:
    """Return the keyword of DICOM for one of dcm4che 1.4."""
    name = re.sub(r"Seq$", "Sequence", name)
    name = re.sub(r"^Ref(?=[A-Z])", "Referenced", name)
    return re.sub(r"^Patients(?=[A-Z])", "Patient", name)


@cache
def _keywords() -> Mapping[str, int]:
    tags = {entry[4]: tag for tag, entry in DicomDictionary.items() if entry[4]}
    return tags | {entry[4]: int(mask.replace("x", "0"), 16) for mask, entry in RepeatersDictionary.items() if entry[4]}


def criteria(expression: Expression) -> list[str]:
    """Return the lines of a label that matches where the expression is true.

    Raises:
        NoEquivalent: no label can say it, or it is always or never true.
    """
    clauses = _normal(expression, positive=True)
    if not clauses:
        raise NoEquivalent("the expression is always true, and a label needs a criterion")
    if not all(clauses):
        raise NoEquivalent("the expression is never true")
    lines = [
        " || ".join(_tests(term, positive=positive) for term, positive in dict.fromkeys(clause)) for clause in clauses
    ]
    return [lines[0], *(f"+ {line}" for line in lines[1:])]


def _normal(expression: Expression, *, positive: bool) -> _Form:
    """Return an expression, or its contrary, as lists that must all hold. [] is always true, [[]] never."""
    if isinstance(expression, bool):
        return [] if expression is positive else [[]]
    if isinstance(expression, Not):
        return _normal(expression.inner, positive=not positive)
    if isinstance(expression, Term):
        return [[(expression, positive)]]
    parts = [_normal(part, positive=positive) for part in expression.parts]
    if expression.every is positive:
        form = [clause for part in parts for clause in part]
    else:
        form = [[test for clause in choice for test in clause] for choice in product(*parts)]
    if len(form) > _MOST_LINES:
        raise NoEquivalent(f"the expression would need more than {_MOST_LINES} lines")
    return form


def _tests(term: Term, *, positive: bool) -> str:
    """Return a test as a recipe writes it.

    Where CTP distinguishes upper and lower case, only the contrary of a test does so here: a label that matches too
    much masks or rejects too much, and never too little.
    """
    name = selector_of(term.tag) if tag_for_keyword(selector_of(term.tag)) else _overlay(term.tag)
    if term.method == "exists":
        return f"{'present' if positive else 'missing'} {name}"
    if term.method == "isblank" or (term.method == "equals" and not term.value):
        return f"missing {name} || empty {name}" if positive else rf"contains {name} \S"
    pattern = {
        "equals": f"^{_literal(term.value)}$",
        "contains": _literal(term.value),
        "startswith": f"^{_literal(term.value)}",
        "endswith": f"{_literal(term.value)}$",
        "matches": f"^(?:{term.value})$",
    }[term.method]
    if term.method == "matches":
        _check_pattern(term.value)
    if positive or term.any_case:
        if term.method == "equals":
            return f"{'equals' if positive else 'notequals'} {name} {term.value.strip()}"
        return f"{'contains' if positive else 'notcontains'} {name} {pattern}"
    return f"notcontains {name} (?-i:{pattern})"


def _check_pattern(pattern: str) -> None:
    try:
        empty = re.fullmatch(pattern, "") is not None
    except re.error as error:
        raise NoEquivalent(f"'{pattern}' is not a regular expression of Python ({error.msg})") from None
    if empty:
        raise NoEquivalent(f"'{pattern}' also matches a missing attribute, which a %filter tests apart")


def _overlay(tag: int) -> str:
    """Return the keyword of an attribute of an overlay or a curve; its tag if it has none."""
    for mask, entry in RepeatersDictionary.items():
        if int(mask.replace("x", "0"), 16) == tag & 0xFF00FFFF and entry[4]:
            return entry[4]
    return selector_of(tag)


def _literal(text: str) -> str:
    """Escape what means something in a regular expression; spaces at the ends would be lost."""
    text = re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)
    return re.sub(r"^ | $", "[ ]", text)
