"""Names with digits in them: cleaner and leak check take the same words, so that none holds a study, and none stays."""

from __future__ import annotations

import io
from itertools import product

import pydicom
import pytest

from benchmarks import encodings as benchmark
from sendit.config.schema import Option
from sendit.deidentify import Plan, compile_plan, deidentify
from sendit.deidentify.dicom.reader import read_file
from sendit.model import Released
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of

pytestmark = pytest.mark.long

NAMES = [
    "Phantom1",
    "Head2^Test",
    "User2",
    "T1^Brain",
    "MR1^Subject03",
    "Smith2^John",
    "QA3T^Phantom",
    "Test01",
    "PAT0017^Anon",
    "Axial3^T2W",
    "3T^Volunteer",
    "O'Brien2^Jo-Ann",
    "Müller3^Jörg",
    "de la Cruz^Ana 2",
    "7741905",
    "Mueller^Uwe",
    "Weiss^Jo",
    "Đặng^Mỹ",
    "조^민수",
    "고^하늘",
    "中心太郎",
]
FORMS = ["{0}", "T1 {0}", "{0} axial", "seen {1}", "CT_{0}_5", "({1})", "{2}", "Head/{1}+{0}"]


def cleaning() -> Plan:
    """The options that clean text."""
    return compile_plan([Option.CLEAN_DESCRIPTORS, Option.CLEAN_STRUCTURED_CONTENT, Option.CLEAN_GRAPHICS], [])


def texts(name: str) -> list[str]:
    """The name as people write it: joined in several ways, in both orders, in capitals."""
    parts = name.split("^")
    joined = {gap.join(order) for gap in (" ", "", ", ", "_", "^", "/", ". ") for order in (parts, parts[::-1])}
    return sorted(joined | {one.upper() for one in joined} | {one.lower() for one in joined})


def file_with(name: str, values: list[str], attributes: list[tuple[int, str]]) -> bytes:
    """A report with a text in each of these attributes."""
    elements = dict(benchmark._FIXED) | {0x00080005: ("CS", b"ISO_IR 192"), 0x00100010: ("PN", name.encode())}
    for value, (tag, vr) in zip(values, attributes, strict=False):
        elements[tag] = (vr, value.encode())
    return benchmark.written(dict(elements))


@pytest.mark.parametrize("name", NAMES)
def test_no_text_with_the_name_holds_the_instance(name: str) -> None:
    """Whatever stands around it; and the whole name is in none that leaves."""
    parts = name.split("^")
    written = texts(name)
    values = [form.format(text, parts[0], parts[-1]) for form, text in product(FORMS, written)]
    attributes = benchmark.kept_texts(cleaning())
    for start in range(0, len(values), len(attributes)):
        outcome = deidentify(file_with(name, values[start:], attributes), cleaning(), IDENTITIES)
        assert isinstance(outcome, Released), outcome
        after = [
            value.decode("utf-8")
            for value in benchmark._values(read_file(memoryview(b"".join(outcome.chunks))).elements)
        ]
        whole = [one for one in written if len(one) > 5]
        assert not [value for value in after if any(one in value for one in whole)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("T1^Brain", "T1 axial"),
        ("T1^Brain", "Brain T2"),
        ("MR1^Subject03", "MR1"),
        ("Head2^Test", "Head"),
        ("3T^Volunteer", "3T"),
    ],
)
def test_words_of_technique_stay(name: str, text: str) -> None:
    """A single part of such a name is no name."""
    before = dataset()
    before.PatientName, before.SeriesDescription = name, text
    outcome = deidentify(file_of(before), cleaning(), IDENTITIES)
    assert isinstance(outcome, Released), outcome
    assert pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks))).SeriesDescription == text
