"""Plants identifiers in the forms of real systems into every kind of text that stays, and counts what leaves.

`python -m benchmarks codes` writes docs/benchmarks/codes.md, with what it costs in phrases of the technique. Whole
instances go through `deidentify`; what leaves is read back as text, as it is and without its separators.
"""

from __future__ import annotations

import io
import json
import os
import re
import warnings
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, BasicTextSRStorage, ExplicitVRLittleEndian

from benchmarks.leaks.corpus import lenient
from benchmarks.leaks.forms import FORMS
from sendit.config.schema import Option
from sendit.deidentify import KeyedIdentities, Plan, compile_plan, deidentify
from sendit.model import Released

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_ROOT = Path(__file__).parents[1]
_PHRASES = Path(__file__).with_name("technique_phrases.txt")
_PAGE_PATH = _ROOT / "docs" / "benchmarks" / "codes.md"
#: What this script measured before words were judged whole: leaks (planted, whole, in part), changed phrases.
_BEFORE = Path(__file__).with_name("codes_before.json")
_EACH = int(os.environ.get("CODES_EACH", "10000"))  # of each form and set of options
_ONLY = os.environ.get("CODES_FORM", "")  # measure the forms of which this is a part again, on the same page
_AGAIN = " Measured again after a rule was changed: "
#: A patient whom no text names.
UNKNOWN = "Quennesbury^Aldric"
_ITEMS = 20  # of one instance, each with all places
_SHORT = {"SH": 16, "CS": 16}
#: A code string is in capitals, digits, spaces and underscores; a value of another form breaks its VR anyhow.
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")

OPTIONS: dict[str, tuple[Option, ...]] = {
    "Basic Profile": (),
    "for research": (
        Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
        Option.RETAIN_PATIENT_CHARACTERISTICS,
        Option.CLEAN_DESCRIPTORS,
        Option.CLEAN_STRUCTURED_CONTENT,
        Option.CLEAN_GRAPHICS,
    ),
}
#: Sequence within the item ("" for the item itself) and keyword. These stay under the Basic profile, …
_TECHNIQUE_KEYWORDS = """
    Manufacturer ManufacturerModelName SoftwareVersions SequenceName PulseSequenceName ConvolutionKernel
    WindowCenterWidthExplanation LUTExplanation AlgorithmName AlgorithmVersion AlgorithmParameters
    ReconstructionMethod AttenuationCorrectionMethod FilterType ViewName StageName ReceiveCoilName StackID
    Radiopharmaceutical DetectorDescription ContrastBolusRoute ImageType ScanOptions SequenceVariant
    ApplicationName DimensionDescriptionLabel SegmentLabel TrackingID
"""
_TECHNIQUE = (
    *(("", keyword) for keyword in _TECHNIQUE_KEYWORDS.split()),
    ("PurposeOfReferenceCodeSequence", "CodeMeaning"),
    ("PurposeOfReferenceCodeSequence", "CodeValue"),
    ("PurposeOfReferenceCodeSequence", "CodingSchemeVersion"),
)
#: … and these under the options that clean text.
_DESCRIPTOR_KEYWORDS = """
    StudyDescription SeriesDescription ProtocolName ImageComments AdditionalPatientHistory
    RequestedProcedureDescription PerformedProcedureStepDescription AcquisitionComments DerivationDescription
    PatientComments ReasonForStudy ContrastBolusAgent FrameComments SegmentDescription
"""
_DESCRIPTORS = (
    *(("", keyword) for keyword in _DESCRIPTOR_KEYWORDS.split()),
    ("ContentSequence", "TextValue"),
    ("TextObjectSequence", "UnformattedTextValue"),
    ("StructureSetROISequence", "ROIName"),
)
_AROUND = (
    "{}", "CHEST FOR {}", "{} axial", "CT_{}", "{}_1", "T1 {}, follow-up", "({})", "ref:{}", "see {}.", "HEAD_{}_AX",
    "knee/{}", "{}", "no. {}", "MR {} sag", '"{}"',
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planted:
    """One code, and where it stands: number of the item, sequence within it, keyword."""

    code: str
    item: int
    sequence: str
    keyword: str


@dataclass(slots=True)
class Leaks:
    """Of one form."""

    planted: int = 0
    whole: int = 0
    parts: int = 0
    example: str = ""


def plan_of(name: str) -> Plan:
    """The plan of one of OPTIONS."""
    return compile_plan(list(OPTIONS[name]), [])


def leaks_of(form: str, options: str, count: int, seed: int = 7, plan: Plan | None = None) -> Leaks:
    """Plant so many codes of a form, de-identify by the plan of the options or another one, and look for them."""
    random, plan, found = Random(f"{seed} {form} {options}"), plan or plan_of(options), Leaks()
    places = _TECHNIQUE if options == "Basic Profile" else (*_DESCRIPTORS, *_TECHNIQUE)
    identities = KeyedIdentities(bytes(range(32)))
    with lenient():
        while found.planted < count:
            source, planted = _instance(random, form, places, min(_ITEMS, -(-count // len(places))))
            planted = planted[: count - found.planted]
            outcome = deidentify(source, plan, identities)
            assert isinstance(outcome, Released), outcome
            _count(found, b"".join(outcome.chunks), planted)
    return found


def _instance(random: Random, form: str, places: Sequence[tuple[str, str]], count: int) -> tuple[bytes, list[Planted]]:
    planted, items = [], []
    for number in range(count):
        item = Dataset()
        for sequence, keyword in places:
            code = FORMS[form](random)
            value = _value(random, code, keyword)
            if value is None:
                continue
            target = item
            if sequence:
                if sequence not in item:
                    setattr(item, sequence, [Dataset()])
                    if sequence.endswith("CodeSequence"):
                        item[sequence].value[0].CodingSchemeDesignator = "99LOCAL"
                target = item[sequence].value[0]
            setattr(target, keyword, value)
            planted.append(Planted(code, number, sequence, keyword))
        items.append(item)
    return file_of(items), planted


def _value(random: Random, code: str, keyword: str) -> str | None:
    """The code with a text around it that fits the attribute; None where a value of this form cannot stand there."""
    vr = dictionary_VR(keyword)
    if vr == "CS":
        return code if _CODE_STRING.fullmatch(code) else None
    text = random.choice(_AROUND).format(code)
    if len(text) > _SHORT.get(vr, 64):
        text = code
    return text if len(text) <= _SHORT.get(vr, 64) else None


def file_of(items: list[Dataset], patient: str = UNKNOWN) -> bytes:
    """A file of a patient who is named, with the items in DerivationImageSequence."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, BasicTextSRStorage
    meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.5")
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = BasicTextSRStorage, "1.2.3.4.5"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.3", "1.2.3.4", "SR"
    dataset.PatientID, dataset.PatientName = "77120934", patient
    dataset.DerivationImageSequence = items
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset)
    return buffer.getvalue()


def _count(found: Leaks, content: bytes, planted: Sequence[Planted]) -> None:
    after = pydicom.dcmread(io.BytesIO(content))
    items = after.DerivationImageSequence
    for one in planted:
        found.planted += 1
        text = "\\".join(_texts(items[one.item], one))
        whole = one.code.casefold() in text.casefold() or _folded(one.code) in _folded(text)
        part = any(piece in _folded(text) for piece in _pieces(one.code))
        found.whole += whole
        found.parts += part and not whole
        if (whole or part) and not found.example:
            found.example = f"{one.keyword}: {one.code} in {text!r}"


def _texts(item: Dataset, one: Planted) -> Iterator[str]:
    inner = item.get(one.sequence, [Dataset()]) if one.sequence else [item]
    for dataset in inner:
        value = dataset.get(one.keyword, "")
        yield "\\".join(map(str, value)) if isinstance(value, pydicom.multival.MultiValue) else str(value)


def _folded(text: str) -> str:
    return re.sub(r"[\W_]", "", text).casefold()


def _pieces(code: str) -> set[str]:
    """Every five signs in a row with three digits or more among them: a part as long still says who is meant."""
    folded = _folded(code)
    pieces = {folded[start : start + 5] for start in range(max(1, len(folded) - 4))}
    return {piece for piece in pieces if sum(map(str.isdigit, piece)) >= 3 and len(piece) == 5}


# --- what it costs ---


def phrases() -> dict[str, list[str]]:
    """The technique phrases, by attribute."""
    return phrases_in(_PHRASES)


def phrases_in(path: Path) -> dict[str, list[str]]:
    """The phrases of a file, by the attribute whose keyword stands in brackets above them."""
    return phrases_of(path.read_text("utf-8"))


def phrases_of(text: str) -> dict[str, list[str]]:
    """The phrases of a text as such a file has it."""
    found: dict[str, list[str]] = {}
    section: list[str] = []
    for line in text.splitlines():
        if re.fullmatch(r"\[[A-Z][A-Za-z]+\]", line):
            section = found.setdefault(line[1:-1], [])
        elif line and not line.startswith("#"):
            section.append(line)
    return found


def changed_phrases(listed: Mapping[str, Sequence[str]] | None = None) -> dict[str, list[tuple[str, str]]]:
    """By attribute: the phrases (or values) that do not stay as they are for research; what is left."""
    plan, identities = plan_of("for research"), KeyedIdentities(bytes(range(32)))
    changed: dict[str, list[tuple[str, str]]] = {}
    with lenient(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, values in (phrases() if listed is None else listed).items():
            items = []
            for value in values:
                item = Dataset()
                setattr(item, keyword, value.split("\\") if keyword != "SeriesDescription" else value)
                items.append(item)
            outcome = deidentify(file_of(items), plan, identities)
            assert isinstance(outcome, Released), outcome
            after = pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks))).DerivationImageSequence
            place = [Planted("", number, "", keyword) for number in range(len(values))]
            left = ["\\".join(_texts(after[one.item], one)) for one in place]
            changed[keyword] = [(a, b) for a, b in zip(values, left, strict=True) if a.strip() != b.strip()]
    return changed


# --- the page ---

_PAGE = """# Codes in texts

Written by `python -m benchmarks codes`. Identifiers that no attribute of the file contains, in {forms} forms
of real systems, {each} of each form and set of options ({total} in all), planted into retained texts: alone, in
brackets and quotes, behind labels, between words, joined to other words by `_`, `/` and `:`. Under the Basic profile
into {technique} attributes (makes, models, versions, sequences, kernels, code strings, codes of a scheme of the
site's own, explanations), with the options for research ({options}) into {descriptors} more (descriptions, comments,
history, reports, annotations, labels). Whole instances go through `deidentify`; the attributes of the outputs are
read back.

One form can be measured again after a change of a rule (`CODES_FORM="check letter" python -m benchmarks codes`).

Whole: the code can be read, as it is or without its separators. In part: five of its characters in a row, three of them
digits. Before: the same at the commit before words were judged whole ({before} of each form).

| form | before, Basic Profile | before, for research | Basic Profile | for research |
| --- | --- | --- | --- | --- |
{table}

{verdict}

## What it costs

{phrases} phrases of the technique (`benchmarks/technique_phrases.txt`: names of series, sequences, kernels, versions
and models from the makers' protocols and public study protocols), written before the rules. Some
rules were changed after the first result, so the list is no longer unseen. The phrases go through the same options; one
that is not exactly the same afterwards counts as changed. Some were already changed before,
because of a word that is in no table. Words with digits: all words in the phrases that contain a digit, and how many of
them stay.

| attribute | phrases | changed before | changed now | words with digits | of them kept |
| --- | --- | --- | --- | --- | --- |
{cost}

Lost now, but not before ({lost}): {examples}.
"""


def main() -> bool:
    """Print and publish; whether nothing leaks."""
    jobs = [(form, options) for options in OPTIONS for form in FORMS if _ONLY in form]
    with get_context("spawn").Pool() as pool:
        found = dict(zip(jobs, pool.imap(_job, jobs), strict=True))
    changed = changed_phrases()
    for (form, options), leaks in found.items():
        if leaks.whole or leaks.parts:
            print(f"codes: {options}, {form}: {leaks.whole} whole, {leaks.parts} in part; {leaks.example}")
    if _ONLY:
        _publish_again(found)
    else:
        _publish(found, changed)
    total = sum(leaks.whole + leaks.parts for leaks in found.values())
    print(f"codes: {total} of {sum(leaks.planted for leaks in found.values())} leaked")
    return total == 0


def _job(job: tuple[str, str]) -> Leaks:
    leaks = leaks_of(*job, _EACH)
    print(f"codes: {job[1]}, {job[0]}: {leaks.whole} and {leaks.parts} of {leaks.planted}", flush=True)
    return leaks


def _publish(found: dict[tuple[str, str], Leaks], changed: dict[str, list[tuple[str, str]]]) -> None:
    before = json.loads(_BEFORE.read_text("utf-8"))
    rows = []
    for form in FORMS:
        old = [before["leaks"][options].get(form, [0, 0, 0]) for options in OPTIONS]
        new = [found[form, options] for options in OPTIONS]
        shown = [f"{(whole + parts) / planted:.1%}" if planted else "" for planted, whole, parts in old]
        shown += [_shown(leaks) for leaks in new]
        rows.append(f"| {form} | {' | '.join(shown)} |")
    leaked = [leaks for leaks in found.values() if leaks.whole or leaks.parts]
    verdict = _verdict(len(leaked))
    lost = [a for keyword, values in changed.items() for a, _ in values if a not in before["changed"][keyword]]
    _PAGE_PATH.write_text(
        _PAGE.format(
            forms=len(FORMS),
            each=f"{_EACH:,}",
            total=f"{sum(leaks.planted for leaks in found.values()):,}",
            technique=len(_TECHNIQUE),
            descriptors=len(_DESCRIPTORS),
            options=", ".join(map(str, OPTIONS["for research"])),
            before=f"{before['each']:,}",
            table="\n".join(rows),
            verdict=verdict,
            phrases=sum(map(len, phrases().values())),
            cost="\n".join(_costs(changed, before)),
            lost=len(lost),
            examples=", ".join(f"`{phrase}`" for phrase in lost) or "nothing",
        ),
        "utf-8",
    )


def _publish_again(found: dict[tuple[str, str], Leaks]) -> None:
    """Put rows that were measured again in the place of those that the page has."""
    lines = _PAGE_PATH.read_text("utf-8").splitlines()
    for form in {form for form, _ in found}:
        number = next(number for number, line in enumerate(lines) if line.startswith(f"| {form} |"))
        cells = lines[number].split(" | ")
        lines[number] = " | ".join([*cells[:3], *(_shown(found[form, options]) for options in OPTIONS)]) + " |"
    table = [line for line in lines if line.startswith("| ") and line.count(" | ") == 4]
    leaked = sum("whole" in cell for line in table for cell in line.split(" | "))
    number = next(
        number for number, line in enumerate(lines) if line.startswith(("Nothing leaked", "Something leaked"))
    )
    _, _, again = lines[number].partition(_AGAIN)
    forms = {*filter(None, again.removesuffix(".").split("; ")), *(form for form, _ in found)}
    lines[number] = _verdict(leaked) + _AGAIN + "; ".join(sorted(forms)) + "."
    _PAGE_PATH.write_text("\n".join(lines) + "\n", "utf-8")


def _verdict(leaked: int) -> str:
    return f"Something leaked in {leaked} of the rows and columns." if leaked else "Nothing leaked."


def _shown(leaks: Leaks) -> str:
    return f"{leaks.whole} whole, {leaks.parts} in part" if leaks.whole or leaks.parts else f"0 of {leaks.planted:,}"


def _costs(changed: dict[str, list[tuple[str, str]]], before: dict[str, Any]) -> Iterator[str]:
    """The rows of the table."""
    for keyword, values in phrases().items():
        left = dict(changed[keyword])
        words, kept = 0, 0
        for value in values:
            here = [word for word in value.split() if any(map(str.isdigit, word))]
            words += len(here)
            kept += sum(word in left.get(value, value).split() for word in here)
        old, new = len(before["changed"][keyword]), len(changed[keyword])
        yield f"| {keyword} | {len(values)} | {old} | {new} | {words} | {kept} ({kept / max(words, 1):.1%}) |"
