"""The crosswalk of a project: from original to coded and back, sealed under a key that is not in the database.

The originals are sealed with AES-256-GCM and found by HMAC-SHA256; both keys are made of the project's crosswalk key,
a file of its own. Who destroys that file and the project's key has cut the ties (`sendit.cutting`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sendit import keyring
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.journal.crosswalk import SealedTie
from sendit.model import Ties
from sendit.settings import Settings

_NONCE = 12
#: The kinds of originals that a row may hold.
KINDS = ("patient", "study", "accession")


@dataclass(frozen=True, slots=True)
class Tie:
    """One original and its code, opened."""

    kind: str
    code: str
    patient: str  # the pseudonym of the patient it belongs to
    original: str
    issuer: str = ""  # of a patient


def key_folder(settings: Settings) -> Path:
    """Where the keys of the crosswalks are."""
    return settings.crosswalk_keys or settings.data_directory / "keys" / "crosswalk"


class Crosswalk:
    """The crosswalk of one project. Its key is read for each use, so that a destroyed one is gone at once.

    Args:
        issuer_counts: whether one pseudonym for the same PatientID of two issuers is one for two patients.
    """

    def __init__(self, journal: Journal, folder: Path, project: str, issuer_counts: bool = False) -> None:
        self._rows = journal.crosswalk
        self._folder = folder
        self._project = project
        self._issuer_counts = issuer_counts

    def prepare(self) -> None:
        """Make its key, if it was never used.

        Raises:
            Misconfigured: the key is missing, or not the one that the rows are sealed with.
        """
        self._key(create=self._rows.fingerprint(self._project) is None)

    def _key(self, create: bool = False) -> bytes:
        key = keyring.load_key(self._folder, self._project, create=create)
        known = self._rows.fingerprint(self._project)
        if known is not None and known != keyring.fingerprint(key):
            problem = "this is not the key that the crosswalk is sealed with"
            raise Misconfigured(str(self._folder / f"{self._project}.key"), problem, "Put it back from your backup.")
        return key

    def write(self, found: Iterable[Ties]) -> None:
        """Keep what is not kept yet.

        Raises:
            Quarantine: a pseudonym is another patient's already.
            Misconfigured: the key is not at hand, or not the right one; the project's ties were cut.
        """
        key = self._key()
        rows = [self._sealed(key, tie) for ties in found for tie in _ties(ties)]
        self._rows.add(self._project, keyring.fingerprint(key), rows, self._issuer_counts)

    def _sealed(self, key: bytes, tie: Tie) -> SealedTie:
        mac = self._mac(key, tie.kind, tie.original)
        identity = self._mac(key, f"{tie.kind} of", tie.original, tie.issuer)
        return SealedTie(tie.kind, tie.code, tie.patient, mac, identity, self._seal(key, tie))

    def by_code(self, code: str) -> list[Tie]:
        """Of a patient's pseudonym: the patient and all that belongs to them; of another code: its original."""
        rows = self._rows.of_patient(self._project, code) or self._rows.of_code(self._project, code)
        return self._opened(rows)

    def by_original(self, original: str) -> list[Tie]:
        """Of a PatientID, StudyInstanceUID or accession number."""
        return self._opened(self._rows.of_original(self._project, self._macs(original)))

    def all(self) -> list[Tie]:
        return self._opened(self._rows.all(self._project))

    def mark(self, original: str) -> str:
        """What stands for an original in the record of looks: nobody reads it without the key."""
        return self._macs(original)[0]

    def _macs(self, original: str) -> list[str]:
        key = self._key()
        return [self._mac(key, kind, original) for kind in KINDS]

    def _opened(self, rows: Sequence[SealedTie]) -> list[Tie]:
        key = self._key()
        return [self._open(key, row) for row in rows]

    def _mac(self, key: bytes, *parts: str) -> str:
        message = json.dumps(parts).encode("ascii")
        return hmac.new(_derived(key, b"index"), message, hashlib.sha256).hexdigest()

    def _seal(self, key: bytes, tie: Tie) -> bytes:
        nonce = os.urandom(_NONCE)
        content = json.dumps([tie.original, tie.issuer]).encode("ascii")
        return nonce + AESGCM(_derived(key, b"seal")).encrypt(
            nonce, content, self._about(tie.kind, tie.code, tie.patient)
        )

    def _open(self, key: bytes, row: SealedTie) -> Tie:
        box = AESGCM(_derived(key, b"seal"))
        try:
            content = box.decrypt(
                row.sealed[:_NONCE], row.sealed[_NONCE:], self._about(row.kind, row.code, row.patient)
            )
        except (InvalidTag, ValueError):  # the second: it is too short to hold a nonce
            place = f"the crosswalk of {self._project}"
            raise Misconfigured(place, "a row was changed from outside", "Restore the database.") from None
        original, issuer = json.loads(content)
        return Tie(row.kind, row.code, row.patient, original, issuer)

    def _about(self, kind: str, code: str, patient: str) -> bytes:
        """What a sealed original is bound to, so that it cannot be moved to another row."""
        return "\0".join((self._project, kind, code, patient)).encode()


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.new(key, b"sendit crosswalk " + purpose, hashlib.sha256).digest()


def _ties(ties: Ties) -> list[Tie]:
    """What is worth a row: an original that is there, and has a code that is not itself (RetainUIDs)."""
    patient = ties.coded_patient_id
    found = [
        Tie("patient", patient, patient, ties.patient_id, ties.issuer),
        Tie("study", ties.coded_study_instance_uid, patient, ties.study_instance_uid),
        Tie("accession", ties.coded_accession_number, patient, ties.accession_number),
    ]
    return [tie for tie in found if tie.kind == "patient" or (tie.original and tie.code not in ("", tie.original))]
