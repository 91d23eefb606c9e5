"""One file in, one file out."""

from __future__ import annotations

import hashlib
import io
import mmap
import struct
from datetime import datetime

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID, ExplicitVRLittleEndian

from sendit.config.schema import Option
from sendit.deidentify import KeyedIdentities, compile_plan, deidentify
from sendit.model import Quarantined, Rejected, Released
from tests.unit.deidentify.samples import (
    IDENTITIES,
    KEY,
    VARIED,
    dataset,
    file_of,
    output,
    path,
    plan,
    released,
    sample,
)


@pytest.mark.parametrize("name", VARIED)
def test_what_leaves_is_whole_and_marked(name: str) -> None:
    """Every kind of file comes out readable, in its transfer syntax, with its pixels, and says what was done to it."""
    before, after = dataset(name), output(sample(name))
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID != before.SOPInstanceUID
    assert after.get("PixelData") == before.get("PixelData")
    assert after.PatientIdentityRemoved == "YES"
    assert after.LongitudinalTemporalInformationModified == "REMOVED"
    assert [code.CodeValue for code in after.DeidentificationMethodCodeSequence] == ["113100"]
    assert after.PatientID == after.PatientName != before.get("PatientID")
    assert after.preamble == b"\0" * 128
    assert [element.keyword for element in after.file_meta] == [
        "FileMetaInformationGroupLength",
        "FileMetaInformationVersion",
        "MediaStorageSOPClassUID",
        "MediaStorageSOPInstanceUID",
        "TransferSyntaxUID",
        "ImplementationClassUID",
        "ImplementationVersionName",
    ]
    assert not [element for element in after.iterall() if element.tag.is_private]
    assert all(uid.is_valid for element in after.iterall() if element.VR == "UI" for uid in _uids(element.value))


def _uids(value: object) -> list[UID]:
    values = [value] if isinstance(value, str) else value if isinstance(value, MultiValue) else []
    return [UID(uid) for uid in values if uid]


@pytest.mark.parametrize("name", VARIED)
def test_the_same_again(name: str) -> None:
    """The same input, plan and key give the same bytes; from bytes, a view or a mapped file."""
    source = sample(name)
    first = b"".join(released(source).chunks)
    assert b"".join(released(source).chunks) == first
    with path(name).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        outcome = deidentify(mapped, plan(), IDENTITIES)
        assert isinstance(outcome, Released)
        assert b"".join(outcome.chunks) == first
        del outcome


def test_the_receipt_tells_the_truth() -> None:
    """Digests, size and coded UIDs are those of the files."""
    source = sample()
    outcome = released(source)
    content, receipt = b"".join(outcome.chunks), outcome.receipt
    after = pydicom.dcmread(io.BytesIO(content))
    assert receipt.input_sha256 == hashlib.sha256(source).hexdigest()
    assert receipt.output_sha256 == hashlib.sha256(content).hexdigest()
    assert receipt.output_md5 == hashlib.md5(content).hexdigest()
    assert receipt.output_size == len(content)
    assert receipt.plan_sha256 == plan().digest
    assert (receipt.patient_id, receipt.study_instance_uid) == (after.PatientID, after.StudyInstanceUID)
    assert (receipt.series_instance_uid, receipt.sop_instance_uid) == (after.SeriesInstanceUID, after.SOPInstanceUID)
    assert receipt.released
    assert receipt.leak_check.startswith("passed: ")
    assert set(receipt.actions) <= set("KXZDUPNCRA")


@pytest.mark.parametrize("name", VARIED)
def test_a_file_cut_anywhere_is_rejected(name: str) -> None:
    """However much of its end is missing, a file is never taken for a whole one."""
    source = sample(name)
    for cut in [len(source) * twentieth // 20 for twentieth in range(20)]:
        outcome = deidentify(source[:cut], plan(), IDENTITIES)
        assert isinstance(outcome, Rejected), f"cut to {cut} of {len(source)} bytes"
        assert outcome.reason


def test_pixels_shorter_than_the_header_says_are_rejected() -> None:
    """Also when every length in the file adds up."""
    before = dataset()
    before.PixelData = before.PixelData[:-2]
    outcome = deidentify(file_of(before), plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert "pixel data are shorter" in outcome.reason


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID"])
@pytest.mark.parametrize("empty", [True, False])
def test_without_its_uids_it_is_rejected(keyword: str, empty: bool) -> None:
    """The reason names the attribute that is missing or empty."""
    before = dataset()
    if empty:
        before[keyword].value = ""
    else:
        del before[keyword]
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, before, enforce_file_format=False)
    outcome = deidentify(buffer.getvalue(), plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert keyword in outcome.reason


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "empty"),
        (b"%PDF-1.7" * 100, "not DICOM"),
        (b"\0" * 128 + b"DICM", "no TransferSyntaxUID"),
        (sample().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"), "does not support its transfer syntax"),
        (sample("dicomdirtests/DICOMDIR"), "DICOMDIR"),
    ],
)
def test_what_is_no_instance_is_rejected(source: bytes, reason: str) -> None:
    """With a reason that says what it is."""
    outcome = deidentify(source, plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert reason in outcome.reason
    assert outcome.input_sha256 == hashlib.sha256(source).hexdigest()


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm"])
@pytest.mark.parametrize("start", [132, None])
def test_a_file_without_preamble(name: str, start: int | None) -> None:
    """With its file meta information or as a dataset alone: it gives what the whole file gives; cut, it is rejected."""
    content = dataset(name)
    del content[0xFFFCFFFC:]
    whole = file_of(content)
    begin = start or 144 + int.from_bytes(whole[140:144], "little")
    bare = released(whole[begin:])
    assert b"".join(bare.chunks) == b"".join(released(whole).chunks)
    for cut in (1, 7, 1000):
        assert isinstance(deidentify(whole[begin:-cut], plan(), IDENTITIES), Rejected)


def test_a_compressed_dataset_alone_is_rejected() -> None:
    """Nobody says how its pixels are compressed."""
    whole = sample("JPEG2000.dcm")
    outcome = deidentify(whole[144 + int.from_bytes(whole[140:144], "little") :], plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert "not DICOM" in outcome.reason


@pytest.mark.parametrize(
    ("sop_class", "reason"),
    [
        ("1.2.840.10008.5.1.4.1.1.104.1", "encapsulated document"),
        ("1.2.840.10008.5.1.4.1.1.9.4.1", "somebody may speak"),
        ("1.2.840.10008.5.1.4.1.1.9.4.2", "somebody may speak"),
        ("1.3.12.2.1107.5.9.1", "not in the DICOM standard"),
    ],
)
def test_what_cannot_be_judged_is_rejected(sop_class: str, reason: str) -> None:
    """Documents, sound, and objects of a vendor's own making."""
    before = dataset()
    before.SOPClassUID = before.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    outcome = deidentify(file_of(before), plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert reason in outcome.reason


@pytest.mark.parametrize(("interpretation", "sound"), [("MB", True), ("AB", True), ("SS", False)])
def test_sound_is_rejected_in_a_waveform_of_any_class(interpretation: str, sound: bool) -> None:
    """Samples in the compressions of telephony are speech, whatever the object is called; an ECG is not."""
    before = dataset("waveform_ecg.dcm")
    before.WaveformSequence[-1].WaveformSampleInterpretation = interpretation
    assert isinstance(deidentify(file_of(before), plan(), IDENTITIES), Rejected if sound else Released)


def test_every_file_of_pydicom_has_an_outcome() -> None:
    """Broken ones among them: released or rejected, and never an exception."""
    names = [file for file in path("CT_small.dcm").parent.rglob("*") if file.is_file()]
    outcomes = [deidentify(name.read_bytes(), plan(), IDENTITIES) for name in names]
    assert not [outcome for outcome in outcomes if isinstance(outcome, Quarantined)]
    assert sum(isinstance(outcome, Released) for outcome in outcomes) > 80


def test_any_byte_may_be_wrong() -> None:
    """A damaged byte never raises, wherever it is."""
    source = bytearray(sample("rtplan.dcm"))
    for position in range(132, len(source), 7):
        kept, source[position] = source[position], 0xFF
        assert isinstance(deidentify(bytes(source), plan(), IDENTITIES), Released | Rejected | Quarantined)
        source[position] = kept


def test_a_fault_of_ours_is_quarantined() -> None:
    """An exception that nobody thought of holds the instance, and gives away nothing but its kind."""

    class Broken(KeyedIdentities):
        def uid(self, original: str) -> str:
            raise ZeroDivisionError(original)

    outcome = deidentify(sample(), plan(), Broken(bytes(32)))
    reason = "a fault of SendIt during de-identification (ZeroDivisionError)"
    assert outcome == Quarantined(reason, outcome.input_sha256)  # type: ignore[union-attr]


def test_references_between_instances_resolve() -> None:
    """A UID is coded alike wherever it stands; those of the standard stay."""
    before = dataset()
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = before.SOPClassUID, before.SOPInstanceUID
    before.SourceImageSequence = [item]
    after = output(file_of(before))
    assert after.SourceImageSequence[0].ReferencedSOPInstanceUID == after.SOPInstanceUID
    assert after.SourceImageSequence[0].ReferencedSOPClassUID == before.SOPClassUID == after.SOPClassUID


def test_two_studies_of_one_patient() -> None:
    """One pseudonym, and dates that are exactly as far apart as they were."""
    moved = compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], [])
    one, two = dataset(), dataset()
    one.StudyDate, two.StudyDate = "20200101", "20200131"
    two.StudyInstanceUID = "1.2.3"
    after = [output(file_of(study), moved) for study in (one, two)]
    assert after[0].PatientID == after[1].PatientID
    assert after[0].StudyInstanceUID != after[1].StudyInstanceUID
    assert (_day(after[1].StudyDate) - _day(after[0].StudyDate)).days == 30
    assert after[0].LongitudinalTemporalInformationModified == "MODIFIED"


def _day(value: str) -> datetime:
    return datetime.strptime(value, "%Y%m%d")


def test_without_a_patient_id_two_studies_are_two_patients() -> None:
    """Otherwise all patients without one would become one person."""
    one, two = dataset(), dataset()
    one.PatientID = two.PatientID = ""
    two.StudyInstanceUID = "1.2.3"
    first, second = output(file_of(one)), output(file_of(two))
    assert first.PatientID
    assert first.PatientID != second.PatientID


def test_the_issuer_parts_patients_if_a_project_says_so() -> None:
    """Else one patient with the issuer in some instances only would be two, with two offsets of their dates."""
    one, two = dataset(), dataset()
    two.IssuerOfPatientID = "other hospital"
    modified = compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], [])
    together = [output(file_of(whole), modified) for whole in (one, two)]
    assert together[0].PatientID == together[1].PatientID
    assert together[0].StudyDate == together[1].StudyDate
    strict = KeyedIdentities(KEY, issuers_part=True)
    apart = [released(file_of(whole), identities=strict).receipt.patient_id for whole in (one, two)]
    assert apart[0] == together[0].PatientID != apart[1]


def test_kept_values_stay_in_their_character_set() -> None:
    """What stays is not encoded anew, and means the same as before."""
    before = dataset()
    before.SpecificCharacterSet = "ISO_IR 192"
    before.Manufacturer = "Gerätebau 装置"
    assert output(file_of(before)).Manufacturer == "Gerätebau 装置"


def test_text_where_a_number_belongs_goes() -> None:
    """IS, DS and AS are kept for their numbers only."""
    before = dataset()
    before.add_new("SliceThickness", "LO", "Quixworth")
    source = file_of(before).replace(b"\x18\0\x50\0LO", b"\x18\0\x50\0DS")
    assert b"Quixworth" in source
    assert output(source).SliceThickness is None


def test_un_is_resolved_or_goes() -> None:
    """A known attribute that came as UN is treated by what it is; an unknown one goes."""
    before = dataset()
    before.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    source = file_of(before)
    start = source.index(b"\x08\0\x70\0LO")
    length = source[start + 6]
    value = source[start + 8 : start + 8 + length]
    unknown = b"\x08\0\x70\0UN\0\0" + length.to_bytes(4, "little") + value
    changed = source[:start] + unknown + source[start + 8 + length :]
    after = output(changed)
    assert (after["Manufacturer"].VR, after.Manufacturer) == ("LO", before.Manufacturer)


def test_a_sequence_that_came_as_un() -> None:
    """It is implicit VR inside; it leaves as what it is, cleaned, or in a big endian file not at all."""
    inner = struct.pack("<HHI", 0x0028, 0x3002, 6) + struct.pack("<HHH", 4, 0, 16)
    inner += struct.pack("<HHI", 0x0028, 0x3006, 8) + bytes(range(8))
    inner += struct.pack("<HHI", 0x0010, 0x0010, 10) + b"Quixworth "
    for length, end in ((len(inner) + 8, b""), (0xFFFFFFFF, struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))):
        value = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner + end
        element = struct.pack("<HH2sHI", 0x0028, 0x3000, b"UN", 0, length) + value
        source = sample()
        at = source.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))
        item = output(source[:at] + element + source[at:]).ModalityLUTSequence[0]
        assert (item["LUTDescriptor"].VR, list(item.LUTDescriptor)) == ("SS", [4, 0, 16])  # its pixels are signed
        assert (item["LUTData"].VR, item.LUTData) == ("OW", bytes(range(8)))
        assert item.PatientName == "Anonymous"
        big = sample("MR_small_bigendian.dcm")
        at = big.index(struct.pack(">HH2s", 0x7FE0, 0x0010, b"OW"))
        element = struct.pack(">HH2sHI", 0x0028, 0x3000, b"UN", 0, length) + value
        assert "ModalityLUTSequence" not in output(big[:at] + element + big[at:])


@pytest.mark.parametrize(("representation", "vr", "first"), [(0, "US", 64512), (1, "SS", -1024)])
def test_a_number_that_came_as_un_has_the_sign_of_the_pixels(representation: int, vr: str, first: int) -> None:
    """The dictionary leaves US or SS open: read with the wrong one, -1024 would be 64512."""
    bytes_of_first = struct.pack("<H", 0x10000 - 1024)
    inner = struct.pack("<HHI", 0x0040, 0x9216, 2) + bytes_of_first  # RealWorldValueFirstValueMapped
    value = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    elements = struct.pack("<HH2sHI", 0x0028, 0x0120, b"UN", 0, 2) + bytes_of_first  # PixelPaddingValue
    elements += struct.pack("<HH2sHI", 0x0040, 0x9096, b"UN", 0, len(value)) + value
    before = dataset()
    before.PixelRepresentation = representation
    del before[0x00280120:0x7FE00010]
    source = file_of(before)
    at = source.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))
    after = output(source[:at] + elements + source[at:])
    assert (after["PixelPaddingValue"].VR, after.PixelPaddingValue) == (vr, first)
    mapped = after.RealWorldValueMappingSequence[0]["RealWorldValueFirstValueMapped"]
    assert (mapped.VR, mapped.value) == (vr, first)
    assert not released(source[:at] + elements + source[at:]).receipt.lost_meaning


def test_codes_kept_by_an_option_stay() -> None:
    """InstitutionCodeSequence says nothing by default, and all under RetainInstitutionIdentity."""
    before, code = dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99HOSP", "Hospital"
    before.InstitutionCodeSequence = [code]
    kept = compile_plan([Option.RETAIN_INSTITUTION_IDENTITY], [])
    assert output(file_of(before)).InstitutionCodeSequence[0].CodeMeaning == "Removed"
    assert output(file_of(before), kept).InstitutionCodeSequence[0].CodeMeaning == "Hospital"


@pytest.mark.parametrize("terms", ["", "ISO_IR 100", "ISO_IR 6", "\\ISO 2022 IR 87", "ISO 2022 IR 6\\ISO 2022 IR 58"])
def test_character_sets_of_the_standard_stay(terms: str) -> None:
    """One, several, and an empty one."""
    source = _with_character_set(sample(), terms)
    assert pydicom.dcmread(io.BytesIO(source)).SpecificCharacterSet in (terms, terms.split("\\"), None)
    assert isinstance(deidentify(source, plan(), IDENTITIES), Released)


@pytest.mark.parametrize("terms", ["QUIXWORTH", "ISO_IR 100\\QUIXWORTH", "ISO_IR 999"])
def test_an_unknown_character_set_is_rejected(terms: str) -> None:
    """It would stay, whatever it says; at the top and in an item."""
    outcome = deidentify(_with_character_set(sample(), terms), plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert "SpecificCharacterSet" in outcome.reason
    assert "QUIXWORTH" not in outcome.reason
    nested, item = dataset(), Dataset()
    item.add_new("SpecificCharacterSet", "CS", "ISO_IR 100")
    nested.AnatomicRegionSequence = [item]
    source = file_of(nested)
    at = source.rindex(b"ISO_IR 100")
    outcome = deidentify(source[:at] + b"QUIXWORTH " + source[at + 10 :], plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)


def _with_character_set(source: bytes, terms: str) -> bytes:
    """The file with other terms, whatever pydicom thinks of them."""
    at = source.index(b"\x08\0\x05\0CS")
    length = int.from_bytes(source[at + 6 : at + 8], "little")
    value = terms.encode() + b" " * (len(terms) % 2)
    return source[: at + 6] + struct.pack("<H", len(value)) + value + source[at + 8 + length :]


def test_what_stands_behind_the_last_frame_does_not_leave() -> None:
    """A pad byte and blocks of zeros are harmless; what is less than a row is left out; more may be an image."""
    before = dataset()
    pixels = before.PixelData
    before.PixelData = pixels + b"QUIXWORTH "
    left = released(file_of(before))
    assert pydicom.dcmread(io.BytesIO(b"".join(left.chunks))).PixelData == pixels
    assert "bytes behind the last frame left out" in left.receipt.repairs
    before.PixelData = pixels + b"QUIXWORTH " + pixels
    outcome = deidentify(file_of(before), plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert "behind its last frame" in outcome.reason
    before.PixelData = pixels + bytes(128)
    assert output(file_of(before)).PixelData == pixels + bytes(128)


@pytest.mark.parametrize("black", [False, True])
def test_lines_longer_than_the_header_says_are_rejected(*, black: bool) -> None:
    """By as little as one column, also if the last lines are black: text in lines of a wrong length is not found."""
    before = dataset()
    before.Columns -= 1
    behind = 2 * before.Rows
    before.PixelData = before.PixelData[:-behind] + (bytes(behind) if black else before.PixelData[-behind:])
    outcome = deidentify(file_of(before), plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert "longer than its header says" in outcome.reason


@pytest.mark.parametrize("last", [b"\x50", b"\0"])
def test_colours_that_only_the_header_halves_are_rejected(last: bytes) -> None:
    """Decompressed, and called YBR_FULL_422 as before: read so, lines shift; also if the last of them are black."""
    before = dataset()
    before.Rows, before.Columns, before.SamplesPerPixel, before.PlanarConfiguration = 8, 8, 3, 0
    before.BitsAllocated, before.BitsStored, before.HighBit, before.PixelRepresentation = 8, 8, 7, 0
    before.PhotometricInterpretation, before.PixelData = "YBR_FULL_422", b"\x50" * 128 + last * 64
    outcome = deidentify(file_of(before), plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert "PhotometricInterpretation" in outcome.reason
    before.PixelData = b"\x50" * 128
    assert output(file_of(before)).PixelData == b"\x50" * 128


def test_samples_that_fill_more_bits_than_the_header_says_are_not_cut_off() -> None:
    """12 bits in 16: what the header makes of them would be another image, and the rest of them no rest."""
    before = dataset()
    before.PixelData, before.BitsAllocated = bytes(range(1, 129)), 12
    before.Rows = before.Columns = 8
    outcome = deidentify(file_of(before), plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert "BitsAllocated" in outcome.reason


def test_stacks_of_frames_stay_apart() -> None:
    """By their own name, or by a code where it may not stay: with the same dummy their frames would be mixed."""
    before = dataset()
    before.PatientName = "Quennesbury^Aldric"
    names = ["1", "Stack_2", "12345678", "22345678", "Quennesbury", "22345678"]
    groups = [Dataset() for _ in names]
    for group, name in zip(groups, names, strict=True):
        group.FrameContentSequence = [Dataset()]
        group.FrameContentSequence[0].StackID = name
    before.PerFrameFunctionalGroupsSequence = groups
    kept = [group.FrameContentSequence[0].StackID for group in output(file_of(before)).PerFrameFunctionalGroupsSequence]
    assert kept[:2] == names[:2]
    assert not {*names[2:]} & {*kept}
    assert len({*kept}) == 5
    assert kept[3] == kept[5]
