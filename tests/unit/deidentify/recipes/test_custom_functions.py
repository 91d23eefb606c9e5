"""A project's Python file: its functions and variables in a recipe, and that it fails closed."""

from __future__ import annotations

import pytest

from sendit.deidentify import FunctionsText, Plan, compile_plan, deidentify
from sendit.errors import Misconfigured
from sendit.model import Quarantined
from tests.unit.deidentify.samples import IDENTITIES, dataset, output, recipe, sample

FILE = """
import re
site = "Site 4"
back = -10
_secret = "x"

def initials(item, value, field, dicom):
    return "".join(part[0] for part in re.split(",|[|^]", str(field.element.value)) if part)

def code(item, value, field, dicom):
    return f"{item['site']} {item['patient_id']} {dicom.Modality} {value} {field.name}"

def where(item, value, field, dicom):
    return field.name

def is_axial(item, value, field, dicom):
    return "AXIAL" in dicom.ImageType

def is_long(item, value, field, dicom):
    return len(str(field.element.value)) > 6

def by_age(item, value, field, dicom):
    return -7

def fails(item, value, field, dicom):
    raise ValueError(str(dicom.PatientName))

def leaves(item, value, field, dicom):
    raise SystemExit(str(dicom.PatientName))

def nothing(item, value, field, dicom):
    print(dicom.PatientName)

def number(item, value, field, dicom):
    return 5

def long_text(item, value, field, dicom):
    return "x" * 200
"""


def with_functions(*lines: str, text: str = FILE) -> Plan:
    return compile_plan([], [recipe(*lines), FunctionsText("site.py", text)])


def test_values_of_functions_and_variables() -> None:
    """A function sees element, dataset and coded values; variables are the file's texts and numbers."""
    after = output(
        sample(),
        with_functions(
            "REPLACE PatientName func:initials",
            "ADD PatientComments func:code",
            "REPLACE InstitutionName var:site",
            "JITTER StudyDate var:back",
            "JITTER SeriesDate func:by_age",
        ),
    )
    assert after.PatientName == "CC"
    assert after.PatientComments == f"Site 4 {after.PatientID} CT func:code PatientComments"
    assert after.InstitutionName == "Site 4"
    assert (after.StudyDate, after.SeriesDate) == ("20040109", "19970423")


def test_nested_elements() -> None:
    """A function is called for each element, where it stands."""
    after = output(
        sample(),
        with_functions("KEEP OtherPatientIDsSequence", "REPLACE OtherPatientIDsSequence__PatientID func:where"),
    )
    assert after.OtherPatientIDsSequence[0].PatientID == "OtherPatientIDsSequence__PatientID"


def test_conditions_of_remove() -> None:
    """An element goes if the function says so; else the next rule decides."""
    by = with_functions("REMOVE Modality func:is_axial", "REMOVE contains:^Manufacturer func:is_long")
    after = output(sample(), by)
    assert "Modality" not in after
    assert "Manufacturer" not in after
    assert len(dataset().Manufacturer) > 6
    assert output(sample("MR_small.dcm"), with_functions("REMOVE Modality func:is_long")).Modality == "MR"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("REPLACE PatientName func:fails", "fails failed (ValueError)"),
        ("REPLACE PatientName func:leaves", "leaves failed (SystemExit)"),
        ("REPLACE PatientName func:nothing", "nothing returned not text but NoneType"),
        ("REPLACE PatientName func:number", "number returned not text but int"),
        ("REPLACE StationName func:long_text", "long_text returned a value that does not fit VR SH"),
        ("REMOVE PatientName func:number", "number returned neither True nor False but int"),
        ("JITTER StudyDate func:initials", "initials returned no number of days"),
        ("ADD PatientComments func:initials", "initials failed (AttributeError)"),
    ],
)
def test_a_failing_function_quarantines(line: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is skipped; neither the reason nor the output of the process holds a value."""
    outcome = deidentify(sample(), with_functions(line), IDENTITIES)
    assert outcome == Quarantined(f"the project's function {reason}", outcome_digest(outcome))
    assert "CompressedSamples" not in "".join(capfd.readouterr())


def outcome_digest(outcome: object) -> str:
    assert isinstance(outcome, Quarantined), outcome
    return outcome.input_sha256


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("def f(:\n", 1, "cannot be run (SyntaxError)"),
        ("x = 1\nimport no_such_module\n", 2, "cannot be run (ModuleNotFoundError)"),
        ("\n\nraise SystemExit\n", 3, "cannot be run (SystemExit)"),
        ("\ndef f(x):\n    return x\n", 2, "f does not take the arguments that deid passes"),
        ("def uid(item, value, field, dicom):\n    return ''\n", 1, "func:uid is SendIt's own"),
        ("patient_id = 'x'\n", 1, "var:patient_id is SendIt's own"),
    ],
)
def test_a_file_that_cannot_be_used_stops_sendit(text: str, line: int, problem: str) -> None:
    """At load, with name and line."""
    with pytest.raises(Misconfigured) as caught:
        with_functions("KEEP Modality", text=text)
    assert problem in caught.value.problem
    assert caught.value.place == f"functions site.py, line {line}"


def test_private_names_and_unknown_ones_are_no_values() -> None:
    """Names that begin with _ are the file's own."""
    for line in ("REPLACE StationName var:_secret", "REPLACE StationName func:initial"):
        with pytest.raises(Misconfigured, match="there is no"):
            with_functions(line)


def test_the_file_is_part_of_the_plan() -> None:
    """Another text, another digest: what was done can be told from the receipt."""
    line = "REPLACE PatientName func:initials"
    assert with_functions(line).digest != with_functions(line, text=FILE + "\n# changed").digest
