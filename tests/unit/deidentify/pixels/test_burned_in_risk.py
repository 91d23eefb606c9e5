"""Headers that make an image with text look like one without."""

from __future__ import annotations

from typing import Any

import pytest

from sendit.deidentify.dicom.dataset import Element, find
from sendit.deidentify.pixels.burned_in_risk import burned_in_risk, clean_by_rule

_CLASS = "1.2.840.10008.5.1.4.1.1."
_CT, _MR, _NM, _PET = f"{_CLASS}2", f"{_CLASS}4", f"{_CLASS}20", f"{_CLASS}128"
_TAGS = {
    "SOPClassUID": (0x00080016, "UI"),
    "ImageType": (0x00080008, "CS"),
    "Modality": (0x00080060, "CS"),
    "ConversionType": (0x00080064, "CS"),
    "SeriesDescription": (0x0008103E, "LO"),
    "DateOfSecondaryCapture": (0x00181012, "DA"),
    "SecondaryCaptureDeviceManufacturer": (0x00181016, "LO"),
    "ImagePositionPatient": (0x00200032, "DS"),
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "BitsAllocated": (0x00280100, "US"),
    "BurnedInAnnotation": (0x00280301, "CS"),
}
CT = {
    "SOPClassUID": _CT,
    "Modality": "CT",
    "ImageType": "ORIGINAL\\PRIMARY\\AXIAL",
    "ImagePositionPatient": "0\\0\\12.5",
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
}


def header(values: dict[str, Any], big: bool = False) -> list[Element]:
    """The elements; what is None is not there."""
    made = []
    for name, value in values.items():
        tag, vr = _TAGS[name]
        if value is not None:
            raw = value.to_bytes(2, "big" if big else "little") if isinstance(value, int) else value.encode("ascii")
            made.append(Element(tag, vr, raw))
    return sorted(made, key=lambda element: element.tag)


PLAIN: list[tuple[dict[str, Any], str]] = [
    ({}, "CT"),
    ({"BurnedInAnnotation": "NO"}, "CT"),
    ({"BurnedInAnnotation": ""}, "CT"),
    ({"ImageType": "DERIVED\\PRIMARY\\AXIAL", "Modality": " CT "}, "CT"),
    ({"SOPClassUID": _MR, "Modality": "mr"}, "MR"),
    ({"SOPClassUID": _MR, "Modality": "MR", "ImageType": "ORIGINAL\\PRIMARY\\OTHER"}, "MR"),
    ({"SOPClassUID": _NM, "Modality": "NM", "BitsAllocated": 8, "ImagePositionPatient": None}, "NM"),
    ({"SOPClassUID": _PET, "Modality": "PT"}, "PET"),
    ({"SOPClassUID": f"{_CLASS}66.4", "Modality": "SEG", "BitsAllocated": 1}, "segmentation"),
    ({"SOPClassUID": f"{_CLASS}66.7", "Modality": "SEG", "BitsAllocated": 8}, "segmentation"),
    ({"SOPClassUID": f"{_CLASS}13.1.3", "Modality": "MG", "BitsAllocated": 8}, "tomosynthesis"),
]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("values", "kind"), PLAIN, ids=str)
def test_what_machines_measure(values: dict[str, Any], kind: str, big: bool) -> None:
    """It passes by its kind: nothing is looked at."""
    elements = header(CT | values, big)
    assert (burned_in_risk(elements), clean_by_rule(elements)) == ("", kind)
    assert find(elements, _TAGS["Modality"][0]) is not None


RISKY: list[dict[str, Any]] = [
    *({"BurnedInAnnotation": said} for said in ("YES", "yes", "YES ", "Y", "TRUE", "1", "NO\\YES", "?")),
    *({"Modality": said} for said in (None, "", "us", " US ", "CT\\US", "XX", "OT", "SC", "MR")),
    *({"ImageType": f"ORIGINAL\\PRIMARY\\{said}"} for said in ("LOCALIZER", "POSDISP", "screen save")),
    *({"SeriesDescription": said} for said in ("Dosisbericht", "Patient Protocol", "rapport", "Snapshot 3")),
    {"ImageType": "ORIGINAL\\PRIMARY\\OTHER"},
    *(
        {"SOPClassUID": _MR, "Modality": "MR", "ImageType": said, "ImagePositionPatient": at}
        for said, at in (
            ("DERIVED\\PRIMARY\\OTHER", "0\\0\\1"),
            ("ORIGINAL\\PRIMARY\\OTHER", None),
            ("OTHER", "0\\0\\1"),
        )
    ),
    {"DateOfSecondaryCapture": "20240115"},
    {"SecondaryCaptureDeviceManufacturer": "Screens"},
    *(
        {"SOPClassUID": uid, "Modality": of, "ImagePositionPatient": at}
        for uid, of in ((_CT, "CT"), (_MR, "MR"), (_PET, "PT"))
        for at in (None, "")
    ),
    {"ConversionType": "WSD"},
    {"ConversionType": "WSD", "SOPClassUID": f"{_CLASS}66.4", "Modality": "SEG"},
    {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
    {"SamplesPerPixel": 3, "PhotometricInterpretation": None},
    {"PhotometricInterpretation": "PALETTE COLOR"},
    {"SOPClassUID": _NM, "Modality": "NM", "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
    {"BitsAllocated": 8},
    {"SOPClassUID": _MR, "Modality": "MR", "BitsAllocated": 8},
    {"SOPClassUID": f"{_CLASS}4.3", "Modality": "MR"},
    {"SOPClassUID": f"{_CLASS}7", "Modality": "CT"},
    *({"SOPClassUID": f"{_CLASS}{uid}", "Modality": "CR"} for uid in ("1", "1.1", "1.1.1", "1.3", "1.3.1")),
    *({"SOPClassUID": f"{_CLASS}{uid}", "Modality": "MG"} for uid in ("1.2", "1.2.1", "13.1.4", "13.1.5")),
    *({"SOPClassUID": f"{_CLASS}{uid}", "Modality": "CT"} for uid in ("7.1", "7.4", "77.1.6", "77.1.5.1", "9999", "")),
]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("values", RISKY, ids=str)
def test_what_may_carry_text(values: dict[str, Any], big: bool) -> None:
    """Whatever else of its header looks like a measured image."""
    assert burned_in_risk(header(CT | values, big))


def test_grids_of_uih() -> None:
    """The positions of their slices stand in the items of a private sequence; without one, text is looked for."""
    values = CT | {"SOPClassUID": _MR, "Modality": "MR", "ImagePositionPatient": None}
    place = Element(_TAGS["ImagePositionPatient"][0], "DS", b"0\\0\\12.5")
    for items, risk in (([[place], [place]], False), ([[place], []], True), ([], True)):
        elements = [*header(values), Element(0x00651051, "SQ", items=items)]
        assert bool(burned_in_risk(sorted(elements, key=lambda element: element.tag))) is risk
