"""Nothing of what is planted in the originals is found in the bytes that leave."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

from sendit.deidentify import Action, deidentify
from sendit.deidentify.dicom.dataset import BYTES_VRS, TEXT_VRS
from sendit.model import Rejected
from tests.unit.deidentify.samples import IDENTITIES, VARIED, dataset, file_of, plan, released, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Sequences that stay, one in another.
_NEST = ("SharedFunctionalGroupsSequence", "FrameContentSequence", "DerivationCodeSequence")


class Planter:
    """Makes tokens that stand nowhere else, and remembers them."""

    def __init__(self) -> None:
        self.tokens: list[bytes] = []

    def word(self) -> str:
        return self._new(f"ZQX{len(self.tokens):05}K")

    def uid(self) -> str:
        return self._new(f"1.2.3.9876{len(self.tokens):05}.5")

    def date(self) -> str:
        return self._new(
            f"{1930 + len(self.tokens) // 365 % 60}{1 + len(self.tokens) // 28 % 12:02}2{len(self.tokens) % 9}"
        )

    def _new(self, token: str) -> str:
        self.tokens.append(token.encode())
        return token

    def plant(self, target: Dataset) -> None:
        """Into one dataset: every VR that holds text, UIDs, dates, private attributes and what the table leaves out."""
        target.ReferringPhysicianName = self.word() + "^" + self.word()
        target.PatientName = self.word()
        target.OtherPatientNames = [self.word(), self.word()]
        target.PatientID, target.AccessionNumber = self.word(), self.word()
        target.InstitutionName, target.StationName = self.word(), self.word()
        target.StudyDescription, target.SeriesDescription = self.word(), self.word()
        target.PatientComments, target.InstitutionAddress = self.word(), self.word()
        target.TextValue, target.SegmentLabel, target.DataSetName = self.word(), self.word(), self.word()
        target.RetrieveAETitle, target.RetrieveURL = self.word(), "http://" + self.word()
        target.ROIName, target.UnformattedTextValue = self.word(), self.word()
        target.StrainDescription = self.word()
        target.InstanceCreatorUID = self.uid()
        target.ReferencedSOPInstanceUID = self.uid()
        target.PatientBirthDate, target.StudyDate = self.date(), self.date()
        target.AcquisitionDateTime, target.ContentDate = self.date() + "101112", self.date()
        target.add_new(0x40000010, "LT", self.word())
        target.add_new(0x00102180, "UN", self.word().encode() + b" ")
        target.add_new(0x0008FFF0, "LO", self.word())  # nothing that the dictionary knows
        block = target.private_block(0x0011, self.word(), create=True)
        block.add_new(1, "LO", self.word())
        block.add_new(2, "OB", self.word().encode() + b" ")
        inner = Dataset()
        inner.PatientName = self.word()
        block.add_new(3, "SQ", [inner])

    def plant_at_top(self, target: Dataset) -> None:
        """What stands at the top of a dataset only."""
        target.add_new(0x60000010, "US", 8)
        target.add_new(0x60000022, "LO", self.word())
        target.add_new(0x60003000, "OW", self.word().encode() + b" ")
        target.add_new(0x60004000, "LT", self.word())
        target.add_new(0x50003000, "OW", self.word().encode() + b" ")
        target.add_new(0x50000040, "SH", self.word())
        target.add_new(0xFFFCFFFC, "OB", self.word().encode() + b" ")
        icon = Dataset()
        icon.PixelData = self.word().encode() + b" "
        icon["PixelData"].VR = "OW"
        target.IconImageSequence = [icon]
        signature = Dataset()
        signature.CertificateOfSigner = self.word().encode() + b" "
        target.DigitalSignaturesSequence = [signature]
        meta = target.file_meta
        meta.SourceApplicationEntityTitle, meta.SendingApplicationEntityTitle = self.word(), self.word()
        meta.PrivateInformationCreatorUID = UID(self.uid())
        meta.PrivateInformation = self.word().encode() + b" "
        target.preamble = self.word().encode().ljust(128, b"\0")


def _found(tokens: list[bytes], content: bytes) -> list[bytes]:
    wide = [token.decode().encode("utf-16-le") for token in tokens]
    return [token for token in (*tokens, *wide) if token in content]


def _inflated(content: bytes) -> bytes:
    """With the dataset of a deflated file unpacked."""
    meta = pydicom.dcmread(io.BytesIO(content)).file_meta
    if not UID(meta.TransferSyntaxUID).is_deflated:
        return content
    start = 144 + meta.FileMetaInformationGroupLength
    return content[:start] + zlib.decompress(content[start:], -zlib.MAX_WBITS)


@pytest.mark.parametrize("name", VARIED)
def test_no_planted_token_leaves(name: str) -> None:
    """Names, identifiers, texts, UIDs and dates at depth 0 to 3, private, meta, preamble, overlay, curve, padding."""
    planter, before = Planter(), dataset(name)
    planter.plant(before)
    planter.plant_at_top(before)
    below: Dataset = before
    for keyword in _NEST:
        item = Dataset()
        planter.plant(item)
        setattr(below, keyword, [item])
        below = item
    source = file_of(before)
    planted = _inflated(source)
    assert all(token in planted for token in planter.tokens), "a token was not planted"
    content = b"".join(released(source).chunks)
    assert _found(planter.tokens, _inflated(content)) == []


def _attributes(vrs: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Every attribute of the standard of these VRs, but for those that the allowlist keeps."""
    rules = plan().rules
    for tag, (vr, _, _, _, _) in DicomDictionary.items():
        kept = tag in rules and rules[tag].action is Action.KEEP
        if 0x0008 <= tag >> 16 < 0xFFFA and vr in vrs and not kept:
            yield tag, vr


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_no_text_attribute_of_the_standard_leaks(depth: int) -> None:
    """Every attribute that can hold text or bytes, whether the table knows it or not, unless the allowlist keeps it."""
    planter, before = Planter(), dataset()
    below: Dataset = before
    for keyword in _NEST[:depth]:
        item = Dataset()
        setattr(below, keyword, [item])
        below = item
    count = 0
    for tag, vr in _attributes(TEXT_VRS | BYTES_VRS - {"OD", "OL", "OV", "OF"}):
        word = planter.word()
        below.add_new(tag, vr, word if vr in TEXT_VRS else word.encode() + b" ")
        count += 1
    assert count > 600
    content = b"".join(released(file_of(before)).chunks)
    assert _found(planter.tokens, content) == []


def test_a_vr_that_lies_does_not_help() -> None:
    """The standard's VR decides, not the one that the file claims: a name that calls itself a code goes."""
    planter, before = Planter(), dataset()
    source = file_of(before)
    for tag, vr in ((0x00081030, b"CS"), (0x00104000, b"IS"), (0x00100010, b"CS"), (0x00400254, b"UI")):
        text = planter.word().encode() + b" "
        source = _insert(source, tag, vr, text)
    content = b"".join(released(source).chunks)
    assert _found(planter.tokens, content) == []


def _insert(source: bytes, tag: int, vr: bytes, value: bytes) -> bytes:
    """Before the pixel data; SendIt puts elements in order."""
    start = source.find(struct.pack("<HH", tag >> 16, tag & 0xFFFF))
    if start > 0:  # it is there already
        source = source[:start] + source[start + 8 + source[start + 6] :]
    at = source.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))
    return source[:at] + struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value + source[at:]


def test_reasons_name_no_value() -> None:
    """What is said about a file that is rejected or held carries nothing of it."""
    for name in VARIED:
        source = sample(name)
        before = dataset(name)
        values = {
            str(before.get(key, "")) for key in ("PatientID", "PatientName", "SOPInstanceUID", "StudyInstanceUID")
        }
        for cut in range(140, len(source), max(1, len(source) // 50)):
            outcome = deidentify(source[:cut], plan(), IDENTITIES)
            if isinstance(outcome, Rejected):  # cut between two elements, what is no image still reads as a whole
                assert not [value for value in values if value and value in outcome.reason]


def test_codes_that_name_a_person_become_dummies() -> None:
    """PersonIdentificationCodeSequence is kept as a form (type 1) and says nothing."""
    before = dataset()
    code, holder = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "ZQX1", "99HOSP", "ZQX2"
    holder.PersonIdentificationCodeSequence = [code]
    before.PerformedProtocolCodeSequence = [holder]
    after = pydicom.dcmread(io.BytesIO(b"".join(released(file_of(before)).chunks)))
    named = after.PerformedProtocolCodeSequence[0].PersonIdentificationCodeSequence[0]
    assert {named.CodeValue, named.CodingSchemeDesignator, named.CodeMeaning} == {"Removed"}


def test_encapsulated_pixels_pass_unchanged() -> None:
    """Byte for byte, offset table and all."""
    before = dataset("JPEG2000.dcm")
    frame = next(generate_frames(before.PixelData, number_of_frames=1))
    before.PixelData = encapsulate([frame, frame])
    before["PixelData"].is_undefined_length = True
    before.NumberOfFrames = 2
    after = pydicom.dcmread(io.BytesIO(b"".join(released(file_of(before)).chunks)))
    assert after.PixelData == before.PixelData
