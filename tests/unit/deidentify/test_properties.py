"""Whatever arrives, the answer is Released, Rejected or Quarantined with a reason: never an exception, never a hang."""

from __future__ import annotations

import contextlib
import io
import string
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset

from benchmarks.leaks.corpus import lenient
from sendit.deidentify import RecipeText, compile_plan, deidentify
from sendit.errors import Misconfigured
from sendit.model import Outcome, Quarantined, Released
from tests.unit.deidentify.samples import IDENTITIES, VARIED, dataset, file_of, plan, sample

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::UserWarning"),
]  # pydicom's, of the values that are wrong on purpose

_SHORT = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
_LONG = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))

_ATTRIBUTES = [
    (tag, vr)
    for tag, (vr, _, _, retired, _) in DicomDictionary.items()
    if 0x0008 <= tag >> 16 < 0x7FE0 and " " not in vr and vr != "NONE" and not retired
]
_LETTERS = string.ascii_letters + string.digits + " ^\\=/-_.äöéЖ東"
_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")


def _value(vr: str) -> st.SearchStrategy[object]:
    """Values that pydicom can write; they need not follow the rules of the VR."""
    if vr in ("US", "UL", "UV"):
        return st.integers(0, 0xFFFF)
    if vr in ("SS", "SL", "SV"):
        return st.integers(-0x8000, 0x7FFF)
    if vr in ("FL", "FD"):
        return st.floats(allow_nan=False, allow_infinity=False, width=32)
    if vr in ("DS", "IS"):
        return st.integers(-(10**9), 10**9).map(str)
    if vr == "AT":
        return st.integers(0, 0xFFFFFFFF)
    if vr in ("OB", "OW", "OF", "OD", "OL", "OV", "UN"):
        return st.binary(max_size=24).map(lambda raw: raw + bytes(-len(raw) % 8))
    if vr == "UI":
        return st.from_regex(r"[0-9.]{0,30}", fullmatch=True)
    ascii_only = vr in ("AE", "AS", "CS", "DA", "DT", "TM", "UR")
    return st.text(_LETTERS[:-6] if ascii_only else _LETTERS, max_size=40)


#: Made once: it checks that all of the thousands can be compared.
_CHOSEN = st.lists(st.sampled_from(_ATTRIBUTES), max_size=8)


@st.composite
def _datasets(draw: Callable[[st.SearchStrategy[Any]], Any], depth: int = 0) -> Dataset:
    """Some attributes of the standard, some private ones, sequences up to three deep."""
    made = Dataset()
    for tag, vr in draw(_CHOSEN):
        if vr != "SQ":
            made.add_new(tag, vr, draw(_value(vr)))
        elif depth < 3:
            made.add_new(tag, vr, draw(st.lists(_datasets(depth=depth + 1), max_size=2)))
    if draw(st.booleans()):
        block = made.private_block(0x0011, draw(st.text(string.ascii_letters, min_size=1, max_size=12)), create=True)
        block.add_new(1, "LO", draw(_value("LO")))
        block.add_new(2, "UN", draw(_value("UN")))
    return made


def _sound(outcome: Outcome, source: bytes) -> None:
    """One of the three answers; what is released can be read to its end, and de-identified again."""
    if not isinstance(outcome, Released):
        assert outcome.reason
        assert not (isinstance(outcome, Quarantined) and "fault of SendIt" in outcome.reason), outcome.reason
        return
    content = b"".join(outcome.chunks)
    assert len(content) == outcome.receipt.output_size
    with lenient():
        after = pydicom.dcmread(io.BytesIO(content))
        assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID == outcome.receipt.sop_instance_uid
        assert after.PatientIdentityRemoved == "YES"
        for _ in after.iterall():  # every value can be decoded
            pass
    again = deidentify(content, plan(), IDENTITIES)
    assert isinstance(again, Released), again
    assert b"".join(deidentify(source, plan(), IDENTITIES).chunks) == content  # type: ignore[union-attr]


def _random_dataset(extra: Dataset, syntax: str) -> None:
    whole = dataset("reportsi.dcm")
    for tag in list(whole.keys()):
        if tag not in (0x00080016, 0x00080018, 0x0020000D, 0x0020000E):
            del whole[tag]
    for element in extra:
        if element.tag not in (0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00080005):
            whole.add(element)
    whole.SpecificCharacterSet = "ISO_IR 192"
    whole.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    made = pydicom.FileDataset("", whole, preamble=b"\0" * 128, file_meta=whole.file_meta)
    with lenient():
        source = file_of(made)
    _sound(deidentify(source, plan(), IDENTITIES), source)


def _damaged(name: str, changes: list[tuple[float, int]], cut: float) -> None:
    source = bytearray(sample(name))
    head = len(source) if len(source) < 20_000 else 20_000  # behind it there are pixels only
    for place, byte in changes:
        source[132 + int(place * (head - 133))] = byte
    del source[132 + int(cut * (len(source) - 132)) :]
    outcome = deidentify(bytes(source), plan(), IDENTITIES)
    assert isinstance(outcome, Released) or outcome.reason
    assert not (isinstance(outcome, Quarantined) and "fault of SendIt" in outcome.reason), outcome.reason


def _recipe(text: str) -> None:
    with contextlib.suppress(Misconfigured):
        compile_plan([], [RecipeText("site.deid", text)])


_CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6)
_CUT = st.one_of(st.just(1.0), st.floats(0, 1))
_VOCABULARY = """FORMAT dicom %header %filter %fields %values %labels ADD BLANK JITTER KEEP REPLACE REMOVE ALL
    startswith: endswith: contains: except: allfields select: PatientID PatientName StudyDate (0010,0010) 00100020
    (0009,"X",01) var: func: var:patient_id func:uid func:shift_date re: values: fields: 5 -364 [ ( * ) ] # +"""
_WORDS = st.sampled_from(_VOCABULARY.split())
_LINE = st.lists(st.one_of(_WORDS, st.text(max_size=8)), max_size=5).map(" ".join)
_LINES = st.lists(_LINE, max_size=6).map("\n".join)
_RECIPES = st.one_of(_LINES, _LINES.map(lambda lines: f"FORMAT dicom\n%header\n{lines}\n"))


@_SHORT
@given(_datasets(), st.sampled_from(_SYNTAXES))
def test_random_datasets(extra: Dataset, syntax: str) -> None:
    """Any attributes, values, depth and plain transfer syntax; the output is sound, and the same every time."""
    _random_dataset(extra, syntax)


@_SHORT
@given(st.sampled_from(VARIED), _CHANGES, _CUT)
def test_damaged_files(name: str, changes: list[tuple[float, int]], cut: float) -> None:
    """Real files with bytes changed, and cut."""
    _damaged(name, changes, cut)


@_SHORT
@given(_RECIPES)
def test_random_recipes(text: str) -> None:
    """A recipe compiles or is refused with a reason."""
    _recipe(text)


@_SHORT
@given(st.binary(max_size=400))
def test_noise(content: bytes) -> None:
    """Bytes that are no DICOM, and some behind a true beginning."""
    for source in (content, b"\0" * 128 + b"DICM" + content, sample("rtplan.dcm")[:400] + content):
        outcome = deidentify(source, plan(), IDENTITIES)
        assert isinstance(outcome, Released) or outcome.reason


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_random_datasets() -> None:
    """The same, for long and not the same every time."""
    _LONG(given(_datasets(), st.sampled_from(_SYNTAXES))(_random_dataset))()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_damaged_files() -> None:
    """The same, for long and not the same every time."""
    _LONG(given(st.sampled_from(VARIED), _CHANGES, _CUT)(_damaged))()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_random_recipes() -> None:
    """The same, for long and not the same every time."""
    _LONG(given(_RECIPES)(_recipe))()
