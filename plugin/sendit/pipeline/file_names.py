"""Names of imported files and folders: a keyed digest to find them by, and the name itself sealed as the crosswalk is.

Watched folders are often named after the patient. Both keys are made of the project's crosswalk key, so that who may
read that may read the names, and no one can once the project is unlinked. A project without a crosswalk keeps
digests alone, under the project's key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sendit import keyring
from sendit.config.variants import key_owner
from sendit.errors import Misconfigured
from sendit.journal.lists.imports import SealedName
from sendit.pipeline.projects import KEYS
from sendit.pseudonyms.crosswalk import derived, key_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendit.config.schema import Settings

_NONCE = 12


class FileNames:
    """Seals and opens. Keys are read for each use, so that a destroyed one is gone at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._nobodys = secrets.token_bytes(32)  # where there is no key: nobody can compute these digests again

    def seal(self, project: str, names: Iterable[str]) -> list[SealedName]:
        """Return what the journal keeps of these names."""
        key, readable = self._key(project)
        return [self._sealed(key, readable=readable, project=project, name=name) for name in names]

    def seal_old(self, project: str, name: str) -> tuple[str, bytes | None]:
        """Return the same for one name that an older SendIt left in clear."""
        [sealed] = self.seal(project, [name])
        return sealed.mac, sealed.sealed

    def open(self, project: str, name: SealedName) -> str | None:
        """Return the name; None if it was never sealed, or cannot be opened with the present key."""
        key, readable = self._key(project)
        if not readable or name.sealed is None:
            return None
        box = AESGCM(derived(key, b"seal file names"))
        try:
            opened = box.decrypt(name.sealed[:_NONCE], name.sealed[_NONCE:], project.encode())
        except (InvalidTag, ValueError):
            return None
        return opened.decode("utf-8", "surrogatepass")

    def mac(self, project: str, name: str) -> str:
        """Return the digest to find a name by."""
        return self._mac(self._key(project)[0], name)

    def _sealed(self, key: bytes, *, readable: bool, project: str, name: str) -> SealedName:
        if not readable:
            return SealedName(self._mac(key, name), None)
        nonce = os.urandom(_NONCE)
        content = name.encode("utf-8", "surrogatepass")
        box = AESGCM(derived(key, b"seal file names")).encrypt(nonce, content, project.encode())
        return SealedName(self._mac(key, name), nonce + box)

    def _mac(self, key: bytes, name: str) -> str:
        content = name.encode("utf-8", "surrogatepass")
        return hmac.new(derived(key, b"index file names"), content, hashlib.sha256).hexdigest()

    def _key(self, project: str) -> tuple[bytes, bool]:
        """Return the key, and whether names are sealed with it."""
        configured = self._settings.projects.get(project)
        owner = key_owner(self._settings.projects, project)
        places = [(self._settings.data_directory / KEYS, False)]
        if configured is None or configured.crosswalk:
            places.insert(0, (key_folder(self._settings), True))
        for folder, readable in places:
            try:
                return keyring.load_key(folder, owner, create=False), readable
            except Misconfigured:  # unlinked, or never made
                continue
        return self._nobodys, False
