"""Places that are a matter of structure: nesting, private attributes, overlays, file meta information, encodings."""

from __future__ import annotations

import base64
import gzip
import struct
import zlib
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID

from benchmarks.leaks.places import PLACES, even, item_of, place, put

if TYPE_CHECKING:
    from benchmarks.leaks.tokens import Tokens

#: Sequences in one another that a profile keeps (they are codes and technique), and those that it takes out.
_KEPT = ("AnatomicRegionSequence", "AnatomicRegionModifierSequence", "EquivalentCodeSequence")
_TAKEN = ("RequestAttributesSequence", "RequestedProcedureCodeSequence", "EquivalentCodeSequence")
_UNLISTED = ("SharedFunctionalGroupsSequence", "FrameContentSequence", "DerivationCodeSequence")

#: An attribute of each VR, listed or not.
_OF_VR = {
    "PN": "ReferringPhysicianName",
    "LO": "InstitutionName",
    "SH": "StationName",
    "ST": "InstitutionAddress",
    "LT": "PatientComments",
    "UT": "TextValue",
    "UC": "StrainDescription",
    "UR": "RetrieveURL",
    "AE": "RetrieveAETitle",
    "UI": "ReferencedSOPInstanceUID",
    "DA": "ContentDate",
    "DT": "AcquisitionDateTime",
}


def _nested(dataset: Dataset, chain: tuple[str, ...], depth: int) -> Dataset:
    for keyword in chain[:depth]:
        dataset = item_of(dataset, keyword)
    return dataset


def _register_nested() -> None:
    for depth in (1, 2, 3):
        for vr, keyword in _OF_VR.items():

            def plant(dataset: FileDataset, tokens: Tokens, keyword: str = keyword, depth: int = depth) -> None:
                for chain in (_KEPT, _TAKEN, _UNLISTED):
                    put(_nested(dataset, chain, depth), keyword, tokens)

            PLACES.append((f"nested {depth} deep: {vr}", plant))

            if vr in ("PN", "LO", "UI"):

                def private(dataset: FileDataset, tokens: Tokens, vr: str = vr, depth: int = depth) -> None:
                    item = _nested(dataset, _KEPT, depth)
                    block = item.private_block(0x0011, "QUX HEADER", create=True)
                    block.add_new(0x01 + ["PN", "LO", "UI"].index(vr), vr, tokens.of_vr(vr))

                PLACES.append((f"private {depth} deep: {vr}", private))


_register_nested()


@place("UN: a known attribute")
def _un_known(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.add_new(0x00102180, "UN", even(tokens.of_vr("PN").encode()))  # Occupation


@place("UN: a sequence in implicit VR")
def _un_sequence(dataset: FileDataset, tokens: Tokens) -> None:
    inner = even(tokens.name().encode())
    element = struct.pack("<HHI", 0x0040, 0x1102, len(inner)) + inner  # PersonAddress
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(element)) + element
    dataset.add_new(0x00081052, "UN", item)  # PerformingPhysicianIdentificationSequence
    dataset.add_new(0x00291910, "UN", item)  # private


@place("private: creator")
def _creator(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.private_block(0x0013, tokens.name() + " 1.0", create=True).add_new(1, "US", 1)


@place("private: every kind of value")
def _private(dataset: FileDataset, tokens: Tokens) -> None:
    block = dataset.private_block(0x0015, "QUX ACQU 01", create=True)
    for number, vr in enumerate(("PN", "LO", "SH", "ST", "LT", "UT", "UC", "UR", "AE", "UI", "DA", "DT"), 1):
        block.add_new(number, vr, tokens.of_vr(vr))
    block.add_new(0x20, "UN", even(tokens.name().encode()))
    block.add_new(0x21, "OB", even(tokens.name().encode()))
    block.add_new(0x22, "CS", tokens.name())


@place("private: a sequence")
def _private_sequence(dataset: FileDataset, tokens: Tokens) -> None:
    inner, outer = Dataset(), Dataset()
    inner.PatientName = tokens.of_vr("PN")
    inner.ReferencedSOPInstanceUID = tokens.uid()
    outer.InstitutionName = tokens.text()
    outer.RequestAttributesSequence = [inner]
    dataset.private_block(0x0017, "QUX SEQ", create=True).add_new(1, "SQ", [outer])


@place("private: without creator")
def _orphan(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.add_new(0x00191008, "LO", tokens.text())
    dataset.add_new(0x00190008, "SH", tokens.name())


@place("private: known makers")
def _makers(dataset: FileDataset, tokens: Tokens) -> None:
    csa = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    csa.add_new(0x20, "OB", b"SV10\4\3\2\1" + even(tokens.name().encode()) + even(tokens.uid().encode()))
    dataset.private_block(0x0009, "GEMS_IDEN_01", create=True).add_new(0x01, "LO", tokens.name())
    # An attribute that the table of safe private attributes names, with what is none of its values.
    dataset.private_block(0x0019, "GEMS_ACQU_01", create=True).add_new(0x9E, "LO", f"{tokens.name()}^Jane")


@place("overlays")
def _overlays(dataset: FileDataset, tokens: Tokens) -> None:
    for group in (0x6000, 0x601E):
        base = group << 16
        dataset.add_new(base | 0x0010, "US", 16)
        dataset.add_new(base | 0x0011, "US", 16)
        dataset.add_new(base | 0x0022, "LO", tokens.text())
        dataset.add_new(base | 0x0040, "CS", "G")
        dataset.add_new(base | 0x1500, "LO", tokens.name())
        dataset.add_new(base | 0x3000, "OW", tokens.name().encode().ljust(32, b"\0"))
        dataset.add_new(base | 0x4000, "LT", tokens.text())


@place("curves")
def _curves(dataset: FileDataset, tokens: Tokens) -> None:
    for group in (0x5000, 0x5004):
        base = group << 16
        dataset.add_new(base | 0x0022, "LO", tokens.text())
        dataset.add_new(base | 0x0040, "SH", [tokens.name(), tokens.name()])
        dataset.add_new(base | 0x2500, "LO", tokens.name())
        dataset.add_new(base | 0x3000, "OW", even(tokens.name().encode()))


@place("groups of old editions and of none")
def _groups(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.add_new(0x40000010, "LT", tokens.text())  # Arbitrary
    dataset.add_new(0x40004000, "LT", tokens.text())
    dataset.add_new(0x40080115, "LT", tokens.text())  # InterpretationText
    dataset.add_new(0x0008FFF0, "LO", tokens.text())
    dataset.add_new(0x77780010, "UT", tokens.text())
    dataset.add_new(0x00280003, "LO", tokens.name())
    dataset.add_new(0x1000FFF0, "UN", even(tokens.name().encode()))


@place("trailing padding")
def _padding(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.add_new(0xFFFCFFFC, "OB", even(tokens.name().encode()))


@place("digital signatures and certificates")
def _signatures(dataset: FileDataset, tokens: Tokens) -> None:
    item = item_of(dataset, "DigitalSignaturesSequence")
    item.CertificateOfSigner = even(tokens.name().encode())
    item.Signature = even(tokens.name().encode())
    item.DigitalSignatureUID = tokens.uid()
    item.DigitalSignatureDateTime = tokens.date() + "101112"
    mac = item_of(dataset, "MACParametersSequence")
    mac.MACIDNumber, mac.MACAlgorithm = 1, "SHA256"
    dataset.EncryptedAttributesSequence = [Dataset()]
    dataset.EncryptedAttributesSequence[0].EncryptedContent = even(tokens.name().encode())
    original = item_of(dataset, "OriginalAttributesSequence")
    put(item_of(original, "ModifiedAttributesSequence"), "PatientName", tokens)
    original.SourceOfPreviousValues = tokens.name()


@place("icon")
def _icon(dataset: FileDataset, tokens: Tokens) -> None:
    icon = Dataset()
    icon.Rows = icon.Columns = 8
    icon.SamplesPerPixel, icon.BitsAllocated, icon.BitsStored, icon.HighBit = 1, 8, 8, 7
    icon.PhotometricInterpretation, icon.PixelRepresentation = "MONOCHROME2", 0
    icon.add_new(0x7FE00010, "OB", tokens.name().encode().ljust(64, b"\0"))
    dataset.IconImageSequence = [icon]


@place("references")
def _references(dataset: FileDataset, tokens: Tokens) -> None:
    for keyword in ("ReferencedImageSequence", "SourceImageSequence", "ReferencedStudySequence"):
        item = item_of(dataset, keyword)
        item.ReferencedSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.2")
        item.ReferencedSOPInstanceUID = tokens.uid()
    series = item_of(dataset, "StudiesContainingOtherReferencedInstancesSequence")
    series.StudyInstanceUID = tokens.uid()
    item_of(series, "ReferencedSeriesSequence").SeriesInstanceUID = tokens.uid()
    item_of(dataset, "DimensionOrganizationSequence").DimensionOrganizationUID = tokens.uid()
    dataset.SynchronizationFrameOfReferenceUID = tokens.uid()
    dataset.ConcatenationUID = tokens.uid()
    dataset.TrackingUID = tokens.uid()
    dataset.FailedSOPInstanceUIDList = [tokens.uid(), tokens.uid()]


@place("the instance's own UIDs")
def _own(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(tokens.uid())
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = tokens.uid(), tokens.uid()
    dataset.FrameOfReferenceUID = tokens.uid()


@place("persons and institutions as codes and items")
def _codes(dataset: FileDataset, tokens: Tokens) -> None:
    reader = item_of(dataset, "PhysiciansReadingStudyIdentificationSequence")
    reader.InstitutionName = tokens.text()
    code = item_of(reader, "PersonIdentificationCodeSequence")
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = tokens.name(), "99QUX", tokens.name()
    other = item_of(dataset, "OtherPatientIDsSequence")
    other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID = tokens.identifier(), tokens.name(), "TEXT"
    issuer = item_of(dataset, "IssuerOfAccessionNumberSequence")
    issuer.LocalNamespaceEntityID = tokens.name()
    code = item_of(dataset, "InstitutionCodeSequence")
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = tokens.name(), "99QUX", tokens.name()


@place("a meaning of a code that a person typed")
def _meaning(dataset: FileDataset, tokens: Tokens) -> None:
    code = item_of(dataset, "ViewCodeSequence")
    if "CodeMeaning" not in code:
        code.CodeValue, code.CodingSchemeDesignator = "R-10206", "SRT"
        code.CodeMeaning = f"for {tokens.name()}^Jane {tokens.identifier()}"


@place("hidden: UTF-16, base64, gzip, deflate in bytes")
def _hidden(dataset: FileDataset, tokens: Tokens) -> None:
    block = dataset.private_block(0x0021, "QUX BLOB", create=True)
    texts = [f"patient name: {tokens.name()} Jane of the town".encode() for _ in range(4)]
    block.add_new(1, "OB", texts[0].decode().encode("utf-16-le"))
    block.add_new(2, "OB", even(base64.b64encode(texts[1])))
    block.add_new(3, "OB", even(gzip.compress(texts[2], mtime=0)))
    block.add_new(4, "OB", even(zlib.compress(texts[3])))
    block.add_new(5, "UT", base64.b64encode(tokens.name().encode() * 3).decode())
    if "EncapsulatedDocument" not in dataset:
        dataset.add_new(0x00420011, "OB", even(f"%PDF-1.4 {tokens.name()}".encode()))
    dataset.add_new(0x04000520, "OB", even(tokens.name().encode()))  # EncryptedContent


@place("hidden: base64 in a description")
def _hidden_text(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.ImageComments = base64.b64encode(f"patient {tokens.name()}^Jane".encode()).decode()


@place("file meta information")
def _meta(dataset: FileDataset, tokens: Tokens) -> None:
    meta = dataset.file_meta
    meta.SourceApplicationEntityTitle = tokens.name().upper()
    meta.SendingApplicationEntityTitle = tokens.name().upper()
    meta.ReceivingApplicationEntityTitle = tokens.name().upper()
    meta.add_new(0x00020026, "UR", f"http://{tokens.name()}.example.org")
    meta.PrivateInformationCreatorUID = UID(tokens.uid())
    meta.PrivateInformation = even(tokens.name().encode())
    meta.ImplementationVersionName = tokens.name()
    meta.ImplementationClassUID = UID(tokens.uid())


@place("preamble")
def _preamble(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.preamble = (tokens.name() + " " + tokens.name()).encode().ljust(128, b"\0")
