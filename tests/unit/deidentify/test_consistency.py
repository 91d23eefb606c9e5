"""Codes hold together across instances, studies and processes, and nobody without the key can make them."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import sys
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pydicom
import pytest

from sendit.config.schema import Option
from sendit.deidentify import KeyedIdentities, Plan, compile_plan, deidentify
from sendit.model import Released
from tests.dicom import Person, StudyMaker
from tests.unit.deidentify.samples import IDENTITIES, VARIED, sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset, FileDataset

pytestmark = pytest.mark.long

_OTHER = KeyedIdentities(bytes(range(1, 33)))
_CT = "1.2.840.10008.5.1.4.1.1.2"


@cache
def _dated() -> Plan:
    return compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], [])


def _out(source: bytes, identities: KeyedIdentities = IDENTITIES) -> FileDataset:
    outcome = deidentify(source, _dated(), identities)
    assert isinstance(outcome, Released), outcome
    return pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks)))


def _two_studies() -> list[bytes]:
    """Two studies of one patient; each instance of the second refers to an instance of the first."""
    first = StudyMaker(study_date="20230110")
    uids = [f"1.2.826.0.1.3680043.8.498.77.{number}" for number in range(6)]
    originals = [first.instance(number + 1, uid) for number, uid in enumerate(uids)]
    for number, uid in enumerate(uids):
        second = StudyMaker(study_date="20240307", study_uid="1.2.826.0.1.3680043.8.498.78", refers_to=(_CT, uid))
        originals.append(second.instance(number + 1))
    return originals


def _uids(dataset: Dataset) -> Iterator[str]:
    for element in dataset.iterall():
        if element.VR == "UI":
            yield from [element.value] if isinstance(element.value, str) else element.value


def test_every_reference_leads_where_it_led() -> None:
    """Across instances and studies: what an original refers to, its output refers to."""
    originals = _two_studies()
    outputs = [_out(original) for original in originals]
    made = {output.SOPInstanceUID for output in outputs}
    references = [
        item.ReferencedSOPInstanceUID for output in outputs for item in output.get("ReferencedImageSequence", [])
    ]
    assert len(references) == 6
    assert set(references) == {output.SOPInstanceUID for output in outputs[:6]}
    assert set(references) <= made
    for original, output in zip(originals, outputs, strict=True):
        before = pydicom.dcmread(io.BytesIO(original))
        assert output.StudyInstanceUID == IDENTITIES.uid(before.StudyInstanceUID)
        assert output.SeriesInstanceUID == IDENTITIES.uid(before.SeriesInstanceUID)
    assert len({output.PatientID for output in outputs}) == 1
    assert len({output.StudyInstanceUID for output in outputs}) == 2


def test_intervals_are_exact() -> None:
    """420 days and a weekday apart before, 420 days and the same weekday after; in every instance."""
    outputs = [_out(original) for original in _two_studies()]
    days = sorted({date.fromisoformat(output.StudyDate) for output in outputs})
    assert (days[1] - days[0]).days == (date(2024, 3, 7) - date(2023, 1, 10)).days
    assert days[0].weekday() == date(2023, 1, 10).weekday()
    for output in outputs:
        assert output.SeriesDate == output.AcquisitionDate == output.ContentDate == output.StudyDate


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    """Another process, with another hash seed, gives the same bytes."""
    for number, original in enumerate(_two_studies()[4:8]):
        (tmp_path / f"{number}.dcm").write_bytes(original)
    code = (
        "import hashlib, pathlib, sys\n"
        "from sendit.deidentify import KeyedIdentities, compile_plan, deidentify\n"
        "from sendit.config.schema import Option\n"
        "plan = compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], [])\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    print(deidentify(path.read_bytes(), plan, KeyedIdentities(bytes(range(32)))).receipt.output_sha256)\n"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = ""
    for path in sorted(tmp_path.iterdir()):
        outcome = deidentify(path.read_bytes(), _dated(), IDENTITIES)
        assert isinstance(outcome, Released)
        here += f"{outcome.receipt.output_sha256}\n"
    assert runs == {here}


@pytest.mark.parametrize("name", VARIED)
def test_uids_are_valid_and_the_meta_information_agrees(name: str) -> None:
    """At most 64 characters, digits without leading zeros; file meta information and dataset say the same."""
    output = _out(sample(name))
    assert all(pydicom.uid.UID(uid).is_valid for uid in _uids(output) if uid)
    assert output.file_meta.MediaStorageSOPInstanceUID == output.SOPInstanceUID
    assert output.file_meta.MediaStorageSOPClassUID == output.SOPClassUID


def test_another_key_gives_other_codes() -> None:
    """UIDs, pseudonyms and dates: what one project's key makes says nothing about another's."""
    original = _two_studies()[7]
    one, other = _out(original), _out(original, _OTHER)
    coded = [uid for uid in _uids(one) if uid.startswith("2.25.")]
    assert len(coded) >= 5
    assert not set(coded) & set(_uids(other))
    for keyword in ("PatientID", "PatientName", "AccessionNumber"):
        assert one[keyword].value != other[keyword].value
    # Of 469 offsets two keys may share one for a patient: but not for all of ten.
    moved = [
        [_out(StudyMaker(person=Person(patient_id=f"P{number}")).instance(), key).StudyDate for number in range(10)]
        for key in (IDENTITIES, _OTHER)
    ]
    assert moved[0] != moved[1]
    assert len(set(moved[0])) > 5


def test_codes_are_no_hash_of_the_original() -> None:
    """A list of record numbers, hashed without the key, meets no pseudonym and no UID."""

    output = _out(_two_studies()[0])
    whole = b"".join(str(element.value).encode() for element in output.iterall()).lower()
    for original in ("MRN-7741-905", "1.2.826.0.1.3680043.8.498.77.0", "Quixworth^Zebulon", "ACC5512077"):
        for algorithm in ("md5", "sha1", "sha256", "sha512"):
            digest = hashlib.new(algorithm, original.encode()).digest()
            number = str(int.from_bytes(digest[:16], "big"))
            forms = (
                digest.hex()[:12],
                base64.b32encode(digest)[:10].decode(),
                base64.b64encode(digest)[:10].decode(),
                number,
            )
            assert not [form for form in forms if form.lower().encode() in whole]
