"""One DICOM file in, one DICOM file and its receipt out, by a plan. What stays is never encoded anew."""

from __future__ import annotations

import hashlib
import mmap
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendit.deidentify.bulk import pieces
from sendit.deidentify.checks import check_character_sets, check_pixels, subject_of, text_of
from sendit.deidentify.dataset import (
    BINARY_VRS,
    BYTES_VRS,
    DATE_VRS,
    PIXELS,
    TEXT_VRS,
    Dataset,
    Element,
    Encoding,
    find,
)
from sendit.deidentify.dates import shifted
from sendit.deidentify.disguised import check_beside_pixels
from sendit.deidentify.freetext import cleaner_for, known_of
from sendit.deidentify.graphics import without_drawings
from sendit.deidentify.identity import KeyedIdentities, Patient
from sendit.deidentify.kept import KeptValues
from sendit.deidentify.known import Known
from sendit.deidentify.marks import marks
from sendit.deidentify.pixels.treatment import check_accepted, check_nested, treat
from sendit.deidentify.plan import Action, Plan, Rule
from sendit.deidentify.private import rules_here
from sendit.deidentify.proof import prove
from sendit.deidentify.reader import read_file
from sendit.deidentify.required import demanded, strengthened
from sendit.deidentify.site import Decisions, decide
from sendit.deidentify.structured import identifies
from sendit.deidentify.text import decoded, encoded
from sendit.deidentify.values import DUMMIES, FUNCTIONS, VARIABLES, Subject
from sendit.deidentify.writer import Chunks, write_file
from sendit.errors import Misconfigured, Quarantine, Reject
from sendit.model import Outcome, Pixels, Quarantined, Receipt, Rejected, Released, Ties

if TYPE_CHECKING:  # loads numpy, which nobody needs for headers
    from sendit.deidentify.pixels.detect import PixelTools

_CHARACTER_SET, _PATIENT_NAME, _PATIENT_ID, _ISSUER = 0x00080005, 0x00100010, 0x00100020, 0x00100021
_SOP_INSTANCE, _STUDY, _SERIES = 0x00080018, 0x0020000D, 0x0020000E
_STUDY_DATE, _ACCESSION_NUMBER, _MODALITY = 0x00080020, 0x00080050, 0x00080060

#: Codes that name a person or an institution: in them even the text of codes becomes a dummy.
#: (PersonIdentificationCodeSequence, OperatorIdentificationSequence, InstitutionCodeSequence)
_NAMING = frozenset({0x00401101, 0x00081072, 0x00080082})

_TEXT_VALUE = 0x0040A160
_KINDS = (TEXT_VRS, BYTES_VRS - {"UN"}, DATE_VRS, BINARY_VRS, frozenset({"DS", "IS"}))
_INTEGERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i"}


def deidentify(
    source: bytes | memoryview | mmap.mmap, plan: Plan, identities: KeyedIdentities, tools: PixelTools | None = None
) -> Released | Rejected | Quarantined:
    """De-identify one PS3.10 file. Never raises for what is in `source`; the same arguments give the same bytes.

    The chunks of what is released may be views into `source`: keep it open until they are written.

    Args:
        tools: what finds text in pixels, and where large ones may lie. Without it, what needs it is quarantined.

    Raises:
        Misconfigured: one of the tools does not work.
    """
    view = memoryview(source)
    digest = _sha256(view)
    try:
        return _release(view, digest, plan, identities, tools)
    except Reject as refusal:
        return Rejected(str(refusal), digest)
    except Quarantine as doubt:
        return Quarantined(str(doubt), digest)
    except Misconfigured:
        raise
    except MemoryError:
        return Quarantined("it takes more memory than one instance may have", digest)
    except Exception as error:  # noqa: BLE001  law 1: a fault of ours may not let anything pass, nor end the batch
        return Quarantined(f"a fault of SendIt while de-identifying ({type(error).__name__})", digest)


def _release(
    view: memoryview, digest: str, plan: Plan, identities: KeyedIdentities, tools: PixelTools | None
) -> Outcome:
    instance = read_file(view)
    check_character_sets(instance.elements)
    subject = subject_of(instance.elements)
    identities.admit(subject.patient)
    check_accepted(instance.elements, plan.handling)
    check_pixels(instance)
    decisions = decide(plan, instance, view, subject, identities)
    known = Known.of(instance, plan, identities.date_offset_days(subject.patient), decisions.rules)
    pixels = treat(instance, plan, known, tools)
    kept = KeptValues(cleaner_for(known_of(instance.elements, plan)), instance.syntax.encoding.order)
    demands = demanded(subject.sop_class_uid)
    cleaner = _Cleaner(plan, identities, subject, instance.syntax.encoding, kept, decisions, demands, pixels)
    instance.elements = cleaner.top(instance.elements)
    if plan.clean_pixels:
        check_nested(instance.elements)
    sop_instance_uid = text_of(instance.elements, _SOP_INSTANCE)
    chunks = write_file(instance, subject.sop_class_uid, sop_instance_uid)
    proof = prove(instance, chunks, known)
    check_beside_pixels(instance)
    sha256, md5, size = _digests(chunks)
    receipt = Receipt(
        input_sha256=digest,
        plan_sha256=plan.digest,
        output_sha256=sha256,
        output_md5=md5,
        output_size=size,
        patient_id=identities.patient_id(subject.patient),
        study_instance_uid=text_of(instance.elements, _STUDY),
        series_instance_uid=text_of(instance.elements, _SERIES),
        sop_instance_uid=sop_instance_uid,
        sop_class_uid=subject.sop_class_uid,
        transfer_syntax_uid=instance.syntax.uid,
        study_date=text_of(instance.elements, _STUDY_DATE),
        accession_number=text_of(instance.elements, _ACCESSION_NUMBER),
        modality=text_of(instance.elements, _MODALITY),
        actions={str(action): count for action, count in sorted(cleaner.counts.items())},
        proof=proof,
        pixels=pixels.as_dict(),
        released=True,
    )
    ties = Ties(
        patient_id=subject.patient.patient_id,
        issuer=subject.patient.issuer,
        study_instance_uid=subject.study_instance_uid,
        accession_number=subject.accession_number,
        coded_patient_id=receipt.patient_id,
        coded_study_instance_uid=receipt.study_instance_uid,
        coded_accession_number=receipt.accession_number[:64],  # a recipe may have written anything
    )
    return Released(chunks, receipt, ties)


def _sha256(view: memoryview) -> str:
    digest = hashlib.sha256()
    for piece in pieces([view]):
        digest.update(piece)
    return digest.hexdigest()


def _digests(chunks: Chunks) -> tuple[str, str, int]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for piece in pieces(chunks):
        sha256.update(piece)
        md5.update(piece)
    return sha256.hexdigest(), md5.hexdigest(), sum(map(len, chunks))


@dataclass(slots=True)
class _Surroundings:
    """The dataset that an element stands in."""

    elements: Dataset
    character_set: bytes | memoryview = b""
    naming: bool = False  # within a code that names a person or an institution
    top: bool = False
    sequence: int = 0  # the tag of the sequence that it is an item of


@dataclass(slots=True)
class _Cleaner:
    """Applies a plan to the datasets of one instance."""

    plan: Plan
    identities: KeyedIdentities
    subject: Subject
    encoding: Encoding
    kept: KeptValues
    decisions: Decisions
    demanded: Mapping[tuple[int, int], Action]
    pixels: Pixels
    counts: Counter[str] = field(default_factory=Counter)

    def top(self, elements: Dataset) -> Dataset:
        """The dataset of the file: cleaned, completed, and marked as de-identified."""
        around = _Surroundings(elements, _character_set(elements, b""), top=True)
        cleaned = {element.tag: element for element in self._cleaned(around)}
        for tag in (_PATIENT_NAME, _PATIENT_ID, *self.plan.added):
            rule = self.decisions.added.get(tag) or self.plan.rules[tag]
            if find(elements, tag) is None and rule.action in (Action.PATIENT, Action.ADD):
                cleaned[tag] = self._apply(Element(tag, rule.vr), rule, around)  # type: ignore[assignment]
        cleaned.update((element.tag, element) for element in marks(self.plan, self.pixels))
        return [cleaned[tag] for tag in sorted(cleaned)]

    def _cleaned(self, around: _Surroundings) -> Dataset:
        cleaned = []
        elements = around.elements
        private: Mapping[int, Rule] = {}
        if self.plan.private:
            private = rules_here(elements, self.plan.private, around.character_set)
        if self.plan.graphics:
            elements = without_drawings(elements, self.encoding.order)
        rules, decided, demanded, removed = self.plan.rules, self.decisions.rules, self.demanded, 0
        for element in elements:
            rule = (decided.get(id(element)) if decided else None) or rules.get(element.tag) or private.get(element.tag)
            form = demanded.get((around.sequence, element.tag))
            if form is not None:
                rule = strengthened(rule, element.tag, form)
            if rule is None:
                removed += 1
                continue
            kept = self._apply(element, rule, around)
            if kept is not None:
                cleaned.append(kept)
        if removed:
            self.counts["X"] += removed
        return cleaned

    def _apply(self, element: Element, rule: Rule, around: _Surroundings) -> Element | None:
        """The element as it leaves; None if it goes. Counts what was done."""
        action = rule.action
        if action is Action.REMOVE:
            self.counts["X"] += 1
            return None
        if element.items is not None or rule.vr == "SQ":
            return self._sequence(element, rule, around)
        if action is Action.KEEP:
            return self._keep(element, rule, around)
        if action in (Action.KEEP_DATE, Action.SHIFT):
            return self._date(element, rule)
        self.counts[action] += 1
        value = _MAKERS[action](self, element, rule, around)
        if value is None:
            return None
        return Element(element.tag, _single_vr(element, rule), value)

    def _sequence(self, element: Element, rule: Rule, around: _Surroundings) -> Element | None:
        if rule.vr != "SQ" or element.items is None:  # the file and the standard disagree on what this is
            self.counts["X"] += 1
            return None
        if rule.action is Action.EMPTY:
            self.counts["Z"] += 1
            return Element(element.tag, "SQ", items=[])
        self.counts[rule.action] += 1
        naming = around.naming or (element.tag in _NAMING and rule.action is Action.DUMMY)
        items = [
            self._cleaned(_Surroundings(item, _character_set(item, around.character_set), naming, sequence=element.tag))
            for item in element.items
        ]
        return Element(element.tag, "SQ", items=items)

    def _keep(self, element: Element, rule: Rule, around: _Surroundings) -> Element | None:
        vr = element.vr
        if vr == "UN":
            vr = _resolved(rule.vr, self.encoding)
        elif vr != rule.vr and not rule.origin.startswith("recipe") and not _alike(vr, rule.vr):
            vr = ""
        if not vr or (element.tag in PIXELS and not around.top):  # pixels in items are icons, which the profile removes
            self.counts["X"] += 1
            return None
        if " or " in vr and self.encoding.explicit:  # from a sequence that came as UN, which is implicit VR
            vr = "OW" if "OW" in vr else "US"
        if around.naming and vr in TEXT_VRS:
            self.counts["D"] += 1
            return Element(element.tag, vr, DUMMIES[vr])
        value = (
            element.value
            if rule.origin.startswith("recipe")
            else self.kept.checked(element, vr, rule, around.elements, around.character_set)
        )
        if value is element.value:
            self.counts["K"] += 1
            if vr is element.vr:
                return element
            return Element(element.tag, vr, value, encapsulated=element.encapsulated)
        self.counts["T" if value else "Z"] += 1
        return Element(element.tag, vr, value)

    def _date(self, element: Element, rule: Rule) -> Element | None:
        days = 0
        if rule.action is Action.SHIFT:
            days = self.identities.date_offset_days(self.subject.patient) if rule.days is None else rule.days
        original = _ascii(element.value)
        moved = shifted(rule.vr, original, days)
        if moved is None:
            self.counts[rule.fallback] += 1
            if rule.fallback is Action.REMOVE:
                return None
            return Element(element.tag, rule.vr, DUMMIES[rule.vr] if rule.fallback is Action.DUMMY else b"")
        self.counts["K" if rule.action is Action.KEEP_DATE else "C"] += 1
        return Element(element.tag, rule.vr, moved.encode("ascii"))

    # --- the values that take the place of others; None: the attribute goes ----------------------------------------

    def _empty(self, element: Element, rule: Rule, around: _Surroundings) -> bytes | None:
        return b""

    def _dummy(self, element: Element, rule: Rule, around: _Surroundings) -> bytes | None:
        return DUMMIES[_single_vr(element, rule)]

    def _clean(self, element: Element, rule: Rule, around: _Surroundings) -> bytes | None:
        """A description. What is left of a text in which all had to go is what the profile says without the option."""
        text = element.vr in TEXT_VRS or element.vr == "UN"
        if text and not (element.tag == _TEXT_VALUE and identifies(around.elements)):
            cleaned = bytes(self.kept.rewritten(element, self.kept.texts.description, around.character_set))
            if cleaned or not element.value:
                return cleaned
        if rule.fallback is Action.REMOVE:
            return None
        return self._dummy(element, rule, around) if rule.fallback is Action.DUMMY else b""

    def _uid(self, element: Element, rule: Rule, around: _Surroundings) -> bytes | None:
        uids = _ascii(element.value).split("\\")
        return "\\".join(self.identities.uid(uid.strip("\0 ")) for uid in uids).encode("latin-1")

    def _patient(self, element: Element, rule: Rule, around: _Surroundings) -> bytes | None:
        """In an item, the patient is the one that the item names."""
        patient = self.subject.patient
        if not around.top:
            patient = Patient(
                self._text(find(around.elements, _PATIENT_ID), around),
                self._text(find(around.elements, _ISSUER), around),
            )
            if not patient.patient_id:
                return DUMMIES[rule.vr] if element.tag == _PATIENT_NAME else b""
        return self.identities.patient_id(patient).encode("ascii")

    def _accession(self, element: Element, rule: Rule, around: _Surroundings) -> bytes | None:
        return self.identities.accession_number(self._text(element, around)).encode("ascii")

    def _set(self, element: Element, rule: Rule, around: _Surroundings) -> bytes | None:
        """A recipe's value. A function without an answer (a date that is none) lets the attribute go."""
        if rule.kind == "var":
            made = VARIABLES[rule.value].value(self.subject, self.identities)
            if rule.vr in ("AE", "SH") and len(made) > 16:
                raise Quarantine(f"the pseudonym is longer than {rule.vr} may be, where a recipe puts it")
            return made.encode("latin-1")
        if rule.kind == "func":
            original = self._text(element, around)
            answer = FUNCTIONS[rule.value].value(original, rule.vr, self.subject, self.identities)
            return None if answer is None else answer.encode("latin-1")
        if rule.vr in _INTEGERS:
            return struct.pack(self.encoding.order + _INTEGERS[rule.vr], int(rule.value))
        return encoded(rule.value, around.character_set)

    def _text(self, element: Element | None, around: _Surroundings) -> str:
        return "" if element is None else decoded(element.value, around.character_set).strip("\0 ")


_MAKERS: Mapping[Action, Callable[[_Cleaner, Element, Rule, _Surroundings], bytes | None]] = {
    Action.EMPTY: _Cleaner._empty,
    Action.DUMMY: _Cleaner._dummy,
    Action.UID: _Cleaner._uid,
    Action.CLEAN: _Cleaner._clean,
    Action.PATIENT: _Cleaner._patient,
    Action.ACCESSION: _Cleaner._accession,
    Action.SET: _Cleaner._set,
    Action.ADD: _Cleaner._set,
}


def _character_set(elements: Dataset, inherited: bytes | memoryview) -> bytes | memoryview:
    found = find(elements, _CHARACTER_SET)
    return inherited if found is None or found.items is not None else found.value


def _single_vr(element: Element, rule: Rule) -> str:
    """The dictionary's VR; where that depends ("OB or OW"), the file's if it is one of them."""
    choices = rule.vr.split(" or ")
    return element.vr if element.vr in choices else choices[-1]


def _resolved(vr: str, encoding: Encoding) -> str:
    """The VR to write for a known attribute that came as UN; "" if its value cannot be told.

    UN is little endian always (PS3.5 6.2.2), so binary values cannot stay in a big endian file as they are.
    """
    choices = vr.split(" or ")
    if choices[0] in BINARY_VRS or choices[-1] in BYTES_VRS:
        single = "OW" if "OW" in choices else choices[0]
        return single if encoding.little and (len(choices) == 1 or single == "OW") else ""
    return vr


def _alike(vr: str, expected: str) -> bool:
    """Whether a VR that is not the dictionary's holds the same kind of value, as files of older editions do."""
    choices = expected.split(" or ")
    return vr in choices or any(vr in kind and choices[0] in kind for kind in _KINDS)


def _ascii(value: bytes | memoryview) -> str:
    return bytes(value).decode("latin-1").strip("\0 ")
