"""DicomModalities in every form that Orthanc accepts, and what is told of one that it would not."""

from __future__ import annotations

from typing import Any

import pytest

from sendit.config.orthanc import DicomNetwork, Modality
from sendit.config.schema import load
from sendit.errors import Misconfigured


def _read(entry: Any, **document: Any) -> Modality:
    return DicomNetwork({"DicomModalities": {"pacs": entry}, **document}).modality("pacs")


@pytest.mark.parametrize(
    "entry",
    [
        ["PACS", "host", 104],
        ["PACS", "host", "104"],
        ["PACS", "host", 104, "GenericNoWildcardInDates"],
        {"AET": "PACS", "Host": "host", "Port": 104},
        {"AET": "PACS", "Host": "host", "Port": "104", "Manufacturer": "Generic", "AllowEcho": True, "Other": 1},
    ],
)
def test_each_form(entry: Any) -> None:
    """The lists and the object; other keys are Orthanc's affair."""
    assert _read(entry) == Modality("pacs", "PACS", "host", 104, "ORTHANC")


def test_what_stands_beside_it() -> None:
    """Our own title and the time limit: of the modality, else of Orthanc."""
    entry = {"AET": "PACS", "Host": "host", "Port": 104}
    assert _read(entry, DicomAet="SENDIT", DicomScuTimeout=7) == Modality(
        "pacs", "PACS", "host", 104, "SENDIT", timeout=7
    )
    own = {**entry, "LocalAet": "OTHER", "Timeout": 3, "UseDicomTls": True, "AllowTranscoding": False}
    assert _read(own, DicomAet="SENDIT") == Modality("pacs", "PACS", "host", 104, "OTHER", True, 3, False)
    assert _read({**entry, "Timeout": 0}, DicomScuTimeout=0).timeout == 10


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("PACS", ""),
        (["PACS", "host"], ""),
        (["PACS", "host", 104, "Generic", "more"], ""),
        (["PACS", "host", 0], ".Port"),
        (["PACS", "host", 70000], ".Port"),
        (["PACS", "host", "many"], ".Port"),
        (["PACS", 1, 104], ".Host"),
        (["", "host", 104], ".AET"),
        (["A_TITLE_THAT_IS_TOO_LONG", "host", 104], ".AET"),
        ({"AET": "PACS", "Port": 104}, ".Host"),
        ({"Aet": "PACS", "Host": "host", "Port": 104}, ".Aet"),
        ({"AET": "PACS", "Host": "host", "Port": 104, "UseDicomTls": "yes"}, ".UseDicomTls"),
    ],
)
def test_what_is_none(entry: Any, place: str) -> None:
    """Told with its place in orthanc.json."""
    with pytest.raises(Misconfigured) as caught:
        _read(entry)
    assert caught.value.place == f"DicomModalities.pacs{place}"


def _document(**more: Any) -> dict[str, Any]:
    return {"SendIt": {"Destinations": {"out": {"Type": "DicomModality", "Modality": "pacs"}}}, **more}


def test_names_that_point_nowhere() -> None:
    """A modality that is not there, or in Orthanc's database; entries that nobody names are not looked at."""
    with pytest.raises(Misconfigured, match="Known: other") as caught:
        load(_document(DicomModalities={"other": "nonsense"}))
    assert caught.value.place == "SendIt.Destinations.out.Modality"
    with pytest.raises(Misconfigured, match="Orthanc's database"):
        load(_document(DicomModalitiesInDatabase=True))
    with pytest.raises(Misconfigured) as caught:
        load(_document(DicomModalities={"pacs": "nonsense"}))
    assert caught.value.place == "DicomModalities.pacs"
    load(_document(DicomModalities={"pacs": ["PACS", "host", 104], "other": "nonsense"}))
