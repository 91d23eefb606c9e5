"""CTP's scripts that compute a value, as functions of a project (Python) that a recipe calls."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sendit.deidentify.converters.conversion import NoEquivalent
from sendit.deidentify.converters.ctp_calls import Call, Text
from sendit.deidentify.converters.expressions import attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.deidentify.converters.ctp_calls import Script

_RUNTIME = Path(__file__).with_name("ctp_runtime.py").read_text("utf-8").partition("\n\n")[2]
_PATIENT = (0x00100010, 0x00100020)  # PatientName, PatientID
#: Values of `item` that stand for the originals.
_CODED = {
    **dict.fromkeys(_PATIENT, "patient_id"),
    0x00080050: "accession_number",
    0x0020000D: "study_instance_uid",
    0x0020000E: "series_instance_uid",
    0x00080018: "sop_instance_uid",
}
#: Functions that hash the value of an attribute, and which argument names it.
HASHES: Mapping[str, int] = {"hash": 0, "hashname": 0, "hashptid": 1, "hashuid": 1}
#: Functions that are a constant or the original value, of one attribute, and of one attribute and a number.
_FIXED: Mapping[str, str] = {
    **dict.fromkeys(("always", "blank", "empty", "remove"), "''"),
    "keep": "_joined(field.element)",
}
_OF_ONE: Mapping[str, str] = {"lowercase": "{}.lower()", "uppercase": "{}.upper()"}
_WITH_NUMBER: Mapping[str, str] = {
    "incrementdate": "_moved({}, {})",
    "pathelement": "_path_element({}, {})",
    "round": "_rounded({}, {})",
    "truncate": "_truncated({}, {})",
}


class FunctionsFile:
    """The file in the making."""

    def __init__(self, title: str, parameters: Mapping[str, str]) -> None:
        self._parameters = parameters
        self._functions: dict[str, str] = {}
        self._head = f"# Functions of {_one_line(title)}\n\n{_RUNTIME}"

    def add(self, tag: int, script: Script, original: str) -> str:
        """Add a function that computes what a script does, and return its name.

        Raises:
            NoEquivalent: it calls something that has no equivalent.
        """
        return self._add(tag, self._script(script, tag), original)

    def add_substitution(self, tag: int, pattern: str, by: str) -> str:
        """Add a function that replaces what a regular expression of Python finds, and return its name.

        Raises:
            NoEquivalent: it is none, or the replacement does not fit it.
        """
        try:
            re.sub(pattern, by, "")
        except (re.error, IndexError) as error:
            raise NoEquivalent(f"'{pattern}' and '{by}' are no substitution ({error})") from None
        return self._add(tag, f"re.sub({pattern!r}, {by!r}, _joined(field.element))", f"{pattern} → {by}")

    def _add(self, tag: int, expression: str, original: str) -> str:
        name = f"made_{tag:08x}"
        self._functions[name] = (
            f"\n\ndef {name}(item, value, field, dicom):\n    # {_one_line(original)}\n    return {expression}\n"
        )
        return name

    @property
    def text(self) -> str:
        """Return the file as it is up to now."""
        return self._head + "".join(self._functions.values())

    def _script(self, script: Script, tag: int) -> str:
        parts = [repr(part.text) if isinstance(part, Text) else self._call(part, tag) for part in script]
        return " + ".join(parts) if parts else "''"

    def _call(self, call: Call, tag: int) -> str:
        if call.name in HASHES:
            return self._hash(call, tag)
        if call.name in _FIXED:
            return _FIXED[call.name]
        if call.name in _OF_ONE:
            return _OF_ONE[call.name].format(self._element(call.argument(0), tag))
        if call.name in _WITH_NUMBER:
            own = self._element(call.argument(0), tag)
            return _WITH_NUMBER[call.name].format(own, self._integer(call.argument(1)))
        if call.name not in self._MAKERS:
            raise NoEquivalent(f"@{call.name}() has no equivalent")
        return self._MAKERS[call.name](self, call, tag)

    def _element(self, name: str, tag: int) -> str:
        """Return how Python reads an attribute of the original."""
        if name.strip() in ("", "this"):
            return "_joined(field.element)"
        other = attribute(name)
        return "_joined(field.element)" if other == tag else f"_joined(dicom.get({other:#010x}))"

    def _parameter(self, text: str) -> str:
        """Return an argument; one that begins with @ is the value of a parameter."""
        if not text.startswith("@"):
            return text
        if text[1:] not in self._parameters:
            raise NoEquivalent(f"the script has no parameter {text[1:]}")
        return self._parameters[text[1:]].strip()

    def _integer(self, text: str) -> int:
        given = self._parameter(text)
        if not re.fullmatch(r"[+-]?\d{1,6}", given):
            raise NoEquivalent(f"'{given}' is not a whole number")
        return int(given)

    def _hash(self, call: Call, tag: int) -> str:
        name = call.argument(HASHES[call.name])
        source = tag if name in ("", "this") else attribute(name)
        if source not in _CODED:
            raise NoEquivalent(f"@{call.name}() of this attribute within a longer script has no equivalent")
        return f'item["{_CODED[source]}"]'

    def _contents(self, call: Call, tag: int) -> str:
        text = self._element(call.argument(0), tag)
        if len(call.arguments) == 1:
            return text
        pattern, by = call.argument(1), call.argument(2)
        try:
            re.compile(pattern)
        except re.error as error:
            raise NoEquivalent(f"'{pattern}' is not a regular expression of Python ({error.msg})") from None
        by = re.sub(r"\$(\d)", r"\\g<\1>", by.replace("\\", "\\\\"))
        return f"re.sub({pattern!r}, {by!r}, {text})"

    def _value(self, call: Call, tag: int) -> str:
        text = self._element(call.argument(0), tag)
        return f"({text} or {call.argument(1)!r})"

    def _condition(self, call: Call, tag: int) -> str:
        text, kind = self._element(call.argument(0), tag), call.argument(1).strip()
        value = self._parameter(call.argument(2))
        if kind == "exists":
            return "True" if text == "_joined(field.element)" else f"{text.removeprefix('_joined(')[:-1]} is not None"
        if kind == "matches":
            return f"re.fullmatch({value.strip()!r}, {text}) is not None"
        tests = {
            "isblank": f"not {text}.strip()",
            "contains": f"{value.lower()!r} in {text}.lower()",
            "equals": f"{text}.lower() == {value.lower()!r}",
            "greaterthan": f"_number({text}) > {int(re.sub('[^0-9]', '', value) or 0)}",
        }
        if kind not in tests:
            raise NoEquivalent(f"the condition '{kind}' is unknown")
        return tests[kind]

    def _modified(self, call: Call, tag: int) -> str:
        parts = []
        for index in (1, 2, 3):
            given = self._parameter(call.argument(index)).strip()
            parts.append(str(int(given)) if re.fullmatch(r"\d{1,4}", given) else "0")
        return f"_modified({self._element(call.argument(0), tag)}, {', '.join(parts)})"

    def _initials(self, call: Call, tag: int) -> str:
        if len(call.arguments) > 1:
            raise NoEquivalent("@initials() with an offset has no equivalent")
        return f"_initials({self._element(call.argument(0), tag)})"

    def _if_or_append(self, call: Call, tag: int) -> str:
        if call.name == "append":
            return f"_appended(_joined(field.element), {self._script(call.clauses[0], tag)})"
        yes, no = (self._script(clause, tag) for clause in call.clauses)
        return f"({yes} if {self._condition(call, tag)} else {no})"

    def _param(self, call: Call, _tag: int) -> str:
        return repr(self._parameter("@" + call.argument(0).removeprefix("@")))

    _MAKERS: Mapping[str, Callable[[FunctionsFile, Call, int], str]] = {
        "append": _if_or_append,
        "contents": _contents,
        "if": _if_or_append,
        "initials": _initials,
        "modifydate": _modified,
        "param": _param,
        "value": _value,
    }


def _one_line(text: str) -> str:
    """Return what a comment may hold: a new line would end it, and what follows would be run."""
    return text.encode("unicode_escape").decode("ascii")
