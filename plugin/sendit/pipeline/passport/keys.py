"""The keys that sign passports: Ed25519, one for each project, `keys/passport/<project>.key`.

A variant without `OwnPseudonyms` signs with its project's key, as it codes with it. The public keys are in the journal.
A new key is signed by the one before it, so that who trusts the old one can trust the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sendit import keyring
from sendit.config.variants import key_owner
from sendit.errors import Misconfigured
from sendit.journal.receipts.passports import PublicKey
from sendit.journal.writing import SYSTEM
from sendit.model import family
from sendit.pipeline.passport.document import KEY_FORMAT, Signer, key_statement, to_sign
from sendit.pipeline.projects import KEYS, PASSPORT_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.config.schema import Settings
    from sendit.journal import Journal

_FIRST = "made for the first passport"


class PassportKeys:
    """The signing keys of all projects."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._folder = settings.data_directory / KEYS / PASSPORT_KEYS
        self._following = self._folder / "next"  # where a rotation keeps the new key until the journal knows it
        self._former = self._folder / "former"  # where it keeps the old key until that is destroyed

    def owner(self, project: str) -> str:
        """Return the project whose key signs the passports of this project or variant."""
        owner = key_owner(self._settings.projects, project)
        if owner not in self._settings.projects and not self._journal.passports.keys(owner):
            return family(owner)  # a variant that is not configured any more, and signed with its project's key
        return owner

    def public(self, project: str) -> list[PublicKey]:
        """Return the public keys, oldest first; the last one signs. Empty before the first passport."""
        return self._journal.passports.keys(self.owner(project))

    def signing(self, project: str) -> Signer:
        """Return the key that signs, with all public keys. The first is made if there was none.

        Raises:
            Misconfigured: the key file is missing, or is not the newest that the journal knows.
        """
        with self._locked():
            return self._signing(self.owner(project))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the keys: nobody signs while a key is replaced."""
        keyring.make_folder(self._folder)
        with (self._folder / ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _signing(self, owner: str) -> Signer:
        known = self._journal.passports.keys(owner)
        self._finish_rotation(owner, known)
        private = self._load(owner, create=not known)
        if not known:
            self._journal.passports.add_key(owner, PublicKey(1, _public(private), now(), ""), SYSTEM, _FIRST)
            known = self._journal.passports.keys(owner)
        if known[-1].public != _public(private):
            problem = "this is not the newest key that the project's passports were signed with"
            remedy = "Copy it from the machine that rotated it, or restore it from the backup of this journal."
            raise Misconfigured(str(self._folder / f"{owner}.key"), problem, remedy)
        return Signer(owner, known, private)

    def rotate(self, project: str, actor: str, reason: str) -> PublicKey:
        """Replace the key that signs, and destroy the old one; return the new public key.

        The new key is written first, then recorded in the journal, then put in the place of the old one: a kill leaves
        the old key in use, or the rest to the next use of the key.

        Raises:
            Misconfigured: as `signing`; or another process rotated it at the same moment.
        """
        with self._locked():
            return self._rotate(self.owner(project), actor, reason)

    def _rotate(self, owner: str, actor: str, reason: str) -> PublicKey:
        old = self._signing(owner)
        for folder in (self._following, self._former):  # left by a kill
            keyring.destroy_key(folder, owner)
        new = _private(keyring.load_key(self._following, owner, create=True))
        number, public, made = old.keys[-1].number + 1, _public(new), now()
        signature = old.private.sign(to_sign(KEY_FORMAT, key_statement(owner, number, public, made))).hex()
        key = PublicKey(number, public, made, signature)
        if not self._journal.passports.add_key(owner, key, actor, reason):
            keyring.destroy_key(self._following, owner)
            problem = "another machine rotates this key at the same moment"
            raise Misconfigured(f"project {owner}", problem, "Look at its keys before you repeat it.")
        self._finish_rotation(owner, [*old.keys, key])
        return key

    def _finish_rotation(self, owner: str, known: list[PublicKey]) -> None:
        """Put a new key that the journal knows in the place of the old one."""
        following, current = (folder / f"{owner}.key" for folder in (self._following, self._folder))
        if not known or not following.exists():
            return
        if known[-1].public == _public(_private(keyring.load_key(self._following, owner, create=False))):
            keyring.make_folder(self._former)
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(current, self._former / f"{owner}.key")
            os.replace(following, current)
            for folder in (self._folder, self._following):
                keyring.synchronise(folder)
            keyring.destroy_key(self._former, owner)

    def _load(self, owner: str, *, create: bool) -> Ed25519PrivateKey:
        try:
            return _private(keyring.load_key(self._folder, owner, create=create))
        except Misconfigured as error:
            remedy = "Restore it from your backup, or copy it from the machine that made it."
            raise Misconfigured(
                error.place, error.problem, remedy if "missing" in error.problem else error.remedy
            ) from None


def pem(keys: list[PublicKey]) -> str:
    """Return public keys as PEM, oldest first: what a recipient needs to verify all passports of the project."""
    loaded = (Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public)) for key in keys)
    return "".join(one.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii") for one in loaded)


def now() -> str:
    """Return the time as it stands in documents."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _private(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
