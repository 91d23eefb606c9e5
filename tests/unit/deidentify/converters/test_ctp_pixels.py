"""CTP's pixel and filter scripts as filters of a recipe: which images match, and which regions are masked."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import pytest

from sendit.deidentify import RecipeText, compile_plan, deidentify
from sendit.deidentify.converters.conversion import NoEquivalent
from sendit.deidentify.converters.ctp_pixels import (
    from_filter_script,
    from_pixel_script,
    is_filter_script,
    is_pixel_script,
)
from sendit.deidentify.converters.expressions import criteria, parse_expression
from sendit.errors import Misconfigured
from sendit.model import Rejected
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom.dataset import Dataset

    from sendit.deidentify import Plan

SCRIPT = """Regions that were found

GE
 CT Dose Series
  { [0008,103e].containsIgnoreCase("Dose (Report)") }
  (0,0,512,200)

  { [0008,0070].containsIgnoreCase("VITAL") *
    ( [0008,103e].containsIgnoreCase("AAA") + [0008,103e].containsIgnoreCase("Report") ) *
    Rows.equals("1041") }
  (350,0,162,30) (390,80,122,15)

PET
  { [6000,0022].containsIgnoreCase("Object Graphics") }
  (0,0,512,90)

Others
  { Rows.isLessThan("10") }
  (0,0,1,1)

  { Modality.equalsIgnoreCase("ot") }
  (0,0,1)

  { [0019[GE]0c].equals("x") }
  (0,0,1,1)

  { Manufacturer.startsWith("Zon") }
"""


def test_signatures_and_regions() -> None:
    made = from_pixel_script("p.script", SCRIPT)
    assert made.recipe.splitlines()[4:] == [
        "%filter graylist",
        "",
        "LABEL CTP_1_CT_Dose_Series",
        r"  contains SeriesDescription Dose \(Report\)",
        "  ctpcoordinates 0,0,512,200",
        "",
        "%filter graylist",
        "",
        "LABEL CTP_2",
        "  contains Manufacturer VITAL",
        "  + contains SeriesDescription AAA || contains SeriesDescription Report",
        "  + equals Rows 1041",
        "  ctpcoordinates 350,0,162,30",
        "  ctpcoordinates 390,80,122,15",
        "",
        "%filter graylist",
        "",
        "LABEL CTP_3_PET",
        "  contains OverlayDescription Object Graphics",
        "  ctpcoordinates 0,0,512,90",
        "",
        "%filter graylist",
        "",
        "LABEL CTP_7",
        "  contains Manufacturer ^Zon",
    ]
    assert made.options == ("CleanPixelData",)
    plan = compile_plan((), [RecipeText("p.deid", made.recipe)])
    [first, *_] = plan.per_instance.filters if plan.per_instance else ()
    assert first.coordinates[0].corners == (0, 0, 512, 200)
    assert [(n.line, n.subject) for n in made.notes if not n.converted] == [
        (18, "signature 4 (Others)"),
        (21, "signature 5"),
        (24, "signature 6"),
    ]
    assert [n.subject for n in made.notes if "no region" in n.reason and n.converted] == ["signature 7"]


def matches(expression: str, content: Dataset) -> bool:
    """Whether an image matches a label of this expression: as a blacklist it is rejected then."""
    return isinstance(deidentify(file_of(content), rejecting(expression), IDENTITIES), Rejected)


@cache
def rejecting(expression: str) -> Plan:
    lines = "\n".join(criteria(parse_expression(expression)))
    return compile_plan((), [RecipeText("x.deid", f"FORMAT dicom\n%filter blacklist\nLABEL x\n{lines}\n")])


A, B, C = 'Modality.equals("CT")', 'Manufacturer.equals("GE")', 'StationName.contains("x")'
EXPRESSIONS: list[tuple[str, Callable[[bool, bool, bool], bool]]] = [
    ("{A} + {B} * {C}", lambda a, b, c: a or (b and c)),
    ("({A} + {B}) * {C}", lambda a, b, c: (a or b) and c),
    ("{A} * {B} + {C}", lambda a, b, c: (a and b) or c),
    ("!{A} * {B}", lambda a, b, c: not a and b),
    ("!({A} + {B}) + {C}", lambda a, b, c: not (a or b) or c),
    ("!({A} * !{B}) * ({C} + !{A})", lambda a, b, c: not (a and not b) and (c or not a)),
    ("{A} * true. + {B} * false.", lambda a, b, c: a),
    ("{A} // the first\n + {C}", lambda a, b, c: a or c),
]


@pytest.mark.parametrize(("text", "truth"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_precedence(text: str, truth: Callable[[bool, bool, bool], bool]) -> None:
    """All eight cases of three tests, against Python's own logic."""
    expression = text.format(A=A, B=B, C=C)
    for a, b, c in product((True, False), repeat=3):
        content = dataset()
        content.Modality = "CT" if a else "MR"
        content.Manufacturer = "GE" if b else "Philips"
        content.StationName = "axb" if c else "none"
        assert matches(expression, content) is truth(a, b, c), (a, b, c)


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        ('StationName.equals("Room 1")', "Room 1", True),
        ('StationName.equals("Room 1")', "Room 12", False),
        ('!StationName.equals("Room 1")', "room 1", True),  # case counts where that masks more
        ('!StationName.equals("Room 1")', "Room 1", False),
        ('StationName.equalsIgnoreCase("room 1")', "ROOM 1", True),
        ('StationName.contains("a+b")', "xa+bx", True),
        ('StationName.contains("a.b")', "xaxbx", False),
        ('!StationName.containsIgnoreCase("a")', "XAX", False),
        ('StationName.startsWith("Ro")', "Room", True),
        ('StationName.startsWith("oo")', "Room", False),
        ('StationName.endsWithIgnoreCase("OM")', "Room", True),
        ('StationName.matches("R[a-z]+")', "Room", True),
        ('StationName.matches("R[a-z]")', "Room", False),
        ('StationName.equals("")', "", True),
        ('StationName.equals("")', "Room", False),
        ('!StationName.equals("")', "Room", True),
        ('[0008,1010].contains("oo")', "Room", True),
        ('[00081010].contains("oo")', "Room", True),
    ],
)
def test_each_method(test: str, value: str, expected: bool) -> None:
    content = dataset()
    content.StationName = value
    assert matches(test, content) is expected


def test_a_missing_attribute() -> None:
    content = dataset()
    del content.StationName
    assert matches('StationName.equals("")', content)
    assert matches('!StationName.contains("x")', content)
    assert not matches('StationName.contains("x")', content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Modality",
        'Modality.equals("CT") *',
        '(Modality.equals("CT")',
        'Modality.equals("CT"))',
        'Nothing.equals("CT")',
        'Modality.isLessThan("5")',
        '[0019,1001].equals("x")',
        'Modality.matches("[")',
        'Modality.matches(".*")',
        "true.",
        "false.",
        " + ".join(f'(Rows.equals("{n}") * Columns.equals("{n}") * Modality.equals("CT"))' for n in range(9)),
    ],
)
def test_what_no_filter_can_say(text: str) -> None:
    with pytest.raises(NoEquivalent):
        criteria(parse_expression(text))


def test_a_filter_script() -> None:
    """What it does not accept is rejected."""
    text = '// only these\n!(ImageType.contains("SCREEN") + Modality.equals("SR"))\n'
    assert (is_filter_script(text), is_pixel_script(text)) == (True, False)
    made = from_filter_script("f.script", text)
    assert made.whole
    plan = compile_plan((), [RecipeText("f.deid", made.recipe)])
    for modality, rejected in (("SR", True), ("CT", False)):
        content = dataset()
        content.Modality = modality
        assert isinstance(deidentify(file_of(content), plan, IDENTITIES), Rejected) is rejected


def test_what_kind_a_script_is() -> None:
    assert is_pixel_script(SCRIPT)
    anonymizer = '<script><e en="T" t="00080060">@if(this,equals,"a.b"){x.y("z")}{}</e></script>'
    assert not is_pixel_script(anonymizer)
    assert not is_filter_script(anonymizer)
    assert not is_filter_script('set.[0008,0060]Modality=@contents(this,"a.b(\\"")\n')


def test_no_signature() -> None:
    with pytest.raises(Misconfigured):
        from_pixel_script("p.script", "nothing")
