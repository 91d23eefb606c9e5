"""Replacement values: dummies for every VR, and what `var:` and `func:` of a recipe name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendit.deidentify.dates import shifted
from sendit.deidentify.pseudonyms import KeyedIdentities, Patient
from sendit.model import CrosswalkEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.model import Receipt

#: A valid value of each VR without meaning. UIDs and sequences have none: they are coded, or processed recursively.
DUMMIES: Mapping[str, bytes] = {
    "AE": b"ANONYMOUS",
    "AS": b"000Y",
    "AT": b"\0\0\0\0",
    "CS": b"UNKNOWN",
    "DA": b"19000101",
    "DS": b"0",
    "DT": b"19000101000000",
    "FD": b"\0" * 8,
    "FL": b"\0" * 4,
    "IS": b"0",
    "LO": b"Removed",
    "LT": b"Removed",
    "OB": b"\0\0",
    "OD": b"\0" * 8,
    "OF": b"\0" * 4,
    "OL": b"\0" * 4,
    "OV": b"\0" * 8,
    "OW": b"\0\0",
    "PN": b"Anonymous",
    "SH": b"Removed",
    "SL": b"\0" * 4,
    "SS": b"\0\0",
    "ST": b"Removed",
    "SV": b"\0" * 8,
    "TM": b"000000",
    "UC": b"Removed Removed Removed",  # LongCodeValue is for codes of more than 16 characters (PS3.3 8.1)
    "UL": b"\0" * 4,
    "UN": b"\0\0",
    "UR": b"urn:removed",
    "US": b"\0\0",
    "UT": b"Removed",
    "UV": b"\0" * 8,
}

_CODES = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_UIDS = frozenset({"LO", "LT", "ST", "UC", "UI", "UT"})
_DATES = frozenset({"DA", "DT", "TM"})


@dataclass(frozen=True, slots=True)
class Subject:
    """The original identifiers of an instance, which codes replace."""

    patient: Patient
    accession_number: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    birth: str = ""  # the day, YYYYMMDD, if the study is not of that day

    def crosswalk_entry(self, receipt: Receipt) -> CrosswalkEntry:
        """Return the identifiers beside the codes that replaced them."""
        return CrosswalkEntry(
            patient_id=self.patient.patient_id,
            issuer=self.patient.issuer,
            study_instance_uid=self.study_instance_uid,
            accession_number=self.accession_number,
            coded_patient_id=receipt.patient_id,
            coded_study_instance_uid=receipt.study_instance_uid,
            coded_accession_number=receipt.accession_number[:64],  # a recipe may write anything
        )


@dataclass(frozen=True, slots=True)
class Variable:
    """`var:NAME` in a recipe: a value of the whole instance."""

    vrs: frozenset[str]  # VRs that it fits
    explanation: str
    value: Callable[[Subject, KeyedIdentities], str]


@dataclass(frozen=True, slots=True)
class Function:
    """`func:NAME` in a recipe: derived from the original value of the attribute. None: it has no answer."""

    vrs: frozenset[str]
    explanation: str
    value: Callable[[str, str, Subject, KeyedIdentities], str | None]  # original, VR, subject, identities


VARIABLES: Mapping[str, Variable] = {
    "patient_id": Variable(_CODES, "the patient's pseudonym", lambda s, i: i.patient_id(s.patient)),
    "accession_number": Variable(
        _CODES, "the coded accession number", lambda s, i: i.accession_number(s.accession_number)
    ),
    "study_instance_uid": Variable(_UIDS, "the coded StudyInstanceUID", lambda s, i: i.uid(s.study_instance_uid)),
    "series_instance_uid": Variable(_UIDS, "the coded SeriesInstanceUID", lambda s, i: i.uid(s.series_instance_uid)),
    "sop_instance_uid": Variable(_UIDS, "the coded SOPInstanceUID", lambda s, i: i.uid(s.sop_instance_uid)),
}

FUNCTIONS: Mapping[str, Function] = {
    "patient_id": Function(
        _CODES,
        "the pseudonym of this value, taken as a PatientID of the same issuer",
        lambda text, vr, s, i: i.patient_id(Patient(text, s.patient.issuer)) if text else "",
    ),
    "accession_number": Function(
        _CODES, "the code of this value, taken as an accession number", lambda text, vr, s, i: i.accession_number(text)
    ),
    "uid": Function(
        frozenset({"UI"}),
        "this UID coded under the key",
        lambda text, vr, s, i: "\\".join(i.uid(uid.strip("\0 ")) for uid in text.split("\\")),
    ),
    "shift_date": Function(
        _DATES,
        "this date moved by the patient's offset",
        lambda text, vr, s, i: shifted(vr, text, i.date_offset_days(s.patient)),
    ),
}
