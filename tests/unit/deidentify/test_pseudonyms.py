"""Coded identity: steady, valid, and nothing without the key."""

from __future__ import annotations

import io
import pickle
import re
import uuid

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from sendit.deidentify import KeyedIdentities, Patient, deidentify
from sendit.deidentify.pseudonyms import is_keyed_pseudonym, is_keyed_uid
from sendit.errors import Quarantine
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
    assert LISTED.patient_id(Patient("3")) == IDENTITIES.patient_id(Patient("3"))
    assert LISTED.date_offset_days(patient) == IDENTITIES.date_offset_days(patient)
    assert LISTED.uid("1.2.3") == IDENTITIES.uid("1.2.3")
    assert "1CT1" not in repr(LISTED)
    assert pickle.loads(pickle.dumps(LISTED)).patient_id(patient) == "SUBJECT-1"


def test_an_absent_issuer_joins_the_only_one() -> None:
    """Of a list, too; two issuers that are there are two patients of it."""
    listed = IDENTITIES.listed({Patient("1", "A").parts(): "S1"})
    assert listed.patient_id(Patient("1")) == listed.patient_id(Patient("1", "A")) == "S1"
    assert LISTED.patient_id(Patient("1CT1", "A")) == "SUBJECT-1"
    two = IDENTITIES.listed({Patient("1", "A").parts(): "S1", Patient("1", "B").parts(): "S2"})
    strict = KeyedIdentities(KEY, issuers_part=True).listed({Patient("1", "A").parts(): "S1"})
    for identities, patient in ((listed, Patient("1", "B")), (two, Patient("1")), (strict, Patient("1"))):
        with pytest.raises(Quarantine):
            identities.admit(patient)


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
    assert "SH is too short" in held.reason


def test_own_codes_have_a_form_of_their_own() -> None:
    """No original has it by chance: UIDs are of version 8, pseudonyms of 16 letters; others are not taken for ours."""
    identities = KeyedIdentities(bytes(range(32)))
    for number in range(50):
        assert is_keyed_uid(identities.uid(f"1.2.{number}"))
        assert is_keyed_pseudonym(identities.patient_id(Patient(str(number))))
    random_uuid = uuid.UUID("9b0ce5b5-7b4c-4b6b-8f0e-111111111111").int  # version 4, as other software makes
    for uid in (
        "",
        "2.25.",
        "2.25.1",
        f"2.25.{random_uuid}",
        "1.2.840.10008.1.2",
        "2.25.x",
        "2.25.²",
        "2.25." + "9" * 99,
    ):
        assert not is_keyed_uid(uid)
    for code in ("", "S-001", "MRN7000001", "A" * 15, "A" * 17, "abcdefghijklmnop", "ABCDEFGHIJKLMNO1"):
        assert not is_keyed_pseudonym(code)
