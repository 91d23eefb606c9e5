"""Places that a second look found: text disguised as numbers or samples, escaped, joined, in other languages' forms.

All stand in the items of one sequence that a profile keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.leaks.places import item_of, place, put_raw

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

    from benchmarks.leaks.tokens import Tokens


def _item(dataset: FileDataset) -> Dataset:
    return item_of(dataset, "DerivationImageSequence")


def _register_forms() -> None:
    """A surname in a description, with what stands around it."""
    for title, keyword, before, after in (
        ("alone", "RequestedProcedureComments", "", ""),
        ("seen by somebody", "ReasonForTheImagingServiceRequest", "chest seen by ", " today"),
        ("two names in capitals", "ImagingServiceRequestComments", "JOHN ", ""),
        ("an initial", "PerformedProcedureStepDescription", "J. ", " knee"),
        ("joined by underscores", "SeriesDescription", "CT_", "_1"),
        ("an institution", "StudyDescription", "University of ", ""),
        ("a host", "ProtocolName", "", ".example.org/p/1"),
        ("a path", "AcquisitionProtocolDescription", "/home/", "/scan"),
        ("JSON", "PatientComments", '{"name":"', '"}'),
        ("XML", "VisitComments", "<patient>", "</patient>"),
        ("percent", "AdmittingDiagnosesDescription", "name=", "%5EJohn"),
        ("HTML", "DischargeDiagnosisDescription", "", "&#94;John"),
        ("of the technique", "AttenuationCorrectionMethod", "measured ", ""),
        ("letters set apart", "RequestedProcedureDescription", "knee of ", ""),
    ):

        def plant(
            dataset: FileDataset, tokens: Tokens, keyword: str = keyword, before: str = before, after: str = after
        ) -> None:
            name = tokens.planted("name", " ".join(tokens.spelt())) if "knee of" in before else tokens.name()
            setattr(_item(dataset), keyword, f"{before}{name}{after}")

        place(f"a name in a text: {title}")(plant)


_register_forms()


@place("dates in other forms")
def _dates(dataset: FileDataset, tokens: Tokens) -> None:
    def text(form: str) -> str:
        day = tokens.day()
        return tokens.planted("date", f"{day.day}{form}{day.year}")

    forms = [". januari ", " de enero de ", " mars ", ". stycznia ", "-ENE-", "th of October ", " ottobre "]
    _item(dataset).DerivationDescription = "; ".join(map(text, forms))
    if str(dataset.get("SpecificCharacterSet", "")) == "ISO_IR 192":
        day = tokens.day()
        date = tokens.planted("date", f"{day.year}年{day.month}月{day.day}日")
        _item(dataset).ImageComments = f"検査 {date} {text(' января ')}"


@place("an identifier as a number")
def _numbers(dataset: FileDataset, tokens: Tokens) -> None:
    item = _item(dataset)
    item.OtherPatientIDs = tokens.digits()
    item.TableSpeed = float(str(item.OtherPatientIDs))
    item.ConcatenationFrameOffsetNumber = int(str(item.OtherPatientIDs))


@place("text in numbers and samples")
def _disguised(dataset: FileDataset, tokens: Tokens) -> None:
    if not dataset.file_meta.TransferSyntaxUID.is_little_endian:
        return  # they would be written with their bytes turned round
    numbers = ((0x00189306, "FD"), (0x00189087, "FD"), (0x0018605A, "FL"), (0x00281201, "OW"), (0x00283006, "OW"))
    for tag, vr in numbers:
        put_raw(_item(dataset), tag, vr, _eights(tokens.name()))
    _item(dataset).add_new(0x7FE00010, "OW", _eights(tokens.name()).encode())


def _eights(name: str) -> str:
    """As long as numbers of eight bytes are."""
    return name.ljust(-(-len(name) // 8) * 8)


@place("code strings in capitals")
def _code_strings(dataset: FileDataset, tokens: Tokens) -> None:
    for tag in (0x00180022, 0x00180015, 0x00182002):
        put_raw(_item(dataset), tag, "CS", tokens.name().upper())


@place("a meaning in a code of one's own")
def _own_code(dataset: FileDataset, tokens: Tokens) -> None:
    code = item_of(_item(dataset), "PurposeOfReferenceCodeSequence")
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "17", "99LOCAL", f"view of {tokens.name()}"


@place("a UID behind a root of the standard")
def _rooted(dataset: FileDataset, tokens: Tokens) -> None:
    item = item_of(_item(dataset), "SourceImageSequence")
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    item.ReferencedSOPInstanceUID = f"1.2.840.10008.{tokens.digits()}"
