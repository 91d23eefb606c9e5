"""De-identify one DICOM file by a plan; return a DICOM file and its receipt. Retained values are not re-encoded."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.dates import shifted
from sendit.deidentify.dicom.charset import correct_character_sets
from sendit.deidentify.dicom.chunks import digests_of, sha256_of
from sendit.deidentify.dicom.dataset import (
    BINARY_VRS,
    BYTES_VRS,
    PIXELS,
    TEXT_VRS,
    Dataset,
    Element,
    Encoding,
    Instance,
    character_set_of,
    find,
)
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.dicom.text import ascii_text, decoded, encoded
from sendit.deidentify.dicom.value_representations import (
    chosen_vr,
    has_signed_pixels,
    single_vr,
    vr_fits,
    vr_of_unknown,
)
from sendit.deidentify.dicom.writer import Chunks, write_file
from sendit.deidentify.leak_check.identifiers import Identifiers
from sendit.deidentify.leak_check.search import check_for_leaks, stands_in
from sendit.deidentify.pixels.image import place_in_series
from sendit.deidentify.pixels.overlay_text import without_drawn_text
from sendit.deidentify.pixels.policy import apply_pixel_policy, check_nested
from sendit.deidentify.plan import Action, Plan, Rule
from sendit.deidentify.private_blocks.blocks import cleaned_block
from sendit.deidentify.private_blocks.entries import EntryCleaner, entry_cleaner
from sendit.deidentify.profile.method import deidentification_method
from sendit.deidentify.profile.overlays import without_graphics
from sendit.deidentify.profile.private import open_sequences, rules_here
from sendit.deidentify.profile.required import is_animal, required_attributes, required_rule, without_orphans
from sendit.deidentify.pseudonyms import KeyedIdentities, Patient
from sendit.deidentify.recipes.per_instance import Decisions, decide
from sendit.deidentify.replacements import DUMMIES, FUNCTIONS, VARIABLES, Subject
from sendit.deidentify.retained.beside_pixels import take_out
from sendit.deidentify.retained.by_attribute import explained
from sendit.deidentify.retained.clean_values import RetainedValues
from sendit.deidentify.retained.coded_concepts import attribute_of_concept, identifies
from sendit.deidentify.retained.labels import keep_apart
from sendit.deidentify.retained.lost_meaning import are_alike, lost_meaning, telling_values, with_doubt_of_lost
from sendit.deidentify.retained.numbers import mend_numbers
from sendit.deidentify.retained.private_values import BLOCKS
from sendit.deidentify.retained.remembered import (
    LONGEST_VALUE,
    ElementKey,
    ElementOutcome,
    ItemOutcome,
    Place,
    Remembered,
    Siblings,
    key_of_item,
    remembered_in,
)
from sendit.deidentify.retained.vr_rules import are_uids
from sendit.deidentify.retained.written_by_devices import TextsOfBlocks
from sendit.deidentify.text.clean import cleaner_for, personal_data_of
from sendit.deidentify.validate import check_accepted, check_pixels, subject_of, text_of
from sendit.errors import Misconfigured, Quarantine, Reject
from sendit.model import LOOK_DUE, Outcome, Pixels, Quarantined, Receipt, Rejected, Released

if TYPE_CHECKING:  # loads numpy, which headers do not need
    import mmap
    from collections.abc import Callable, Mapping, Sequence

    from sendit.deidentify.pixels.ocr.api import PixelTools

_PATIENT_NAME, _PATIENT_ID, _ISSUER = 0x00100010, 0x00100020, 0x00100021
_SOP_INSTANCE, _STUDY, _SERIES = 0x00080018, 0x0020000D, 0x0020000E
_STUDY_DATE, _ACCESSION_NUMBER, _MODALITY = 0x00080020, 0x00080050, 0x00080060

#: Codes that name a person or an institution: even their meanings become dummy values.
#: (PersonIdentificationCodeSequence, OperatorIdentificationSequence, InstitutionCodeSequence)
_NAMING = frozenset({0x00401101, 0x00081072, 0x00080082})

_TEXT_VALUE, _DATE_VALUES = 0x0040A160, frozenset({0x0040A120, 0x0040A121})  # DateTime, Date
#: StackID tells stacks of frames apart: what may not stay becomes a code, as the same dummy would make two of them one.
_STACK_ID = 0x00209056
_NUMBERS = BINARY_VRS | {"DS", "IS"}
_INTEGERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i"}


def deidentify(
    source: bytes | memoryview | mmap.mmap, plan: Plan, identities: KeyedIdentities, tools: PixelTools | None = None
) -> Released | Rejected | Quarantined:
    """De-identify one PS3.10 file. Never raises for what is in `source`; the same arguments give the same bytes.

    Released chunks may be views into `source`: keep it open until they are written.

    Args:
        source: the bytes of the file.
        plan: the compiled plan of the project.
        identities: the codes of the project.
        tools: text detection, and a folder for large pixel data. Without it, instances that need it are quarantined.

    Raises:
        Misconfigured: one of the tools does not work.
    """
    view = memoryview(source)
    digest = sha256_of([view])
    try:
        return _release(view, digest, plan, identities, tools)
    except Reject as refusal:
        return Rejected(str(refusal), digest)
    except Quarantine as doubt:
        return Quarantined(str(doubt), digest)
    except Misconfigured:
        raise
    except MemoryError:
        return Quarantined("it needs more memory than one instance may use", digest)
    except Exception as error:  # noqa: BLE001  law 1: a fault of ours may neither release anything nor end the batch
        return Quarantined(f"a fault of SendIt during de-identification ({type(error).__name__})", digest)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  libraries in Rust panic with something other than an Exception
        return Quarantined(f"a library failed during de-identification ({type(error).__name__})", digest)


def _release(
    view: memoryview, digest: str, plan: Plan, identities: KeyedIdentities, tools: PixelTools | None
) -> Outcome:
    instance = _read(view, plan)
    subject = subject_of(instance.elements)
    identities.admit(subject.patient)
    check_accepted(instance.elements, plan.handling)
    check_pixels(instance)
    decisions = decide(plan, instance, view, subject, identities)
    original, encoding = instance.elements, instance.syntax.encoding
    telling = None
    if plan.clean_pixels:  # masking changes elements in place
        telling = telling_values(original, encoding, original)
    identifiers = Identifiers.of(instance, plan, identities.date_offset_days(subject.patient), decisions.rules)
    pixels = apply_pixel_policy(instance, plan, identifiers, tools)
    if plan.graphics and plan.clean_pixels:
        instance.elements = without_drawn_text(instance, tools.search if tools else None, identifiers)
    retained = RetainedValues(
        cleaner_for(personal_data_of(instance.elements, plan)), instance.syntax.encoding.order, identifiers.byte_search
    )
    animal = is_animal(instance.elements)
    required = required_attributes(subject.sop_class_uid, animal=animal)
    entries = entry_cleaner(plan, TextsOfBlocks(retained.texts), identities.uid)
    cleaner = _Cleaner(
        plan, identities, subject, instance.syntax.encoding, retained, entries, decisions, required, pixels
    )
    cleaner.remembered = _remembered(cleaner, animal=animal)
    instance.elements = cleaner.top(instance.elements)
    if cleaner.names_told_apart:
        instance.repairs.append(
            f"{cleaner.names_told_apart} names of structures got their number: cleaning made them alike"
        )
    lost: tuple[str, ...] = ()
    if telling is not None or not are_alike(original, instance.elements):
        telling = telling_values(original, encoding, original) if telling is None else telling
        lost = lost_meaning(telling, telling_values(instance.elements, instance.syntax.encoding, original))
    lost = tuple(dict.fromkeys((*lost, *cleaner.numbers_lost)))
    staged = () if tools is None else tools.staged_doubts
    cleaner.pixels = with_doubt_of_lost(cleaner.pixels, lost, plan.handling, staged)
    if plan.clean_pixels:
        check_nested(instance.elements)
    take_out(instance, lambda comment: stands_in(comment, identifiers), tools.scratch if tools else None)
    sop_instance_uid = text_of(instance.elements, _SOP_INSTANCE)
    chunks = write_file(instance, subject.sop_class_uid, sop_instance_uid)
    leak_check = check_for_leaks(instance, chunks, identifiers, explained)
    receipt = _receipt(digest, instance, cleaner, chunks, leak_check, lost)
    place = place_in_series(instance) if cleaner.pixels.series == LOOK_DUE else None
    return Released(chunks, receipt, subject.crosswalk_entry(receipt), place)


def _read(view: memoryview, plan: Plan) -> Instance:
    """Return what the file holds, with small faults mended, and the private sequences opened that a rule is for."""
    instance = read_file(view)
    instance.repairs += correct_character_sets(instance.elements)
    if plan.private:
        open_sequences(instance.elements, plan.private, instance.syntax.encoding)
    instance.repairs += mend_numbers(instance.elements, instance.syntax.encoding.order)
    return instance


def _receipt(
    digest: str, instance: Instance, cleaner: _Cleaner, chunks: Chunks, leak_check: str, lost: Sequence[str]
) -> Receipt:
    """Record what became of an instance. It is called when nothing can hold the instance any more."""
    subject = cleaner.subject
    sha256, md5, size = digests_of(chunks)
    return Receipt(
        input_sha256=digest,
        plan_sha256=cleaner.plan.digest,
        output_sha256=sha256,
        output_md5=md5,
        output_size=size,
        patient_id=cleaner.identities.patient_id(subject.patient),
        study_instance_uid=text_of(instance.elements, _STUDY),
        series_instance_uid=text_of(instance.elements, _SERIES),
        sop_instance_uid=text_of(instance.elements, _SOP_INSTANCE),
        sop_class_uid=subject.sop_class_uid,
        transfer_syntax_uid=instance.syntax.uid,
        study_date=text_of(instance.elements, _STUDY_DATE),
        accession_number=text_of(instance.elements, _ACCESSION_NUMBER),
        modality=text_of(instance.elements, _MODALITY),
        actions={str(action): count for action, count in sorted(cleaner.counts.items())},
        leak_check=leak_check,
        pixels=cleaner.pixels.as_dict(),
        repairs=tuple(instance.repairs),
        lost_meaning=lost,
        released=not cleaner.pixels.doubt,
    )


def _remembered(cleaner: _Cleaner, *, animal: bool) -> Remembered | None:
    """Return what is remembered of instances with the same rules, codes and names; None if a rule is the instance's."""
    if cleaner.decisions.rules:
        return None
    subject, retained = cleaner.subject, cleaner.retained
    rules = (cleaner.plan.digest, subject.sop_class_uid, animal, cleaner.encoding)
    names = (cleaner.identities.scope(), subject.patient, subject.birth, retained.texts, retained.byte_search)
    return remembered_in((rules, names))


@dataclass(slots=True)
class _Context:
    """The dataset that contains an element."""

    elements: Dataset
    character_set: bytes | memoryview = b""
    naming: bool = False  # within a code that names a person or an institution
    top: bool = False
    sequence: int = 0  # the tag of the sequence whose item it is
    creators: Mapping[int, str] | None = None  # of private blocks, as they hold around it; then those of its own
    signed: bool = False  # by PixelRepresentation, its own or the one around it

    def place(self) -> Place:
        """Return what the outcome of an element or item depends on besides its values."""
        return Place(self.sequence, bytes(self.character_set), self.naming, self.top, self.signed)


@dataclass(slots=True)
class _Cleaner:
    """Applies a plan to the datasets of one instance."""

    plan: Plan
    identities: KeyedIdentities
    subject: Subject
    encoding: Encoding
    retained: RetainedValues
    entries: EntryCleaner
    decisions: Decisions
    required: Mapping[tuple[int, int], Action]
    pixels: Pixels
    remembered: Remembered | None = None
    counts: Counter[str] = field(default_factory=Counter)
    names_told_apart: int = 0  # by a number behind them
    numbers_lost: dict[str, None] = field(default_factory=dict)  # names of attributes, in the order of the file
    own_values: int = 0  # how many values depended on more of the instance than their scope

    def top(self, elements: Dataset) -> Dataset:
        """Return the dataset of the file: cleaned, completed, and marked as de-identified."""
        context = _Context(
            elements, character_set_of(elements, b""), top=True, signed=has_signed_pixels(elements, inherited=False)
        )
        cleaned = {element.tag: element for element in self._cleaned(context)}
        for tag in (_PATIENT_NAME, _PATIENT_ID, *self.plan.added):
            rule = self.decisions.added.get(tag) or self.plan.rules[tag]
            if find(elements, tag) is None and rule.action in (Action.PATIENT, Action.ADD):
                cleaned[tag] = self._apply(Element(tag, rule.vr), rule, context)  # type: ignore[assignment]
        cleaned.update((element.tag, element) for element in deidentification_method(self.plan, self.pixels))
        return [cleaned[tag] for tag in sorted(cleaned)]

    def _cleaned(self, context: _Context) -> Dataset:
        cleaned = []
        elements = context.elements
        private: Mapping[int, Rule] = {}
        if self.plan.private:
            private, context.creators = rules_here(elements, self.plan.private, context.character_set, context.creators)
        if self.plan.graphics:
            # Nobody looks for text in the overlays of an item.
            regions = context.top or not self.plan.clean_pixels
            elements = without_graphics(elements, self.encoding.order, regions=regions)
        place = context.place()
        known: Mapping[ElementKey, ElementOutcome] = {}
        if self.remembered is not None:
            known, context.elements = self.remembered.elements(place), Siblings(context.elements)
        rules, decided, required, counts = self.plan.rules, self.decisions.rules, self.required, self.counts
        for element in elements:
            tag, value = element.tag, element.value
            if known and type(value) is bytes and (outcome := known.get((tag, element.vr, value))) is not None:
                counts[outcome.action] += 1
                if outcome.element is not None:
                    cleaned.append(outcome.element)
                continue
            rule = (decided.get(id(element)) if decided else None) or rules.get(tag) or private.get(tag)
            form = required.get((context.sequence, tag))
            if form is not None:
                rule = required_rule(rule, tag, form)
            if rule is None:
                counts["X"] += 1
                continue
            retained = self._worked(element, rule, context, place)
            if retained is not None:
                cleaned.append(retained)
        return without_orphans(cleaned, elements)

    def _worked(self, element: Element, rule: Rule, context: _Context, place: Place) -> Element | None:
        """Return the same as `_apply`, and remember it if only the value, its place and the scope decide."""
        value, siblings = element.value, context.elements
        usual = element.vr != "SQ" and not element.tag >> 16 & 1  # the rule of a private element depends on its creator
        if not usual or not isinstance(value, bytes) or len(value) > LONGEST_VALUE:
            return self._apply(element, rule, context)
        if self.remembered is None or not isinstance(siblings, Siblings):
            return self._apply(element, rule, context)
        counts, self.counts = self.counts, Counter()
        siblings.looked_at, own_values = False, self.own_values
        retained = self._apply(element, rule, context)
        if len(self.counts) == 1 and not siblings.looked_at and self.own_values == own_values:
            (action,) = self.counts
            self.remembered.keep_element(place, (element.tag, element.vr, value), ElementOutcome(action, retained))
        counts.update(self.counts)
        self.counts = counts
        return retained

    def _item(self, context: _Context) -> Dataset:
        """Return the same as `_cleaned` for an item of a sequence, and remember small ones."""
        key = None if self.remembered is None else key_of_item(context.elements)
        if self.remembered is None or key is None:
            return self._cleaned(context)
        place = context.place()
        outcome = self.remembered.item(place, key)
        if outcome is None:
            counts, self.counts, own_values = self.counts, Counter(), self.own_values
            outcome = ItemOutcome(self.counts, self._cleaned(context))
            self.counts = counts
            if self.own_values == own_values:
                self.remembered.keep_item(place, key, outcome)
        for action, count in outcome.actions.items():
            self.counts[action] += count
        return [*outcome.elements]  # keep_apart may exchange some of them

    def _apply(self, element: Element, rule: Rule, context: _Context) -> Element | None:
        """Return the element as it is released, None if it is removed, and count the action."""
        action = rule.action
        if action is Action.REMOVE:
            self.counts["X"] += 1
            return None
        if element.items is not None or rule.vr == "SQ":
            return self._sequence(element, rule, context)
        if rule.form:
            return self._block(element, rule)
        if action is Action.KEEP:
            return self._keep(element, rule, context)
        if action in (Action.KEEP_DATE, Action.SHIFT):
            return self._date(element, rule, context)
        self.counts[action] += 1
        value = self._MAKERS[action](self, element, rule, context)
        if value is None:
            return None
        return Element(element.tag, single_vr(element.vr, rule.vr), value)

    def _sequence(self, element: Element, rule: Rule, context: _Context) -> Element | None:
        if rule.vr != "SQ" or element.items is None:  # the file and the standard disagree on its type
            self.counts["X"] += 1
            return None
        if rule.action is Action.EMPTY:
            self.counts["Z"] += 1
            return Element(element.tag, "SQ", items=[])
        self.counts[rule.action] += 1
        naming = context.naming or (element.tag in _NAMING and rule.action is Action.DUMMY)
        creators = context.creators if element.tag >> 16 & 1 else None
        items = [
            self._item(
                _Context(
                    item,
                    character_set_of(item, context.character_set),
                    naming,
                    sequence=element.tag,
                    creators=creators,
                    signed=has_signed_pixels(item, inherited=context.signed),
                )
            )
            for item in element.items
        ]
        self.names_told_apart += keep_apart(element.tag, element.items, items, self.encoding.order)
        return Element(element.tag, "SQ", items=items)

    def _block(self, element: Element, rule: Rule) -> Element | None:
        """Rebuild a private value that is a file of its own; remove it if that is impossible."""
        clean = BLOCKS.get(rule.form)
        value = clean(element.value) if clean else cleaned_block(rule.form, element.value, self.entries)
        self.counts["T" if value else "X"] += 1
        vr = element.vr if element.vr in BYTES_VRS and element.vr != "UN" else rule.vr
        return Element(element.tag, vr, value) if value else None

    def _keep(self, element: Element, rule: Rule, context: _Context) -> Element | None:
        vr = element.vr
        if vr == "UN":
            vr = vr_of_unknown(rule.vr, self.encoding, signed=context.signed)
        elif vr != rule.vr and not rule.origin.startswith("recipe") and not vr_fits(vr, rule.vr):
            vr = ""
        # Pixels in items are icons, which the profile removes.
        if not vr or (element.tag in PIXELS and not context.top):
            self.counts["X"] += 1
            return None
        if " or " in vr and self.encoding.explicit:  # from a sequence that came as UN, which is implicit VR
            vr = chosen_vr(vr, signed=context.signed)
        if context.naming and vr in TEXT_VRS:
            self.counts["D"] += 1
            return Element(element.tag, vr, DUMMIES[vr])
        value = self._kept_value(element, vr, rule, context)
        if value is not element.value and element.tag == _STACK_ID:
            value = self._accession(element, rule, context) or b""
        if not value and vr in _NUMBERS and element.tag in DicomDictionary and bytes(element.value).strip(b"\0 "):
            self.numbers_lost[DicomDictionary[element.tag][4]] = None
            self.own_values += 1  # each receipt has to say so
        if value is element.value:
            self.counts["K"] += 1
            if vr is element.vr:
                return element
            return Element(element.tag, vr, value, encapsulated=element.encapsulated)
        self.counts["T" if value else "Z"] += 1
        return Element(element.tag, vr, value)

    def _kept_value(self, element: Element, vr: str, rule: Rule, context: _Context) -> bytes | memoryview:
        """Return the value of an attribute that is kept, as far as it may stay."""
        if rule.origin.startswith("recipe"):
            unreadable = vr in TEXT_VRS and self.retained.readable(element, vr, context.character_set) is None
            return b"" if unreadable else element.value
        value = self.retained.checked(element, vr, rule, context.elements, context.character_set)
        if vr == "UI" and not are_uids(value):  # a number without a dot is somebody's, and no UID
            return self._uid(element, rule, context) or b""
        return value

    def _date(self, element: Element, rule: Rule, context: _Context) -> Element | None:
        days = 0
        if rule.action is Action.SHIFT:
            days = self.identities.date_offset_days(self.subject.patient) if rule.days is None else rule.days
        original = ascii_text(element.value)
        moved = shifted(rule.vr, original, days)
        if moved is None or (rule.origin == "profile" and self._is_of_birth(element.tag, original, context)):
            self.counts[rule.fallback] += 1
            if rule.fallback is Action.REMOVE:
                return None
            return Element(element.tag, rule.vr, DUMMIES[rule.vr] if rule.fallback is Action.DUMMY else b"")
        self.counts["K" if rule.action is Action.KEEP_DATE else "C"] += 1
        return Element(element.tag, rule.vr, moved.encode("ascii"))

    def _is_of_birth(self, tag: int, date: str, context: _Context) -> bool:
        """Return whether a date is the patient's day of birth, whose attribute no option for dates retains."""
        if tag in _DATE_VALUES and identifies(context.elements):
            return True
        birth = self.subject.birth
        return bool(birth) and any(single.strip().replace(".", "").startswith(birth) for single in date.split("\\"))

    # --- replacements of values; None removes the attribute ---------------------------------------------------------

    def _empty(self, element: Element, rule: Rule, context: _Context) -> bytes | None:
        return b""

    def _dummy(self, element: Element, rule: Rule, context: _Context) -> bytes | None:
        return DUMMIES[single_vr(element.vr, rule.vr)]

    def _clean(self, element: Element, rule: Rule, context: _Context) -> bytes | None:
        """Clean a description. If nothing is left of a text, the profile without the option decides."""
        text = element.vr in TEXT_VRS or element.vr == "UN"
        if text and not (element.tag == _TEXT_VALUE and identifies(context.elements)):
            of_concept = attribute_of_concept(context.elements) if element.tag == _TEXT_VALUE else 0
            clean = self.retained.described(rule, of_concept or element.tag)
            cleaned = bytes(self.retained.rewritten(element, clean, context.character_set))
            if cleaned or not element.value:
                return cleaned
        if rule.fallback is Action.REMOVE:
            return None
        if rule.fallback is Action.ACCESSION:
            return self._accession(element, rule, context)
        return self._dummy(element, rule, context) if rule.fallback is Action.DUMMY else b""

    def _uid(self, element: Element, rule: Rule, context: _Context) -> bytes | None:
        uids = ascii_text(element.value).split("\\")
        return "\\".join(self.identities.uid(uid.strip("\0 ")) for uid in uids).encode("latin-1")

    def _patient(self, element: Element, rule: Rule, context: _Context) -> bytes | None:
        """Return the patient's pseudonym; within an item, that of the patient whom the item names."""
        patient = self.subject.patient
        if not context.top:
            patient = Patient(
                self._text(find(context.elements, _PATIENT_ID), context),
                self._text(find(context.elements, _ISSUER), context),
            )
            if not patient.patient_id:
                return DUMMIES[rule.vr] if element.tag == _PATIENT_NAME else b""
        return self.identities.patient_id(patient).encode("ascii")

    def _accession(self, element: Element, rule: Rule, context: _Context) -> bytes | None:
        return self.identities.accession_number(self._text(element, context)).encode("ascii")

    def _set(self, element: Element, rule: Rule, context: _Context) -> bytes | None:
        """Return a recipe's value; None, so that the attribute is removed, if a function has no answer."""
        self.own_values += rule.kind != "literal"
        if rule.kind == "var":
            made = VARIABLES[rule.value].value(self.subject, self.identities)
            if rule.vr in ("AE", "SH") and len(made) > 16:
                raise Quarantine(f"a recipe puts the pseudonym where {rule.vr} is too short for it")
            return made.encode("latin-1")
        if rule.kind == "func":
            original = self._text(element, context)
            answer = FUNCTIONS[rule.value].value(original, rule.vr, self.subject, self.identities)
            return None if answer is None else answer.encode("latin-1")
        if rule.vr in _INTEGERS:
            return struct.pack(self.encoding.order + _INTEGERS[rule.vr], int(rule.value))
        return encoded(rule.value, context.character_set)

    def _text(self, element: Element | None, context: _Context) -> str:
        return "" if element is None else decoded(element.value, context.character_set).strip("\0 ")

    _MAKERS: ClassVar[Mapping[Action, Callable[[_Cleaner, Element, Rule, _Context], bytes | None]]] = {
        Action.EMPTY: _empty,
        Action.DUMMY: _dummy,
        Action.UID: _uid,
        Action.CLEAN: _clean,
        Action.PATIENT: _patient,
        Action.ACCESSION: _accession,
        Action.SET: _set,
        Action.ADD: _set,
    }
