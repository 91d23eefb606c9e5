"""Descriptions cleaned: what is a person's goes, what is medicine stays, in every character set."""

from __future__ import annotations

import io

import pydicom
import pytest
from pydicom.data import get_charset_files

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.deidentify.text.patterns import COMPOUND_UNIT
from tests.unit.deidentify.samples import dataset, file_of, output

KNOWN = PersonalData(
    names=frozenset({"doe", "jane", "muller", "mueller", "long", "head"}),
    identifiers=frozenset({"mrn-0099-12", "4711"}),
    places=frozenset({"st elsewhere general"}),
)
CLEANER = TextCleaner(KNOWN)
CLEAN = compile_plan([Option.CLEAN_DESCRIPTORS], [])


@pytest.mark.parametrize(
    "text",
    [
        "CT HEAD W/O CONTRAST 2.5mm", "T1 MPRAGE 1.0mm iso", "Abdomen^Routine", "Head^HeadRoutine (Adult)",
        "DR CHEST PA", "Thorax 1.5 B31f", "3 Phase CT Liver 120kV 5.0/3.75", "Liver, Spleen", "long axis view",
        "C-SPINE 3+ VIEWS", "PET/CT SKULL-THIGH F18 FDG", "ABD/PEL W 100 ML OMNIPAQUE 350", "AX 3D T1 +C",
        "Cor T2 HASTE 4mm bh", "LUNG 1.25 MM 512", "kernel I31f^3",
    ],
)  # fmt: skip
def test_medicine_stays(text: str) -> None:
    """Also where a patient is called Head or Long."""
    assert CLEANER.description(text) == text
    assert CLEANER.technical(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Jane Doe knee", "knee"),
        ("DOE, JANE chest", "chest"),
        ("janedoe abd", "abd"),
        ("J. Doe knee", "knee"),
        ("Müller MUELLER thorax", "thorax"),
        ("Long Head", ""),
        ("MRN0099 12 pelvis", "pelvis"),
        ("no 4711 spine", "no spine"),
        ("St Elsewhere General MRI", "MRI"),
        ("ROE^RICHARD chest", "chest"),
        ("van der Berg^Jan MRI", "MRI"),
        ("Dr. House chest", "chest"),
        ("DR SMITH CHEST", "CHEST"),
        ("Patient: John Smith head CT", "Patient head CT"),
        ("Brown, Thomas knee", "knee"),
        ("seen 15 Jan 2024 for lung nodule", "seen for lung nodule"),
        ("scan 2024-01-15T10:11:12", "scan"),
        ("CT 20240115", "CT"),
        ("knee 01/15/2024", "knee"),
        ("knee 15.1.24", "knee"),
        ("Jan 15, 2024 brain", "brain"),
        ("DOB: 01/02/1950", ""),
        ("brain MRN 99", "brain"),
        ("brain 1234567", "brain"),
        ("brain A123456", "brain"),
        ("SSN 123-45-6789", ""),
        ("call (030) 123 4567 asap", "call asap"),
        ("call 555-123-4567", "call"),
        ("mail a.b@c.example now", "mail now"),
        ("see https://x.example/y now", "see now"),
        ("12 Main Street", ""),
        ("Hauptstraße 12", ""),
        ("1.2.840.113619.2.55.3", ""),
    ],
)
def test_what_is_a_persons_goes(text: str, left: str) -> None:
    """Known names and numbers, and what looks like one, a date, a phone number, an address or a link."""
    assert CLEANER.description(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "ug/cm^3", "100ug/cm^3", "Bq/ml", "12 kBq/cm³", "BMD 0.812 g/cm^2", "ml/(100g.min)", "10^-3 mm^2/s", "µGy.m2",
        "counts/s", "mA.s",
    ],
)  # fmt: skip
def test_a_unit_stays_whole(text: str) -> None:
    """A part of a compound unit would be another unit: nobody may be told ml where it was Bq/ml."""
    assert CLEANER.description(text) == text
    assert CLEANER.technical(text) == text


@pytest.mark.parametrize("day", ["11 III 1962", "eleventh of March nineteen sixty-two", "11.03.1962", "11th of June"])
def test_a_day_is_no_technique(day: str) -> None:
    """However it is written, alone and behind a make."""
    assert not CLEANER.technical(day)
    assert day not in CLEANER.technical(f"Skyra {day}")


@pytest.mark.parametrize("text", ["seen by J/S", "asked for A.M. again", "knee M/L/T"])
def test_initials_are_no_unit(text: str) -> None:
    """Single letters beside a slash or a dot are judged as before, although each of them is a unit."""
    assert not COMPOUND_UNIT.search(text)


def test_a_day_of_the_file_goes_without_its_year() -> None:
    """Day and month that a reader could compare with the shifted dates go, in each order; measurements stay."""
    cleaner = TextCleaner(PersonalData(days=frozenset({(7, 16), (4, 22)})))
    for text in ("knee 22.04.", "knee 22.4.", "knee 22/04", "knee 04/22", "knee 16.7.", "knee 22.04", "knee 16. 07."):
        assert cleaner.description(text) == "knee", text
    for text in ("lesion 22.04 mm", "lesion 2.4 cm", "slice 16.75", "22.04 x 9 mm", "dose 22.04 mGy"):
        assert cleaner.description(text) == text


def test_the_days_of_a_file_are_known() -> None:
    """Those of the study and of the patient's birth, as far as the output does not keep them."""
    before = dataset()
    before.PatientBirthDate, before.StudyDate = "19480716", "20180422"
    before.ImageComments = "knee 16.7. and 22.04."
    assert output(file_of(before), CLEAN).ImageComments == "knee and"


def test_the_same_text_gives_the_same() -> None:
    """What has been cleaned once has nothing left to clean."""
    text = "Jane Doe (MRN-0099-12), seen 15 Jan 2024: CT HEAD W/O CONTRAST"
    once = CLEANER.description(text)
    assert once == TextCleaner(KNOWN).description(text) == CLEANER.description(once)
    assert once.endswith("CT HEAD W/O CONTRAST")


def test_under_the_option() -> None:
    """The names of all persons and the identifiers of the instance are known; what is cleaned to nothing goes."""
    before = dataset()
    before.PatientName, before.PatientID = "Quimby^Zelda", "ZZ-77-123"
    before.ReferringPhysicianName = "Okonkwo^Chidi"
    before.StudyDescription = "CT HEAD W/O CONTRAST 2.5mm"
    before.SeriesDescription = "Quimby head ZZ77123"
    before.ImageComments = "Okonkwo, Chidi asks"
    before.ProtocolName = "Zelda Quimby"
    after = output(file_of(before), CLEAN)
    assert after.StudyDescription == "CT HEAD W/O CONTRAST 2.5mm"
    assert after.SeriesDescription == "head"
    assert after.ImageComments == "asks"
    assert after.ProtocolName == "Removed"  # X/D: a dummy, as without the option
    assert [code.CodeValue for code in after.DeidentificationMethodCodeSequence] == ["113100", "113105"]


@pytest.mark.parametrize("kept", ["ConvolutionKernel", "ManufacturerModelName"])
def test_texts_about_the_technique_lose_what_is_known(kept: str) -> None:
    """Without any option: the allowlist keeps the attribute, not a name within it."""
    before = dataset()
    before.PatientName = "Quimby^Zelda"
    setattr(before, kept, "STANDARD Quimby")
    assert output(file_of(before))[kept].value == "STANDARD"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "path", sorted(p for p in get_charset_files("*.dcm") if "SQ" not in p), ids=lambda path: path[-16:]
)
def test_every_character_set(path: str) -> None:
    """A name goes, the words around it stay and can be read in the same character set."""
    before = pydicom.dcmread(path)
    name = str(before.PatientName).partition("=")[0] or str(before.PatientName)
    before.ensure_file_meta()
    before.StudyInstanceUID, before.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    before.SOPClassUID, before.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.66", "1.2.3.4.5"
    before.StudyDescription = "CT chest"
    for part in str(before.PatientName).replace("=", "^").split("^"):
        before.StudyDescription += f" {part}"
    after = pydicom.dcmread(io.BytesIO(file_of(output(file_of(before), CLEAN))))
    assert name not in str(after.StudyDescription)
    assert str(after.StudyDescription).startswith("CT chest")
    assert len(str(after.StudyDescription)) < 12


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Lives at 27 Tinkers Row", "Lives at"),
        ("works for Wetherby Logistics, back pain", "works for , back pain"),
        ("Befund mit Kollege Ostermann am 23. besprochen", "Befund mit besprochen"),
        ("signert 04.10.", "signert"),
        ("πτώση στις 7/4, πόνος", "πτώση , πόνος"),
        ("estudio de septiembre", "estudio"),
        ("plate of the van was KDA 412M today", "plate of the van was today"),
        ("arrived on QF412, chest pain", "arrived on , chest pain"),
        ("room Lavender 6, seen", "room , seen"),
        ("jersey 23, knee", "jersey , knee"),
        ("opereret i Vejle uge 14", "opereret i"),
        ("forwarded by the Thornaby high court", "forwarded by the"),
    ],
)
def test_what_tells_where_and_when_goes_from_a_note(text: str, left: str) -> None:
    """Houses, employers, days and months without a year, plates, flights, rooms, players, weeks, courts."""
    assert TextCleaner(PersonalData()).description(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "incomplete, 120/360 projections",
        "CD4/CD8/BCL2 panel",
        "Barrett's C3M5",
        "FA 3/6/9/12",
        "dose 54 Gycm²",
        "90/Sn150, ratio 2",
        "Lymphom Stadium III",
        "c/o dizziness",
        "до 2.5 см",
        "Z.n. Hemikolektomie re.",
        "Unverträglichkeit: Latex, Pollen, Jod",
    ],
)
def test_numbers_and_lists_of_notes_stay(text: str) -> None:
    """Shares of views, antigens, rising flip angles, doses, voltages of two tubes, stages, complaints, amounts."""
    assert TextCleaner(PersonalData()).description(text) == text
