"""Table E.1-1, every row, at every depth, under every option: how it leaves, judged from the table alone."""

from __future__ import annotations

import csv
import io
import re
from importlib.resources import files
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from sendit.deidentify.profile.table import EDITION
from tests.unit.deidentify.samples import dataset, file_of, released

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.long

_TABLE = files("sendit.deidentify") / "tables" / EDITION / "ps3_15_table_e1_1.csv"
ROWS = list(csv.DictReader(_TABLE.read_text("utf-8").splitlines()))
COLUMNS: Mapping[Option, str] = {
    option: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", option).lower()
    for option in Option
    if option not in (Option.CLEAN_PIXEL_DATA, Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES)
}
#: Under the item's own sequence: one that the table does not name and that stays.
_WRAPPER = "DerivationImageSequence"
_TEXT = "CT HEAD W/O CONTRAST"
_VALUES: Mapping[str, object] = {
    "AE": "PLANTED_AE", "AS": "077Y", "CS": "HEAD", "DA": "20240115", "DS": "12.5", "DT": "20240115101112.5",
    "FD": 12.5, "FL": 12.5, "IS": "77", "LO": _TEXT, "LT": _TEXT, "OB": b"planted!", "OW": b"planted!",
    "PN": "Quimby^Zelda", "UN": b"planted!",
    "SH": _TEXT[:16], "SL": 77, "SS": 77, "ST": _TEXT, "TM": "101112.5", "UC": _TEXT, "UI": "1.2.3.4.5.6",
    "UL": 77, "UR": "urn:planted", "US": 77, "UT": _TEXT,
}  # fmt: skip
_ZONE = 0x00080201
_PSEUDONYMS = {0x00080050, 0x00100010, 0x00100020}
_CLEAN_TEXT = {
    Option.CLEAN_DESCRIPTORS,
    Option.CLEAN_STRUCTURED_CONTENT,
    Option.CLEAN_GRAPHICS,
    Option.RETAIN_PATIENT_CHARACTERISTICS,
}
_TEXTS = {"LO", "LT", "SH", "ST", "UC", "UT"}
#: Written by SendIt at the top, or needed by every file: judged by tests of their own.
_NOT_IN_A_DATASET = sum(row["tag_pattern"].startswith(("0000", "0002")) for row in ROWS)
_ELSEWHERE = {0x00080018, 0x0020000D, 0x0020000E, 0x00020003}


def _tag(row: Mapping[str, str]) -> int:
    pattern = row["tag_pattern"]
    return int({"50xxxxxx": "50003000", "odd": "00091010"}.get(pattern, pattern.replace("x", "0")), 16)


def _vr(tag: int) -> str:
    if tag == 0x00091010:
        return "LO"
    return dictionary_VR(tag).split(" or ")[-1] if dictionary_has_tag(tag) else "LO"


def _planted(depth: int) -> FileDataset:
    """A file with every row of the table in a dataset at this depth."""
    whole = dataset()
    for element in list(whole):
        if element.tag.is_private:
            del whole[element.tag]
    inner: Dataset = whole
    for _ in range(depth):
        setattr(inner, _WRAPPER, Sequence([Dataset()]))
        inner = inner[_WRAPPER].value[0]
    for row in ROWS:
        tag = _tag(row)
        if tag >> 16 in (0, 2) or (depth == 0 and tag in _ELSEWHERE):
            continue
        vr = _vr(tag)
        if vr == "SQ":
            item = Dataset()
            item.Modality = "CT"
            inner.add_new(tag, "SQ", Sequence([item]))
        elif tag == _ZONE:
            inner.add_new(tag, vr, "+0100")
        elif row["keyword"] in ("EthnicGroup", "EthnicGroups"):
            inner.add_new(tag, vr, "ASIAN")  # retained where a group is named, and nobody
        elif vr in _TEXTS and not any(row[COLUMNS[option]] == "C" for option in _CLEAN_TEXT):
            inner.add_new(tag, vr, f"PLANTED-{tag:08X}"[:16])
        else:
            inner.add_new(tag, vr, _VALUES[vr])
    inner.add_new(0x00090010, "LO", "PLANTED CREATOR")
    return whole


def _at(whole: Dataset, depth: int) -> Dataset:
    for _ in range(depth):
        whole = whole[_WRAPPER].value[0]
    return whole


#: Dates that can be looked up: moved, they would disclose the offset, so the profile without the option decides.
_PUBLISHED = frozenset(
    (
        "ContextGroupVersion",
        "ContextGroupLocalVersion",
        "TemplateVersion",
        "TemplateLocalVersion",
        "ProductExpirationDateTime",
        "EffectiveDateTime",
        "InformationIssueDateTime",
        "HangingProtocolCreationDateTime",
        "EthicsCommitteeApprovalEffectivenessStartDate",
        "EthicsCommitteeApprovalEffectivenessEndDate",
    )
)


def _expected(row: Mapping[str, str], vr: str, option: Option | None) -> str:
    """The letters of which the outcome has to be one: as the table and E.3 say it, and K for what was left alone."""
    cell = row[COLUMNS[option]] if option else ""
    tag = _tag(row)
    if row["keyword"] == "ClinicalTrialProtocolEthicsCommitteeName" and cell != "K":
        return "X"  # its number goes, and without it PS3.3 C.7.1.3 forbids the name
    if not dictionary_has_tag(tag) or tag == 0x00091010 or tag >> 24 in (0x50, 0x60):
        return "X"  # no overlay of type R, no safe private creator is planted
    if (
        cell == "K" and row["keyword"] != "CertifiedTimestamp"
    ):  # it goes with its signature, which it is worthless without
        return "K"
    if option is Option.CLEAN_GRAPHICS and row["keyword"] == "UnformattedTextValue":
        return "K"  # E.3.3: the text of annotations is cleaned
    moved = option is Option.RETAIN_LONGITUDINAL_MODIFIED_DATES and cell == "C"
    if moved and not row["retain_device_identity"] and row["keyword"] not in _PUBLISHED:
        return {"OB": row["basic_profile"], "SH": "K"}.get(vr, "C")  # bytes cannot be moved; a time zone stays
    if option in _CLEAN_TEXT and cell == "C" and vr in (_TEXTS | {"SQ"}):
        return "K"  # what is planted is medicine: nothing has to go
    return row["basic_profile"].replace("/", "").replace("U*", "U")


def _problem(before: pydicom.DataElement, after: pydicom.DataElement | None, letters: str) -> str:
    """ "" if the outcome has one of these forms."""
    tag, vr = int(before.tag), before.VR
    if tag in _PSEUDONYMS and after is not None and letters != "K":
        return "" if re.fullmatch("[A-Z2-7]{16}|Anonymous|", str(after.value)) else "no pseudonym"
    forms = []
    if after is None:
        forms.append("X")
    elif after.VR == "SQ":
        forms += ["Z"] if not after.value else ["D", "K", "U"]
    elif after.is_empty:
        forms.append("Z")
    elif after.value == before.value and vr == before.VR:
        forms += ["K", "C"] if vr == "TM" else ["K"]
    elif vr in ("DA", "DT") and after.value not in ("19000101", "19000101000000"):
        forms.append("C")
    else:
        forms += ["U", "D"] if vr == "UI" else ["D"]
    return "" if set(forms) & set(letters) else f"{'/'.join(forms)} where {letters} is asked"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("depth", range(4))
@pytest.mark.parametrize("option", [None, *COLUMNS])
def test_every_row(depth: int, option: Option | None) -> None:
    """All rows leave in a form that the table allows; the figure is rows right / rows."""
    source = _planted(depth)
    data = file_of(source)
    plan = compile_plan([option] if option else [], [])
    after = _at(pydicom.dcmread(io.BytesIO(b"".join(released(data, plan).chunks))), depth)
    before = _at(source, depth)
    wrong = {}
    judged = 0
    for row in ROWS:
        tag = _tag(row)
        if tag not in before:
            continue
        judged += 1
        problem = _problem(before[tag], after.get(tag), _expected(row, _vr(tag), option))
        if problem:
            wrong[row["keyword"]] = problem
    print(f"depth {depth}, {option or 'Basic'}: rows right {judged - len(wrong)} / {judged}")
    assert wrong == {}
    assert judged >= len(ROWS) - len(_ELSEWHERE) - _NOT_IN_A_DATASET
