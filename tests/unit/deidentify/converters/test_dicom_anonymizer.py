"""The rules of dicom-anonymizer as a recipe."""

from __future__ import annotations

import json

import pytest

from sendit.deidentify import FunctionsText, RecipeText, compile_plan
from sendit.deidentify.converters.dicom_anonymizer import from_dicom_anonymizer
from sendit.errors import Misconfigured
from tests.unit.deidentify.samples import IDENTITIES, dataset, output, sample


def test_each_action() -> None:
    rules = {
        "(0x0010, 0x0040)": "keep",
        "(0x0008, 0x0070)": "delete",
        "(0x0008, 0x1090)": "empty",
        "(0x0008, 0x0018)": "replace_UID",
        "(0x0008, 0x1030)": "replace",
        "(0x0008, 0x0020)": "delete_or_replace",
        "(0x0008, 0x0060)": "empty_or_replace",
        "(0x0018, 0x0060)": "replace",
        "(0x0020, 0x0052)": "deleteOrEmptyOrReplaceUID",
        "(0x0009, 0x1001)": "delete",
    }
    made = from_dicom_anonymizer("rules.json", json.dumps(rules, indent=1))
    assert made.whole, made.notes
    before, done = dataset(), output(sample(), compile_plan((), [RecipeText("r", made.recipe)]))
    assert done.PatientSex == before.PatientSex
    assert "Manufacturer" not in done
    assert done.ManufacturerModelName == ""
    assert done.SOPInstanceUID == IDENTITIES.uid(before.SOPInstanceUID)
    assert done.FrameOfReferenceUID == IDENTITIES.uid(before.FrameOfReferenceUID)
    assert done.StudyDate == "19000101"
    assert done.Modality == "ANONYMIZED"
    assert [(note.line, note.subject) for note in made.notes] == [
        (5, "SOPInstanceUID"),
        (7, "StudyDate"),
        (9, "KVP"),
        (10, "FrameOfReferenceUID"),
    ]


def test_what_has_no_equivalent() -> None:
    rules = {
        "(0x0008, 0x1030)": {"action": "regexp", "find": "a", "replace": "b"},
        "(0x0008, 0x1032)": {"action": "regexp"},
        "(0x0008, 0x103e)": "myFunction",
        "(0x0009, 0x1001)": "keep",
        "(0x6000, 0x3000, 0xff00, 0xffff)": "delete",
        "__import__('os').getcwd()": "keep",
        "(0x0008, 0x0016)": "delete",
    }
    made = from_dicom_anonymizer("rules.json", json.dumps(rules))
    assert len([note for note in made.notes if not note.converted]) == len(rules)


def test_actions_with_options() -> None:
    rules = {
        "(0x0008, 0x1030)": {"action": "regexp", "find": "e\\+(.)", "replace": "<\\1>"},
        "(0x0008, 0x0080)": {"action": "replace_with_value", "value": "Site 7"},
        "(0x0008, 0x1010)": {"action": "regexp", "find": "(", "replace": ""},
        "(0x0010, 0x4000)": {"action": "regexp", "find": "a", "replace": "\\3"},
    }
    made = from_dicom_anonymizer("rules.json", json.dumps(rules), functions=True)
    assert [note.subject for note in made.notes if not note.converted] == ["(0x0008, 0x1010)", "(0x0010, 0x4000)"]
    texts = [RecipeText("r", made.recipe), FunctionsText("f", made.functions)]
    done = output(sample(), compile_plan((), texts))
    assert dataset().StudyDescription == "e+1"
    assert (done.StudyDescription, done.InstitutionName) == ("<1>", "Site 7")


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_what_is_no_file_of_rules(text: str) -> None:
    with pytest.raises(Misconfigured):
        from_dicom_anonymizer("rules.json", text)
