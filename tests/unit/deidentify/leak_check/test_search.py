"""What the leak check finds, and what it does not take for a find. The engine is broken on purpose to see it work."""

from __future__ import annotations

import base64
import gzip
import io
import struct
import zlib
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.data import get_charset_files
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from sendit.config.schema import Option
from sendit.deidentify import compile_plan, deidentify, engine
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.leak_check.identifiers import Identifiers, kinds_by_tag
from sendit.deidentify.leak_check.search import Hit, search
from sendit.deidentify.leak_check.spellings import Kind
from sendit.deidentify.pseudonyms import Patient
from sendit.model import Quarantined, Released
from tests.unit.deidentify.samples import IDENTITIES, VARIED, dataset, file_of, plan, released, sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendit.deidentify.dicom.dataset import Element
    from sendit.deidentify.plan import Plan, Rule

CHARSET_FILES = sorted(get_charset_files("*.dcm"), key=lambda name: Path(name).name)


#: What pydicom says of the values and character sets that are made here on purpose.
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:The value length"),
    pytest.mark.filterwarnings("ignore:Unknown encoding"),
]


def original(**values: object) -> Dataset:
    """A CT of a person of whom much is known."""
    made = dataset()
    made.PatientName = "Quixworth^Zebulon"
    made.PatientID = "MRN-7741-905"
    made.AccessionNumber = "ACC5512077"
    made.PatientBirthDate = "19610307"
    made.StudyDate = made.SeriesDate = made.ContentDate = made.AcquisitionDate = "20240115"
    made.PatientAddress = "12 Larkspur Lane, Fennimore"
    made.PatientTelephoneNumbers = "+1 (608) 555-0142"
    made.InstitutionName = "Saint Brannock Infirmary"
    made.ReferringPhysicianName = "Thistlewood^Ada"
    made.OperatorsName = "Pemberley^Ned"
    made.DeviceSerialNumber = "SN-88123-X"
    made.StationName = "BRANCT04"
    made.StudyInstanceUID = "1.2.840.999999.4.77.1"
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def identifiers(source: bytes, by: Plan | None = None) -> Identifiers:
    """What is known of a file."""
    instance = read_file(memoryview(source))
    made = pydicom.dcmread(io.BytesIO(source))
    patient = Patient(str(made.get("PatientID", "")), str(made.get("IssuerOfPatientID", "")), made.StudyInstanceUID)
    return Identifiers.of(instance, by or plan(), IDENTITIES.date_offset_days(patient))


def after(before: Dataset) -> Dataset:
    """The same, de-identified."""
    return pydicom.dcmread(io.BytesIO(b"".join(released(file_of(before)).chunks)))


def hits(before: Dataset, tampered: Dataset | bytes) -> list[Hit]:
    """What the leak check says of an output that somebody has put something back into."""
    content = tampered if isinstance(tampered, bytes) else file_of(tampered)
    return search(read_file(memoryview(content)), [content], identifiers(file_of(before)))


@pytest.mark.parametrize("name", VARIED)
def test_real_files_are_clean(name: str) -> None:
    """What the engine releases passes, and the receipt says so, alike every time."""
    leak_check = released(sample(name)).receipt.leak_check
    assert leak_check.startswith("passed: ")
    assert released(sample(name)).receipt.leak_check == leak_check


BROKEN = [
    ("PatientName", Kind.PATIENT),
    ("PatientID", Kind.IDENTIFIER),
    ("AccessionNumber", Kind.IDENTIFIER),
    ("StudyInstanceUID", Kind.UID),
    ("FrameOfReferenceUID", Kind.UID),
    ("PatientBirthDate", Kind.DATE),
    ("StudyDate", Kind.DATE),
    ("PatientAddress", Kind.ADDRESS),
    ("PatientTelephoneNumbers", Kind.TELEPHONE),
    ("InstitutionName", Kind.INSTITUTION),
    ("ReferringPhysicianName", Kind.PERSON),
    ("OperatorsName", Kind.PERSON),
    ("DeviceSerialNumber", Kind.DEVICE),
    ("StationName", Kind.DEVICE),
]


def let_through(monkeypatch: pytest.MonkeyPatch, tag: int) -> None:
    """Break the engine: it keeps this attribute, whatever the plan says."""
    apply = engine._Cleaner._apply

    def broken(self: object, element: Element, rule: Rule, around: object) -> Element | None:
        return element if element.tag == tag else apply(self, element, rule, around)  # type: ignore[arg-type]

    monkeypatch.setattr(engine._Cleaner, "_apply", broken)


@pytest.mark.parametrize(("keyword", "kind"), BROKEN)
def test_an_engine_that_forgets_is_caught(keyword: str, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quarantined; the reason names attribute and kind, and no value."""
    tag = int(tag_for_keyword(keyword) or 0)
    let_through(monkeypatch, tag)
    before = original()
    outcome = deidentify(file_of(before), plan(), IDENTITIES)
    assert isinstance(outcome, Quarantined)
    assert f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {keyword} still holds {kind}" in outcome.reason
    assert str(before[keyword].value) not in outcome.reason


@pytest.mark.parametrize("value", ["Head^Long", "Li^Wu", "7"])
def test_an_attribute_is_compared_with_itself(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a name or number that is searched for nowhere else may not stay where it stood."""
    keyword = "PatientID" if value == "7" else "PatientName"
    let_through(monkeypatch, int(tag_for_keyword(keyword) or 0))
    outcome = deidentify(file_of(original(**{keyword: value})), plan(), IDENTITIES)
    assert isinstance(outcome, Quarantined)


FORMS = [
    ("seen Quixworth today", Kind.PATIENT),
    ("ZEBULON", Kind.PATIENT),
    ("quixworth, zebulon", Kind.PATIENT),
    ("zebulonquixworth", Kind.PATIENT),
    ("Zebülon", Kind.PATIENT),
    ("ref. by Dr. THISTLEWOOD", Kind.PERSON),
    ("MRN-7741-905", Kind.IDENTIFIER),
    ("id MRN7741905.", Kind.IDENTIFIER),
    ("mrn 7741/905", Kind.IDENTIFIER),
    ("acc_ACC5512077_1", Kind.IDENTIFIER),
    ("1.2.840.999999.4.77.1", Kind.UID),
    ("of 20240115", Kind.DATE),
    ("2024-01-15", Kind.DATE),
    ("2024-01-15T10:11:12", Kind.DATE),
    ("15.01.2024", Kind.DATE),
    ("01/15/2024", Kind.DATE),
    ("1/15/2024", Kind.DATE),
    ("15 Jan 2024", Kind.DATE),
    ("January 15th, 2024", Kind.DATE),
    ("15-JAN-2024", Kind.DATE),
    ("07.03.61", Kind.DATE),
    ("20240115101112", Kind.DATE),
    ("IMG20240115.dcm", Kind.DATE),
    ("12 larkspur lane", Kind.ADDRESS),
    ("call 608.555.0142", Kind.TELEPHONE),
    ("at Saint Brannock Infirmary", Kind.INSTITUTION),
    ("sn88123x", Kind.DEVICE),
    ("host branct04", Kind.DEVICE),
]


@pytest.mark.parametrize(("text", "kind"), FORMS)
def test_every_form_of_a_value_is_found(text: str, kind: Kind) -> None:
    """In any order, case, accent, with other separators or none; also deep in sequences."""
    before = original()
    tampered = after(before)
    tampered.SpecificCharacterSet = "ISO_IR 192"
    tampered.SeriesDescription = text
    assert hits(before, tampered) == [Hit("(0008,103E) SeriesDescription", kind)]
    tampered = after(before)
    inner = Dataset()
    inner.SpecificCharacterSet, inner.UnformattedTextValue = "ISO_IR 192", text
    middle = Dataset()
    middle.ContentSequence = [inner]
    tampered.ContentSequence = [middle]
    assert hits(before, tampered) == [Hit("(0040,A730) > (0040,A730) > (0070,0006) UnformattedTextValue", kind)]


PACKED: list[Callable[[bytes], bytes]] = [
    bytes,
    lambda text: text.decode().encode("utf-16-le"),
    lambda text: text.decode().encode("utf-16-be"),
    base64.b64encode,
    base64.urlsafe_b64encode,
    lambda text: base64.b64encode(text.decode().encode("utf-16-le")),
    lambda text: base64.encodebytes(b"x" * 200 + b" " + text),
    zlib.compress,
    gzip.compress,
    lambda text: zlib.compress(text, wbits=-15),
    lambda text: base64.b64encode(gzip.compress(text)),
    lambda text: b"\x01\x80\x90" * 30 + zlib.compress(b"a" * 500 + b" " + text),
    lambda text: bytes(range(256)) * 300 + b"\x01" + text + b"\x01" + bytes(range(256)) * 300,
]


@pytest.mark.parametrize("pack", PACKED)
@pytest.mark.parametrize("vr", ["OB", "UN"])
def test_what_is_packed_is_unpacked(pack: Callable[[bytes], bytes], vr: str) -> None:
    """UTF-16, base64, zlib, gzip, deflate, one in another; in bytes of every size."""
    before = original()
    tampered = after(before)
    content = pack(b"for Quixworth^Zebulon")
    block = tampered.private_block(0x0011, "SOMEBODY", create=True)
    block.add_new(1, vr, content + b"\0" * (len(content) % 2))
    assert hits(before, tampered) == [Hit("(0011,1001) a private or unknown attribute", Kind.PATIENT)]


def test_base64_in_a_text() -> None:
    """Text attributes are unpacked, too."""
    before = original()
    tampered = after(before)
    tampered.ImageComments = "see " + base64.b64encode(b"Zebulon Quixworth").decode()
    assert hits(before, tampered) == [Hit("(0020,4000) ImageComments", Kind.PATIENT)]


def test_outside_of_the_elements() -> None:
    """Preamble, file meta information, and what follows the dataset."""
    before = original()
    clean = b"".join(released(file_of(before)).chunks)
    name = b"Quixworth"
    assert hits(before, clean) == []
    assert hits(before, b" " + name + clean[1 + len(name) :]) == [Hit("the preamble", Kind.PATIENT)]
    meta = struct.pack("<HH2sH", 2, 0x16, b"AE", 10) + name + b" "
    (length,) = struct.unpack_from("<I", clean, 140)
    content = clean[:140] + struct.pack("<I", length + len(meta)) + clean[144 : 144 + length] + meta
    found = hits(before, content + clean[144 + length :])
    assert found == [Hit("the file meta information", Kind.PATIENT)]
    tail = [clean, b"\0" + name]
    found = search(read_file(memoryview(clean)), tail, identifiers(file_of(before)))
    assert found == [Hit("what lies between or behind the elements", Kind.PATIENT)]


@pytest.mark.parametrize(
    ("comment", "name"),
    [
        (b"\xff\xd8\xff\xfe%s%s\xff\xda\0\x02", "SC_rgb_jpeg_gdcm.dcm"),
        (b"\xff\x4f\xff\x64%s%s\xff\x90", "JPEG2000.dcm"),
    ],
)
def test_comments_beside_pixels(comment: bytes, name: str) -> None:
    """COM segments of JPEG and JPEG 2000; and bytes behind the end of the image. They are found where they stay."""
    before = dataset(name)
    before.PatientName = "Quixworth^Zebulon"
    text = b"of Zebulon Quixworth"
    frame = next(generate_frames(before.PixelData, number_of_frames=1))
    for content in (comment % (struct.pack(">H", len(text) + 2), text), frame + b"\xff\xd9\0" + text):
        before.PixelData = encapsulate([content])
        file = file_of(before)
        found = search(read_file(memoryview(file)), [b""], identifiers(file))
        assert Hit("(7FE0,0010) PixelData", Kind.PATIENT) in found
        outcome = deidentify(file, plan(), IDENTITIES)
        assert not isinstance(outcome, Released) or text not in b"".join(outcome.chunks)


def _names(found: list[Hit]) -> set[Kind]:
    return {hit.kind for hit in found} & {Kind.PATIENT, Kind.PERSON}


@pytest.mark.parametrize("file", CHARSET_FILES, ids=lambda name: Path(name).stem)
def test_every_character_set(file: str) -> None:
    """The patient's name is found in its own character set, in UTF-8 and UTF-16, each part by itself."""
    before = pydicom.dcmread(file)
    before.decode()
    name = next(element.value for element in before.iterall() if element.keyword == "PatientName")
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(before, keyword, before.get(keyword) or "1.2.840.999999.1")
    if "PixelData" not in before:
        before.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
        before.pop("Rows", None)
    for part in str(name).replace("=", "^").replace(",", "^").split("^"):
        if len(part.strip()) < (3 if part.isascii() else 2):
            continue
        for packed in (part.encode("utf-8"), part.encode("utf-16-le"), part.encode("utf-16-be")):
            tampered = after(before)
            tampered.add_new(0x00091001, "OB", packed + b" " * (len(packed) % 2))
            assert _names(hits(before, tampered)), part
        tampered = after(before)
        tampered.SpecificCharacterSet = before.get("SpecificCharacterSet", "ISO_IR 100")
        tampered.ImageComments = part
        assert _names(hits(before, tampered)), part


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Head^Long", "LONG BONE, HEAD OF FEMUR"),
        ("Hand^May", "may be of the HAND"),
        ("Lung^White", "White matter, LUNG window"),
        ("Lee^Bo", "FLEECE LEEWAY"),
        ("Roth^Ann", "annulus; brothel"),
        ("Brown^Young", "young patient, brown fat"),
        ("Philips^Wide", "PHILIPS CT"),
    ],
)
def test_words_of_medicine_are_no_names(name: str, text: str) -> None:
    """Single parts of a name that are words of the standard, or stand within other words, raise no alarm."""
    before = original(PatientName=name)
    tampered = after(before)
    tampered.SeriesDescription = tampered.ImageComments = text
    assert hits(before, tampered) == []


def test_a_full_name_is_found_even_of_plain_words() -> None:
    """In either order."""
    before = original(PatientName="Head^Longman")
    for text in ("Longman Head", "HEAD, LONGMAN"):
        tampered = after(before)
        tampered.SeriesDescription = text
        assert hits(before, tampered) == [Hit("(0008,103E) SeriesDescription", Kind.PATIENT)]
    before = original(PatientName="Long^Young")
    tampered = after(before)
    tampered.SeriesDescription = "YOUNG LONG"
    assert hits(before, tampered) == [Hit("(0008,103E) SeriesDescription", Kind.PATIENT)]


@pytest.mark.parametrize("number", ["1", "16", "512", "1024"])
def test_short_numbers_are_no_identifiers_elsewhere(number: str) -> None:
    """A PatientID of a few digits is searched for in PatientID only."""
    before = original(PatientID=number, AccessionNumber=number, StudyID=number, StationName=number)
    tampered = after(before)
    tampered.SeriesNumber, tampered.SeriesDescription, tampered.KVP = number, f"matrix {number}", number
    assert hits(before, tampered) == []


def test_a_number_of_every_file_holds_no_study() -> None:
    """10008 stands in DICOM's own UIDs. As a value of its own attribute it is found all the same."""
    source = file_of(original(PatientID="10008", AccessionNumber="10008"))
    assert isinstance(deidentify(source, plan(), IDENTITIES), Released)
    before = original(PatientID="10008")
    tampered = after(before)
    tampered.PatientID = "10008"
    assert [hit.where for hit in hits(before, tampered)] == ["(0010,0020) PatientID"]


@pytest.mark.parametrize(
    "options",
    [
        [Option.RETAIN_UIDS],
        [Option.RETAIN_DEVICE_IDENTITY, Option.RETAIN_INSTITUTION_IDENTITY],
        [Option.RETAIN_LONGITUDINAL_FULL_DATES],
        [Option.RETAIN_LONGITUDINAL_MODIFIED_DATES, Option.RETAIN_PATIENT_CHARACTERISTICS],
    ],
)
def test_what_an_option_keeps_is_no_find(options: list[Option]) -> None:
    """The leak check knows the plan."""
    before = original(ReferencedDateTime="20240115101112")
    assert isinstance(deidentify(file_of(before), compile_plan(options, []), IDENTITIES), Released)


@pytest.mark.parametrize(
    "line",
    [
        "KEEP PatientID",
        "KEEP PatientName",
        "KEEP InstitutionName",
        "KEEP StudyDate",
        "JITTER StudyDate 0",
        "REPLACE InstitutionName Saint Brannock Infirmary",
        "ADD ClinicalTrialSiteName Saint Brannock Infirmary",
        "REPLACE StationName BRANCT04",
        "KEEP StudyInstanceUID",
    ],
)
def test_what_a_recipe_keeps_or_writes_is_no_find(line: str) -> None:
    """The site's own word, wherever else it comes from."""
    assert isinstance(deidentify(file_of(original()), plan(line), IDENTITIES), Released)


def test_a_moved_date_may_be_another_original_date() -> None:
    """An interval that is just the patient's offset is no leak."""
    by = compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], [])
    before = original()
    days = IDENTITIES.date_offset_days(Patient(before.PatientID, "", before.StudyInstanceUID))
    before.SeriesDate = (date(2024, 1, 15) + timedelta(days=days)).strftime("%Y%m%d")
    assert isinstance(deidentify(file_of(before), by, IDENTITIES), Released)


def test_a_dummy_in_the_original_is_no_find() -> None:
    """What was de-identified before, by SendIt or others, passes again."""
    before = original(
        PatientName="Anonymous", PatientBirthDate="19000101", InstitutionName="Removed", StationName="UNKNOWN"
    )
    once = released(file_of(before))
    assert isinstance(deidentify(b"".join(once.chunks), plan(), IDENTITIES), Released)


def test_a_kept_comment_that_names_the_patient_is_held() -> None:
    """A recipe may keep the comment, and does not thereby keep the name."""
    outcome = deidentify(file_of(original(ImageComments="Zebulon moved")), plan("KEEP ImageComments"), IDENTITIES)
    assert isinstance(outcome, Quarantined)
    assert "(0020,4000) ImageComments still holds the patient's name" in outcome.reason


def test_every_attribute_that_holds_a_name_date_or_uid_is_known() -> None:
    """The dictionary's PN, DA, DT, UI, and the list."""
    kinds = kinds_by_tag()
    assert kinds[0x00100010] is Kind.PATIENT
    assert kinds[0x00081070] is Kind.PERSON
    assert kinds[0x00100040 - 0x10] is Kind.DATE
    assert len(kinds) > 300


def test_an_identifier_among_compressed_samples_holds_the_instance() -> None:
    """A damaged file may have a piece of its header within the samples of a JPEG, which decoders still show."""
    source = sample("SC_rgb_jpeg_gdcm.dcm")
    whole = pydicom.dcmread(io.BytesIO(source))
    whole.PatientName = "Quixworth^Zebulon"
    frame = bytearray(next(generate_frames(whole.PixelData, number_of_frames=1)))
    middle = frame.index(b"\xff\xda") + 400
    frame[middle : middle + 17] = b"Quixworth^Zebulon"
    whole.PixelData = encapsulate([bytes(frame)])
    outcome = deidentify(file_of(whole), plan(), IDENTITIES)
    assert isinstance(outcome, Quarantined)
    assert "leak check" in outcome.reason


def test_a_date_in_digits_of_another_script_is_no_fault() -> None:
    """TIS 620 has digits of its own; the date is searched for in those of ASCII."""
    source = dataset("CT_small.dcm")
    source.SpecificCharacterSet = "ISO_IR 166"
    content = file_of(source).replace(bytes(source.StudyDate, "ascii"), bytes(source.StudyDate[:7], "ascii") + b"\xf0")
    assert not isinstance(deidentify(content, plan(), IDENTITIES), Quarantined)
