"""Convert the scripts of CTP's DicomAnonymizer, and those of the RSNA Anonymizer, which have the same form.

A script says what happens to each attribute of a file that otherwise stays, or (`unspecifiedelements`) goes. A recipe
says what differs from the profile of PS3.15. So what a script does not name follows the profile, which is stricter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.converters.conversion import NEEDS_FUNCTIONS, Conversion, NoEquivalent, Sheet, selector_of
from sendit.deidentify.converters.ctp_calls import Call, Text, parse
from sendit.deidentify.converters.ctp_functions import HASHES, FunctionsFile
from sendit.deidentify.converters.ctp_script import Entry, read_script
from sendit.deidentify.converters.expressions import Expression, Not, Term, attribute, criteria
from sendit.deidentify.dicom.dataset import DATE_VRS
from sendit.deidentify.options import Option
from sendit.deidentify.recipes.selectors import STRUCTURE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.deidentify.converters.ctp_calls import Script

_PATIENT_NAME, _PATIENT_ID, _ACCESSION = 0x00100010, 0x00100020, 0x00080050
_VARIABLES = {
    _PATIENT_NAME: "var:patient_id",
    _PATIENT_ID: "var:patient_id",
    _ACCESSION: "var:accession_number",
    0x0020000D: "var:study_instance_uid",
    0x0020000E: "var:series_instance_uid",
    0x00080018: "var:sop_instance_uid",
}
#: Attributes that hold other identifiers of the patient. (OtherPatientIDs, MedicalRecordLocatorRETIRED)
_OTHER_IDS = frozenset({0x00101000, 0x00101090})
#: SendIt writes these itself: PatientIdentityRemoved, DeidentificationMethod and its codes,
#: LongitudinalTemporalInformationModified.
_OWN = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280303})
_PRIVATE = re.compile(r"([0-9a-fA-F]{4})\[([^\]]{1,64})\]([0-9a-fA-F]{2})")

_CODES = (
    "SendIt's codes are made under the project's key; they are not CTP's hashes, so a study that CTP has de-identified "
    "and the same one from SendIt have different codes"
)
_CONSTANT = (
    "all dates move by the same number of days, which the recipe shows; JITTER without a number moves them by a secret "
    "offset for each patient"
)
_OWN_OFFSET = "dates move by SendIt's own offset of the patient, by whole weeks; CTP's offset is another one"
_PROCESSED = "SendIt processes the items of a sequence that is kept; CTP leaves them as they are"
_NOT_ADDED = "it is not added to files that lack it, unless DICOM requires it"
_WRITTEN = "it is also written where the attribute is there and empty"
_EMPTIED = "where CTP removes the attribute, it is emptied"
_DECLARED = "SendIt writes this attribute itself, by what was done"
_NAMED_BY_CREATOR = 'a private attribute can be kept by its creator only: KEEP (gggg,"CREATOR",ee)'
_STAYS = (
    "CTP leaves attributes that the script does not name as they are; with SendIt they follow the profile of PS3.15"
)


@dataclass(frozen=True, slots=True)
class _Line:
    """Line of a recipe about one attribute."""

    action: str
    value: str = ""
    differs: str = ""


#: Nothing is to be done: SendIt does it anyway.
_ANYWAY = _Line("")


def from_ctp(name: str, text: str, *, functions: bool, rsna: bool = False) -> Conversion:
    """Convert a script.

    Args:
        name: of the file, for messages.
        text: its content.
        functions: whether functions of the project may be written for it.
        rsna: whether it is one of the RSNA Anonymizer: all that it does not name is removed, and "" means to keep.

    Raises:
        Misconfigured: it is no such script.
    """
    tool = "the RSNA Anonymizer" if rsna else "CTP's DicomAnonymizer"
    made = _Converter(read_script(name, text), f"{name}, a script of {tool}.", functions=functions, rsna=rsna).convert()
    if not rsna:
        return made
    notes = (replace(note, reason=re.sub(r"\bCTP\b", tool, note.reason)) for note in made.notes)
    return replace(made, notes=tuple(notes))


class _Converter:
    """Converts the rules of one script."""

    def __init__(self, entries: list[Entry], title: str, *, functions: bool, rsna: bool) -> None:
        self._entries = entries
        self._parameters = {entry.key: entry.text for entry in entries if entry.kind == "param"}
        self._file = FunctionsFile(title, self._parameters)
        self._functions, self._rsna = functions, rsna
        self._sheet = Sheet(title)

    def convert(self) -> Conversion:
        for entry in self._entries:
            if entry.kind == "element" and entry.enabled:
                self._element(entry)
        self._groups()
        return self._sheet.conversion()

    # --- one attribute -------------------------------------------------------------------------------------------

    def _element(self, entry: Entry) -> None:
        subject = entry.key
        try:
            if (private := _PRIVATE.fullmatch(entry.key)) is not None:
                selector = f'({private[1]},"{private[2]}",{private[3].upper()})'
                line = self._private(parse(entry.text, bare=self._rsna))
                tag = 0
            else:
                tag = _tag(entry.key)
                subject = selector = selector_of(tag)
                line = self._line(tag, entry)
        except NoEquivalent as error:
            self._sheet.missing(entry.line, subject, str(error))
            return
        if line is _ANYWAY:
            return
        self._sheet.functions = self._file.text if line.value.startswith("func:made_") else self._sheet.functions
        if line.action and not self._sheet.add(entry.line, subject, selector, line.action, line.value):
            return
        if line.differs:
            self._sheet.differs(entry.line, subject, line.differs)

    def _private(self, script: Script) -> _Line:
        call = script[0] if len(script) == 1 and isinstance(script[0], Call) else None
        actions = {"keep": "KEEP", "require": "KEEP", "remove": "REMOVE", "empty": "BLANK", "blank": "BLANK"}
        if call is None or call.name not in actions:
            raise NoEquivalent("a private attribute can be kept, emptied or removed only")
        return _Line(actions[call.name])

    def _line(self, tag: int, entry: Entry) -> _Line:
        """Return what a recipe has to say about an attribute.

        Raises:
            NoEquivalent: a recipe cannot say it.
        """
        script = parse(entry.text, bare=self._rsna)
        always = bool(script) and script[0] == Call("always")
        script = script[1:] if always else script
        if tag in _OWN:
            return _Line("", differs=_DECLARED)
        if tag >> 16 & 1:
            if script == (Call("remove"),):
                return _ANYWAY
            raise NoEquivalent(_NAMED_BY_CREATOR)
        if tag not in DicomDictionary or not 0x0008 <= tag >> 16 < 0xFFFA:
            if script == (Call("remove"),) or tag >> 16 == 0x0002:
                return _ANYWAY
            raise NoEquivalent("it is not an attribute of a DICOM dataset, or SendIt always removes it")
        line = self._meaning(tag, script, entry)
        return self._added(line) if always else line

    def _added(self, line: _Line) -> _Line:
        """Return the line for an attribute that CTP adds where it is missing."""
        if line.action == "REPLACE" and (not line.value.startswith("func:") or line.value.startswith("func:made_")):
            return replace(line, action="ADD")
        if line.action in ("KEEP", "BLANK", "REPLACE"):
            return replace(line, differs="; ".join(filter(None, (line.differs, _NOT_ADDED))))
        return line

    def _meaning(self, tag: int, script: Script, entry: Entry) -> _Line:
        vr = DicomDictionary[tag][0]
        if not script:
            return _Line("KEEP" if self._rsna else "BLANK")
        if all(isinstance(part, Text) or part.name == "param" for part in script):
            text = "".join(part.text if isinstance(part, Text) else self._parameter(part) for part in script).strip()
            return _Line("REPLACE", text) if text else _Line("BLANK")
        first = script[0]
        if len(script) == 1 and isinstance(first, Call):
            if first.name in HASHES or first.name in ("integer", "lookup"):
                return self._code(tag, vr, first)
            make = self._MAKERS.get(first.name)
            if make is not None and (line := make(self, tag, first, entry)) is not None:
                return line
        return self._computed(tag, script, entry)

    def _parameter(self, call: Call) -> str:
        name = call.argument(0).removeprefix("@")
        if name not in self._parameters:
            raise NoEquivalent(f"the script has no parameter {name}")
        return self._parameters[name]

    def _computed(self, tag: int, script: Script, entry: Entry) -> _Line:
        """Return a line that calls a function of the project."""
        name = self._file.add(tag, script, entry.text)
        if not self._functions:
            raise NoEquivalent(NEEDS_FUNCTIONS)
        return _Line("REPLACE", f"func:{name}", _EMPTIED if "@remove()" in entry.text else "")

    def _code(self, tag: int, vr: str, call: Call) -> _Line:
        """Return a line that writes a code in the place of a hash, a number or what a table says."""
        name = call.argument(HASHES.get(call.name, 0))
        source = tag if name in ("", "this") else attribute(name)
        listed = (
            'CTP takes the code from a table: give it to the project as "Identities": {"Source": "Csv", …}'
            if call.name == "lookup"
            else _CODES
        )
        if call.name == "lookup" and source != _PATIENT_ID:
            raise NoEquivalent("@lookup() has an equivalent for PatientID only: pseudonyms from a list")
        if source == tag and vr == "UI":
            return _Line("REPLACE", "func:uid", listed)
        if source in _VARIABLES:
            return _Line("REPLACE", _VARIABLES[source], listed)
        if source != tag:
            raise NoEquivalent(f"a code of {selector_of(source)} cannot stand in another attribute")
        if call.name == "integer":
            raise NoEquivalent("@integer() has an equivalent for PatientID, PatientName and AccessionNumber only")
        return _Line("REPLACE", "func:patient_id" if tag in _OTHER_IDS else "func:accession_number", listed)

    def _keep(self, tag: int, call: Call, _entry: Entry) -> _Line:
        whole = DicomDictionary[tag][0] == "SQ" and call.name != "process"
        return _Line("KEEP", differs=_PROCESSED if whole else "")

    def _contents(self, tag: int, call: Call, _entry: Entry) -> _Line | None:
        own = call.argument(0) in ("", "this") or attribute(call.argument(0)) == tag
        return _Line("KEEP") if own and len(call.arguments) < 2 else None

    def _remove(self, _tag: int, _call: Call, _entry: Entry) -> _Line:
        return _Line("REMOVE")

    def _blank(self, _tag: int, _call: Call, _entry: Entry) -> _Line:
        return _Line("BLANK")

    def _increment(self, tag: int, call: Call, _entry: Entry) -> _Line | None:
        name = call.argument(0)
        if name not in ("", "this") and attribute(name) != tag:
            return None
        days = call.argument(1)
        days = (self._parameter(Call("param", (days,))) if days.startswith("@") else days).strip()
        if not re.fullmatch(r"[+-]?\d{1,5}", days):
            raise NoEquivalent(f"'{days}' is not a number of days")
        return _Line("JITTER", days, _CONSTANT)

    def _hash_date(self, tag: int, call: Call, _entry: Entry) -> _Line:
        if call.argument(0) not in ("", "this") and attribute(call.argument(0)) != tag:
            raise NoEquivalent("the moved date of another attribute cannot stand here")
        if DicomDictionary[tag][0] not in DATE_VRS:
            raise NoEquivalent("it is not a date")
        return _Line("JITTER", differs=_OWN_OFFSET)

    def _quarantine(self, tag: int, _call: Call, entry: Entry) -> _Line:
        return self._rejecting(tag, Term(tag, "exists"), entry)

    def _rejecting(self, tag: int, when: Expression, entry: Entry) -> _Line:
        name = f"CTP_{selector_of(tag)}"
        if not self._sheet.add_label(entry.line, selector_of(tag), "blacklist", name, criteria(when)):
            return _Line("")
        return _Line("", differs="CTP quarantines the object, SendIt rejects the instance")

    def _if(self, tag: int, call: Call, entry: Entry) -> _Line | None:
        """Return the line for a condition where one is enough; None if a function has to ask."""
        yes, no = call.clauses
        if yes == no:
            return self._meaning(tag, yes, entry)
        this = call.argument(0) in ("", "this") or attribute(call.argument(0)) == tag
        kind = call.argument(1).strip()
        stop = (Call("quarantine"),)
        if stop in (yes, no):
            when = _condition(tag if this else attribute(call.argument(0)), kind, call.argument(2))
            rejecting = self._rejecting(tag, when if yes == stop else Not(when), entry)
            line = self._meaning(tag, no if yes == stop else yes, entry)
            return replace(line, differs="; ".join(filter(None, (line.differs, rejecting.differs))))
        if this and kind == "exists":  # only attributes that are there are changed
            return self._meaning(tag, yes, entry)
        if this and kind == "isblank" and yes in ((Call("keep"),), (Call("empty"),), (Call("remove"),)):
            line = self._meaning(tag, no, entry)
            if line.action in ("KEEP", "BLANK", "REMOVE", "JITTER"):
                return line
            if line.action == "REPLACE" and not line.value.startswith("func:"):
                return replace(line, differs="; ".join(filter(None, (line.differs, _WRITTEN))))
        return None

    def _select(self, tag: int, call: Call, entry: Entry) -> _Line:
        """Return the line of both clauses: one is for the top of the dataset, one for items of sequences."""
        top, items = call.clauses
        if top != items:
            raise NoEquivalent(
                "a line of a recipe applies at every depth, and cannot do something else within sequences"
            )
        return self._meaning(tag, top, entry)

    def _none(self, _tag: int, call: Call, _entry: Entry) -> _Line:
        raise NoEquivalent(_WHY_NOT[call.name])

    # Functions that the RSNA Anonymizer calls without parentheses.

    def _uid(self, _tag: int, _call: Call, _entry: Entry) -> _Line:
        return _Line("REPLACE", "func:uid", _CODES)

    def _patient(self, _tag: int, _call: Call, _entry: Entry) -> _Line:
        return _Line("REPLACE", "var:patient_id", _CODES)

    def _accession(self, _tag: int, _call: Call, _entry: Entry) -> _Line:
        return _Line("REPLACE", "var:accession_number", _CODES)

    _MAKERS: Mapping[str, Callable[[_Converter, int, Call, Entry], _Line | None]] = {
        "acc": _accession,
        "blank": _blank,
        "call": _none,
        "contents": _contents,
        "date": _none,
        "dateinterval": _none,
        "decrypt": _none,
        "empty": _blank,
        "encrypt": _none,
        "hashdate": _hash_date,
        "if": _if,
        "incrementdate": _increment,
        "keep": _keep,
        "pname": _patient,
        "process": _keep,
        "ptid": _patient,
        "quarantine": _quarantine,
        "remove": _remove,
        "require": _keep,
        "select": _select,
        "skip": _none,
        "time": _none,
        "uid": _uid,
    }

    # --- what a script says about many attributes ----------------------------------------------------------------

    def _groups(self) -> None:
        kept = {entry.key.lower(): entry for entry in self._entries if entry.kind == "keep" and entry.enabled}
        gone = {entry.key.lower(): entry for entry in self._entries if entry.kind == "remove" and entry.enabled}
        safe = [entry for key, entry in kept.items() if key.startswith("safe")]
        groups = {key.zfill(4): entry for key, entry in kept.items() if not key.startswith("safe")}
        if safe:
            self._sheet.options.add(Option.RETAIN_SAFE_PRIVATE)
            self._sheet.differs(safe[0].line, "safe private elements", "the lists of safe elements are SendIt's")
        for group, entry in groups.items():
            self._kept_group(group, entry)
        self._sheet_differs_unless("privategroups" in gone or safe, "private groups", "they go with SendIt, unless the "
                                   "project has RetainSafePrivate or a line keeps them by their creator")  # fmt: skip
        self._sheet_differs_unless("overlays" in gone, "overlays", "they go with SendIt, unless the project has "
                                   "CleanGraphics, which keeps regions of interest")  # fmt: skip
        self._sheet_differs_unless("curves" in gone, "curves", "they go with SendIt")
        if self._rsna or "unspecifiedelements" in gone:
            rest = gone.get("unspecifiedelements")
            self._remove_the_rest(rest.line if rest else 0, groups)
        else:
            self._sheet.differs(0, "attributes without a rule", _STAYS)

    def _sheet_differs_unless(self, alike: object, subject: str, reason: str) -> None:
        if not alike and not self._rsna:
            self._sheet.differs(0, subject, reason)

    def _kept_group(self, group: str, entry: Entry) -> None:
        if not re.fullmatch(r"[0-9a-f]{4}", group):
            self._sheet.missing(entry.line, f"group {group}", "it is not the number of a group")
        elif int(group, 16) & 1:
            self._sheet.missing(entry.line, f"group {group}", _NAMED_BY_CREATOR)
        else:
            reason = (
                "attributes of the group without a rule follow the profile of PS3.15, which removes identifying ones"
            )
            self._sheet.differs(entry.line, f"group {group}", reason)

    def _remove_the_rest(self, line: int, groups: Mapping[str, Entry]) -> None:
        """Remove what has no line, by a pattern of all other tags: REMOVE of all would be stronger than BLANK."""
        named = {f"{tag:08X}" for tag in DicomDictionary if selector_of(tag) in self._sheet.tags()}
        named |= {f"{tag:08X}" for tag in STRUCTURE}
        whole = {f"{group.upper()}...." for group in ("0028", "7fe0", *groups) if re.fullmatch(r"[0-9a-f]{4}", group)}
        pattern = "|".join([*sorted(whole), *sorted(tag for tag in named if f"{tag[:4]}...." not in whole)])
        self._sheet.add(line, "attributes without a rule", f"except:^({pattern})$", "REMOVE")


_WHY_NOT = {
    "call": "@call() runs a program of CTP; write a function of the project instead",
    "date": "SendIt writes no date of today: the same input gives the same output",
    "dateinterval": "@dateinterval() counts from a date of a table, which SendIt does not have",
    "decrypt": "SendIt decrypts nothing",
    "encrypt": "SendIt encrypts no value; pseudonyms and `sendit lookup` serve that",
    "skip": "@skip() lets the object pass unchanged, which SendIt never does",
    "time": "SendIt writes no time of today: the same input gives the same output",
}


def _tag(key: str) -> int:
    digits = re.sub(r"[^0-9a-fA-F]", "", key)
    if len(digits) != 8:
        raise NoEquivalent(f"'{key}' is not the tag of an attribute")
    return int(digits, 16)


def _condition(tag: int, kind: str, value: str) -> Expression:
    if kind not in ("exists", "isblank", "contains", "equals", "matches"):
        raise NoEquivalent(f"a %filter cannot test '{kind}'")
    return Term(tag, kind, value)
