"""What is remembered from one instance to the next changes nothing: outputs and receipts are those of the plain way."""

from __future__ import annotations

import io
import random
import sys
from contextlib import contextmanager
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID

from benchmarks.leaks.generated import objects
from sendit.config.schema import Option
from sendit.deidentify import Plan, compile_plan, deidentify, engine
from sendit.deidentify.leak_check import byte_search
from sendit.deidentify.profile.private import ALL_VENDORS
from sendit.deidentify.pseudonyms import KeyedIdentities
from sendit.model import Released
from tests.unit.deidentify.samples import KEY, VARIED, dataset, file_of, recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.long

_TEXTS = ("Quimby^Zelda", "HEAD", "SIEMENS", "MRN-77123", "T2 AXIAL BRAIN", "Long", "77123456", "seen by Dr Quimby")
_SOP_CLASS = 0x00080016
_RECIPE = recipe(
    "KEEP StationName",
    "REPLACE AccessionNumber var:accession_number",
    "REPLACE StudyDescription var:patient_id",
    "REPLACE ReferencedSOPInstanceUID var:study_instance_uid",
    "ADD ClinicalTrialProtocolID TRIAL1",
    "BLANK SeriesDescription",
)


@cache
def _plans() -> dict[str, Plan]:
    descriptions = (Option.CLEAN_DESCRIPTORS, Option.CLEAN_STRUCTURED_CONTENT, Option.RETAIN_PATIENT_CHARACTERISTICS)
    kept = (Option.RETAIN_LONGITUDINAL_FULL_DATES, Option.RETAIN_UIDS, Option.RETAIN_DEVICE_IDENTITY)
    return {
        "basic": compile_plan([], []),
        "cleaned": compile_plan([*descriptions, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], []),
        "kept": compile_plan([*descriptions, *kept, Option.CLEAN_GRAPHICS], []),
        "vendors": compile_plan([Option.CLEAN_DESCRIPTORS, Option.RETAIN_SAFE_PRIVATE], [], [ALL_VENDORS]),
        "recipe": compile_plan([Option.CLEAN_DESCRIPTORS], [_RECIPE]),
    }


def _uncached(function: Callable[..., object]) -> Callable[..., object]:
    """A function that caches nothing, and can be asked for what it wraps, as the engine does for long values."""

    @wraps(function)
    def plain(*arguments: object, **named: object) -> object:
        return function(*arguments, **named)

    return plain


@contextmanager
def _plainly() -> Iterator[None]:
    """Forget everything that is remembered from one instance to another, and take no shortcut among samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_remembered", lambda *_, **__: None)
        patch.setattr(byte_search, "_MANY", sys.maxsize)
        for name, module in list(sys.modules.items()):
            if name.startswith("sendit.deidentify"):
                for label, value in list(vars(module).items()):
                    if hasattr(value, "cache_info") and value.cache_info().maxsize is not None:
                        patch.setattr(module, label, _uncached(value.__wrapped__))
        yield


def _series(first: Dataset, count: int) -> Iterator[bytes]:
    """The file, and others of its series: with another number, and with values that stand elsewhere in it."""
    chance = random.Random(str(first.SOPClassUID))
    yield file_of(first)
    for number in range(count):
        content = pydicom.dcmread(io.BytesIO(file_of(first)))
        content.SOPInstanceUID = content.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.840.999999.6.{number}")
        for _ in range(4 * number):
            _exchange(content, chance)
        yield file_of(content)


def _exchange(content: Dataset, chance: random.Random) -> None:
    """Give one element the value of another one of its VR, or a text."""
    places = list(_places(content))
    one = chance.choice(places)
    others = [place for place in places if place[2] == one[2]]
    into, tag, vr = one
    source = chance.choice(others)
    into[tag].value = source[0][source[1]].value
    if vr in ("LO", "SH", "PN", "ST", "LT", "UT") and chance.random() < 0.5:
        into[tag].value = chance.choice(_TEXTS)


def _places(content: Dataset) -> Iterator[tuple[Dataset, Any, str]]:
    for element in content:
        if element.VR == "SQ":
            for item in element.value:
                yield from _places(item)
        elif element.VR not in ("OB", "OW", "UN") and element.tag != _SOP_CLASS:
            yield content, element.tag, element.VR


def _outcome(source: bytes, plan: Plan) -> tuple[object, ...]:
    outcome = deidentify(source, plan, KeyedIdentities(KEY))
    if isinstance(outcome, Released):
        return b"".join(outcome.chunks), outcome.receipt, outcome.crosswalk_entry
    return (outcome,)


def _check(sources: list[bytes]) -> None:
    """Compare each with the plain way: seen for the first time, and when all of it has been seen."""
    for name, plan in _plans().items():
        twice = [[_outcome(source, plan) for source in sources] for _ in range(2)]
        with _plainly():
            plain = [_outcome(source, plan) for source in sources]
        assert twice == [plain, plain], name


@pytest.mark.parametrize("name", ["MR_small.dcm", "reportsi.dcm", "rtplan.dcm"])
def test_nothing_changes(name: str) -> None:
    """Headers, content trees, and implicit VR."""
    _check(list(_series(dataset(name), 3)))


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIED)
def test_nothing_changes_in_other_files(name: str) -> None:
    """Many kinds of files, and more variants of each."""
    _check(list(_series(dataset(name), 8)))


@pytest.mark.slow
@pytest.mark.parametrize("made", [made for _, made in objects()], ids=[name for name, _ in objects()])
def test_nothing_changes_in_made_objects(made: Dataset) -> None:
    """Objects that pydicom's files have none of: ultrasound, segmentations, enhanced images, waveforms."""
    _check(list(_series(made, 4)))


def _coded(scheme: str, value: str) -> bytes:
    """An image whose procedure has this code, with the patient's name in place of the code's meaning."""
    content = dataset("MR_small.dcm")
    content.PatientName = "Quimbyx^Zelda"
    code, same = Dataset(), Dataset()
    same.CodeValue, same.CodingSchemeDesignator, same.CodeMeaning = "113100", "DCM", "Basic"
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, "Quimbyx"
    code.EquivalentCodeSequence = [same]  # an item that is not remembered as a whole
    content.ProcedureCodeSequence = [code]
    return file_of(content)


def test_what_depends_on_its_neighbours_is_not_remembered() -> None:
    """The standard's meaning stands in for a meaning that goes: that of the code beside it."""
    one, other = _coded("DCM", "121327"), _coded("DCM", "121322")
    plan = _plans()["cleaned"]
    meanings = [_released_meaning(source, plan) for source in (one, other, one)]
    assert meanings[0] == meanings[2] != meanings[1]
    _check([one, other])


def _released_meaning(source: bytes, plan: Plan) -> str:
    outcome = deidentify(source, plan, KeyedIdentities(KEY))
    assert isinstance(outcome, Released), outcome
    return str(pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks))).ProcedureCodeSequence[0].CodeMeaning)


def test_what_a_recipe_takes_from_the_instance_is_not_remembered() -> None:
    """Two series of one study with the same description, which a recipe replaces by what differs."""
    plan = compile_plan([], [recipe("REPLACE StudyDescription var:series_instance_uid")])
    written = []
    for number in ("1.2.840.999999.8.1", "1.2.840.999999.8.2"):
        content = dataset("MR_small.dcm")
        content.StudyDescription, content.SeriesInstanceUID = "Head", number
        outcome = deidentify(file_of(content), plan, KeyedIdentities(KEY))
        assert isinstance(outcome, Released), outcome
        written.append(pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks))).StudyDescription)
    assert written[0] != written[1]
