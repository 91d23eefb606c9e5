"""The rows that reviewers see of a header: before, after, what happened, and which rule decided."""

from __future__ import annotations

import io
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from sendit.deidentify import KeyedIdentities, RecipeText, compile_plan, deidentify
from sendit.deidentify.explain import Row, compare, explain
from sendit.deidentify.options import PRESETS, Option
from sendit.model import Quarantined, Released
from tests.dicom import PLANTED_NAME, StudyMaker, written

IDENTITIES = KeyedIdentities(bytes(32))


def changed(**values: Any) -> bytes:
    dataset = dcmread(io.BytesIO(StudyMaker().instance()))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    block = dataset.private_block(0x0029, "ACME 1.1", create=True)
    block.add_new(0x10, "LO", "written by ACME")
    return written(dataset)


def rows_of(file: bytes, longest: int = 64, options: tuple[Option, ...] = (), recipe: str = "") -> dict[str, Row]:
    recipes = [RecipeText("irb.deid", recipe)] if recipe else []
    plan = compile_plan(options, recipes)
    outcome = deidentify(file, plan, IDENTITIES)
    assert isinstance(outcome, Released), outcome
    rows = compare(file, b"".join(outcome.chunks), plan, IDENTITIES, outcome.receipt.pixels, longest)
    return {row.name if row.name != "private" else row.tag: row for row in rows}


def test_numbers_in_words_and_lengths() -> None:
    """Binary numbers as numbers; how long a value is that was cut; who reserved a private block."""
    rows = rows_of(changed(ImageComments="x" * 300), longest=40)
    assert (rows["Rows"].before, rows["Rows"].after, rows["Rows"].before_length) == ("64", "64", 2)
    comment = rows["ImageComments"]
    assert (len(comment.before), comment.before[-1], comment.before_length) == (40, "…", 300)
    assert (comment.happens, comment.after, comment.after_length) == ("removed", "", None)
    private = rows["(0029,1010)"]
    assert (private.creator, private.before, private.happens, private.vr) == (
        "ACME 1.1", "written by ACME", "removed", "LO",
    )  # fmt: skip
    assert rows["PatientName"].before == PLANTED_NAME


def test_the_rule_that_decided() -> None:
    """The table, an option, or the line of a recipe."""
    rows = rows_of(changed(), options=PRESETS["Research"][1:], recipe="FORMAT dicom\n%header\nADD StudyID 7\n")
    assert rows["StudyDate"].decided == "PS3.15 Table E.1-1, RetainLongitudinalModifiedDates"
    assert rows["StudyID"].decided == "recipe irb.deid, line 3"
    assert rows["AccessionNumber"].decided == "PS3.15 Table E.1-1, Basic Profile"


def test_items_of_sequences_are_deeper() -> None:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    rows = rows_of(changed(ReferencedImageSequence=Sequence([item])))
    sequence, inner = rows["ReferencedImageSequence"], rows["ReferencedSOPInstanceUID"]
    assert (sequence.depth, sequence.before, sequence.before_length) == (0, "1 items", 1)
    assert (inner.depth, inner.tag, inner.happens) == (1, "> (0008,1155)", "replaced")


def test_without_an_output_rows_tell_the_plan() -> None:
    """Of an instance that is held: nothing is said to have happened."""
    item = Dataset()
    item.PatientID = "77"
    file = changed(OtherPatientIDsSequence=Sequence([item]))
    plan = compile_plan((Option.CLEAN_PIXEL_DATA,), [])
    rows = {row.name: row for row in compare(file, None, plan, IDENTITIES, {})}
    assert rows["PatientName"].happens == "would be replaced"
    assert rows["Rows"].happens == "would be kept"
    assert rows["OtherPatientIDsSequence"].happens == "would be removed"
    assert {row.after for row in rows.values()} == {""}
    inner = [row for row in compare(file, None, plan, IDENTITIES, {}) if row.depth == 1]
    assert [row.happens for row in inner] == ["would be removed"]
    assert inner[0].decided == "goes with (0010,1002)"


def test_explain_tells_why_not() -> None:
    """What would be held is returned as such."""
    found = explain(
        changed(Modality="US", SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1"),
        compile_plan((Option.CLEAN_PIXEL_DATA,), []),
        IDENTITIES,
    )
    assert isinstance(found, Quarantined)
