"""Coded identity: steady, valid, and nothing without the key."""

from __future__ import annotations

import io
import pickle
import re

import pydicom
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from sendit.deidentify import KeyedIdentities, Patient, deidentify
from sendit.model import Quarantined
from tests.unit.deidentify.samples import IDENTITIES, KEY, output, plan, released, sample

OTHER = KeyedIdentities(bytes(32))


@given(st.text(), st.text())
def test_pseudonyms(patient_id: str, issuer: str) -> None:
    """16 characters that fit SH, LO and PN; another key gives others."""
    patient = Patient(patient_id, issuer, "1.2.3")
    code = IDENTITIES.patient_id(patient)
    assert re.fullmatch("[A-Z2-7]{16}", code)
    assert code != OTHER.patient_id(patient)
    assert code == KeyedIdentities(KEY).patient_id(patient)


@given(st.from_regex(r"[0-9.]{1,64}", fullmatch=True))
def test_uids(original: str) -> None:
    """Valid, at most 64 characters, and not those of another key."""
    if original.startswith(("1.2.840.10008.", "2.16.840.1.113883.6.")):
        return
    uid = UID(IDENTITIES.uid(original))
    assert uid.is_valid
    assert uid.startswith("2.25.")
    assert len(uid) <= 44
    assert uid != OTHER.uid(original)


@given(st.text(min_size=1))
def test_date_offsets(patient_id: str) -> None:
    """Back by whole weeks, 52 to 520, one per patient; a patient without an identifier has that of the study."""
    days = IDENTITIES.date_offset_days(Patient(patient_id))
    assert days % 7 == 0
    assert 52 * 7 <= -days <= 520 * 7
    assert days == IDENTITIES.date_offset_days(Patient(patient_id, "", "any study"))


def test_fixed_values() -> None:
    """A change of these would give every coded patient another code: it may not happen by accident."""
    assert IDENTITIES.patient_id(Patient("1CT1")) == "IYSUICOCYVJ6HE23"
    assert IDENTITIES.accession_number("A1") == "HLLNE2CHUSIAMLN5"
    assert IDENTITIES.uid("1.2.3") == "2.25.255875097474543440662360601500363651292"
    assert IDENTITIES.date_offset_days(Patient("1CT1")) == -812


def test_kinds_do_not_mix() -> None:
    """An accession number and a PatientID of one text are coded apart; so are parts that join to one text."""
    assert IDENTITIES.accession_number("A1") != IDENTITIES.patient_id(Patient("A1"))
    assert IDENTITIES.patient_id(Patient("A", "B1")) != IDENTITIES.patient_id(Patient("AB", "1"))
    assert IDENTITIES.patient_id(Patient("", "", "1.2")) != IDENTITIES.patient_id(Patient("1.2"))


def test_what_is_never_coded() -> None:
    """DICOM's own UIDs, registered code systems, and nothing."""
    for uid in ("", "1.2.840.10008.5.1.4.1.1.2", "2.16.840.1.113883.6.96"):
        assert IDENTITIES.uid(uid) == uid
    assert IDENTITIES.accession_number("") == ""
    assert IDENTITIES.uid("1.2.840.10008.Quixworth").startswith("2.25.")


def test_the_key_does_not_show() -> None:
    """Neither in text nor lost in a pickle."""
    assert "KeyedIdentities(…)" == repr(IDENTITIES) == str(IDENTITIES)
    assert pickle.loads(pickle.dumps(IDENTITIES)).uid("1.2.3") == IDENTITIES.uid("1.2.3")


LISTED = IDENTITIES.listed({Patient("1CT1", "").parts(): "SUBJECT-1", Patient("2", "").parts(): ""})


def test_listed_pseudonyms() -> None:
    """Only the pseudonym is from the list; dates, UIDs and everybody else's pseudonym are the key's."""
    patient = Patient("1CT1")
    assert LISTED.patient_id(patient) == "SUBJECT-1"
    assert LISTED.patient_id(Patient("2")) == IDENTITIES.patient_id(Patient("2"))
    assert LISTED.patient_id(Patient("1CT1", "B")) == IDENTITIES.patient_id(Patient("1CT1", "B"))
    assert LISTED.date_offset_days(patient) == IDENTITIES.date_offset_days(patient)
    assert LISTED.uid("1.2.3") == IDENTITIES.uid("1.2.3")
    assert "1CT1" not in repr(LISTED)
    assert pickle.loads(pickle.dumps(LISTED)).patient_id(patient) == "SUBJECT-1"


def test_the_engine_with_listed_pseudonyms() -> None:
    """A patient who was not asked for is held; one who was carries the pseudonym, dates as under the key."""
    out = pydicom.dcmread(io.BytesIO(b"".join(released(sample(), identities=LISTED).chunks)))
    keyed = output(sample())
    assert (out.PatientID, str(out.PatientName)) == ("SUBJECT-1", "SUBJECT-1")
    assert released(sample(), identities=LISTED).receipt.patient_id == "SUBJECT-1"
    assert out.SOPInstanceUID == keyed.SOPInstanceUID
    held = deidentify(sample("MR_small.dcm"), plan(), LISTED)
    assert isinstance(held, Quarantined)
    assert "no pseudonym" in held.reason


def test_a_pseudonym_that_does_not_fit_where_a_recipe_puts_it() -> None:
    """It is not cut off: the instance is held."""
    listed = IDENTITIES.listed({Patient("1CT1").parts(): "S" * 17})
    held = deidentify(sample(), plan("REPLACE StudyID var:patient_id"), listed)
    assert isinstance(held, Quarantined)
    assert "longer than SH" in held.reason
