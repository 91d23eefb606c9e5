"""An object of every storage SOP class, filled from the modules of its IOD (PS3.3, as highdicom has them)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydicom import uid
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence

from sendit.deidentify.tables import table_rows

_STORAGE = "1.2.840.10008.5.1.4."
#: Not files that leave: documents, and sound.
_REJECTED = (f"{_STORAGE}1.1.104.", f"{_STORAGE}1.1.9.4.")
_SIDE = 8
_ELSEWHERE = ["PixelData", "FloatPixelData", "DoubleFloatPixelData", "PixelDataProviderURL", "ExtendedOffsetTable"]
_LEFT_OUT = frozenset([*_ELSEWHERE, "SpecificCharacterSet", "ICCProfile", "DigitalSignaturesSequence", "RescaleType"])
#: A concept wherever a code is asked for.
_CODE = {"CodeValue": "51185008", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Chest"}
_NUMBERS: dict[str, Any] = {
    "AS": "061Y", "AT": 0x00180060, "DS": "12.5", "FD": 1.25, "FL": 1.25, "IS": "3", "SL": 2, "SS": 2, "SV": 2,
    "TM": "121314", "UL": 2, "US": 2, "UV": 2, "OB": bytes(range(8)), "OD": bytes(8), "OF": bytes(8), "OL": bytes(8),
    "OV": bytes(8), "OW": bytes(range(8)), "UN": bytes(range(8)),
}  # fmt: skip
#: Texts of which nothing is a word, by VR.
_FORMS = {
    "AE": "{n:.16}", "LO": "{n} {n}", "LT": "seen by Dr. {n}, MRN {i}", "PN": "{n}^{n}", "SH": "{n:.16}",
    "ST": "seen by Dr. {n}, MRN {i}", "UC": "{n} {i}", "UR": "https://{n}.example.org/{i}", "UT": "{n}, MRN {i}",
}  # fmt: skip


@dataclass(slots=True)
class Filled:
    """An object, and the values planted into it: each stands at one place."""

    content: FileDataset
    planted: list[str] = field(default_factory=list)

    def value(self, keyword: str, vr: str) -> object:
        """Return a value for an attribute: planted if it can be somebody's, else one of technique."""
        number = len(self.planted)
        if vr == "CS":
            return _terms().get(keyword, "YES")
        if vr in _NUMBERS:
            return _NUMBERS[vr]
        if vr in ("DA", "DT"):
            text = f"2085{number // 28 % 12 + 1:02}{number % 28 + 1:02}"
            self.planted.append(text)
            return text + "101112" * (vr == "DT")
        if vr == "UI":
            self.planted.append(f"1.3.6.1.4.1.99999.{700_000 + number}.9")
            return self.planted[-1]
        name, identifier = f"Quv{_letters(number)}", f"BX{4_000_000 + number * 17}T"
        self.planted += [name.lower(), identifier.lower()] if "{i}" in _FORMS[vr] else [name.lower()]
        return _FORMS[vr].format(n=name, i=identifier)


def sop_classes() -> list[str]:
    """Return the UIDs of the storage SOP classes whose objects leave: those of a study."""
    found = _standard("sop_class_iod_map")
    modules = _standard("iod_module_map")
    return sorted(
        one
        for one, iod in found.items()
        if one.startswith(_STORAGE)
        and not one.startswith(_REJECTED)
        and any(module["key"] == "general-study" for module in modules[iod])
    )


def filled(sop_class: str, types: frozenset[str] = frozenset(["1", "1C", "2", "2C"])) -> Filled:
    """Return an object of this class with all attributes of these types (PS3.5 7.4), at every depth."""
    made = Filled(_empty(sop_class))
    for module in _standard("iod_module_map")[_standard("sop_class_iod_map")[sop_class]]:
        for attribute in sorted(_standard("module_attribute_map").get(module["key"], ()), key=lambda a: len(a["path"])):
            item = _item(made.content, attribute["path"])
            if item is not None and attribute["type"] in types and attribute["keyword"] not in _LEFT_OUT:
                _fill(item, attribute["keyword"], made)
    if "Image" in uid.UID(sop_class).name:
        _draw(made.content)
    return made


def _fill(item: Dataset, keyword: str, made: Filled) -> None:
    tag = tag_for_keyword(keyword)
    if tag is None or tag >> 16 < 8 or tag in item:
        return
    vr = dictionary_VR(tag)
    vr = vr if " or " not in vr else "US" if "US" in vr else "OW"
    if vr == "SQ":
        item.add_new(tag, vr, Sequence([Dataset()]))
        return
    value = _CODE.get(keyword) or made.value(keyword, vr)
    least = dictionary_VM(tag).split("-")[0]
    many = int(least) if least.isdigit() and not isinstance(value, bytes) else 1
    item.add_new(tag, vr, [value] * many if many > 1 else value)


def _item(content: Dataset, path: list[str]) -> Dataset | None:
    """Return the item at a path of sequences; None if one of them is not there."""
    for keyword in path:
        if keyword not in content:
            return None
        content = content[keyword].value[0]
    return content


def _empty(sop_class: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = uid.ExplicitVRLittleEndian, uid.UID(sop_class)
    meta.MediaStorageSOPInstanceUID = uid.UID("1.2.826.0.1.3680043.8.498.7")
    content = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    content.SOPClassUID, content.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    content.SpecificCharacterSet = "ISO_IR 192"
    return content


def _draw(content: Dataset) -> None:
    content.Rows = content.Columns = _SIDE
    content.SamplesPerPixel, content.PhotometricInterpretation, content.PixelRepresentation = 1, "MONOCHROME2", 0
    content.BitsAllocated = content.BitsStored = 16
    content.HighBit, content.NumberOfFrames = 15, 1
    content.pop("PlanarConfiguration", None)
    content.add_new(0x7FE00010, "OW", bytes(range(_SIDE * _SIDE * 2)))


def _letters(number: int) -> str:
    """Return a number in letters that make no word."""
    digits = "bdfgklmnrz"
    return "".join(digits[int(digit)] + "ou"[place % 2] for place, digit in enumerate(f"{number:05}")) + "x"


@cache
def _terms() -> dict[str, str]:
    return {row["attribute"]: row["terms"].split("\\")[0] for row in table_rows("defined_terms.csv")}


@cache
def _standard(name: str) -> Any:
    found = find_spec("highdicom")
    assert found is not None, "highdicom is not installed: it is in the extra dev"
    assert found.submodule_search_locations
    folder = Path(found.submodule_search_locations[0]) / "_standard"
    return json.loads((folder / f"{name}.json").read_text("utf-8"))
