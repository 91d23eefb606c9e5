"""The keys of the projects, `<directory>/<project>.key`: 32 random bytes in hexadecimal, for SendIt's own user alone.

Who holds a key can tie coded studies to their patients again; who loses it can never code a further study alike.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from sendit.config import permissions
from sendit.errors import Misconfigured

_SIZE = 32  # bytes
_LABEL = b"sendit key fingerprint"


def load_key(directory: Path, project: str, *, create: bool) -> bytes:
    """Return the key of a project, 32 bytes.

    Args:
        directory: made (0700) if a key has to be made and it is not there.
        project: name of the project.
        create: make the key if there is none. Only where nothing was ever coded with it.

    Raises:
        Misconfigured: it is missing, cannot be read, is damaged, or other users may read it.
    """
    path = directory / f"{project}.key"
    if create and not path.exists():
        _create(path)
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            text = file.read(1024)
    except FileNotFoundError:
        remedy = "Restore it from your backup: without it the project's patients cannot be coded as before."
        raise Misconfigured(str(path), "the key is missing", remedy) from None
    except OSError as error:
        raise Misconfigured(str(path), f"the key cannot be read ({error.strerror})", "Run as its owner.") from None
    if (mode := state.st_mode & 0o777) & 0o077:
        problem = f"other users may read or change the key (mode {mode:o})"
        raise Misconfigured(str(path), problem, f"Run: chmod 600 {path}")
    permissions.check(path, str(path), "key", [state.st_uid])
    return _decoded(path, text)


def destroy_key(directory: Path, project: str) -> None:
    """Overwrite a key and remove its file; fine if it is not there. Copies elsewhere (backups) are not reached.

    Raises:
        Misconfigured: it cannot be destroyed.
    """
    path = directory / f"{project}.key"
    try:
        size = path.stat().st_size
        with path.open("r+b") as file:
            for content in (os.urandom(size), bytes(size)):
                file.seek(0)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        path.unlink()
        synchronise(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        problem = f"the key cannot be destroyed ({error.strerror})"
        raise Misconfigured(str(path), problem, "Remove the file yourself.") from None


def fingerprint(key: bytes) -> str:
    """Return 16 hexadecimal digits that tell keys apart and reveal nothing of them; may be stored and shown."""
    return hmac.new(key, _LABEL, hashlib.sha256).hexdigest()[:16]


def _decoded(path: Path, text: bytes) -> bytes:
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _SIZE:
        problem = f"this is not a key: {2 * _SIZE} hexadecimal digits are expected"
        raise Misconfigured(str(path), problem, "Restore it from your backup.")
    return key


def _create(path: Path) -> None:
    """Write beside, synchronise, link: the file appears whole or not at all, and never over another one."""
    directory = path.parent
    try:
        make_folder(directory)
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=".key-")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_hex(_SIZE).encode("ascii") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            give(Path(temporary), directory)
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process made it just now; that one counts
        finally:
            os.unlink(temporary)
        synchronise(directory)
    except OSError as error:
        remedy = "Make its folder writable for SendIt's user."
        raise Misconfigured(str(path), f"the key cannot be created ({error.strerror})", remedy) from None


def make_folder(directory: Path) -> None:
    """Make the folder of the keys, for SendIt's own user alone; fine if it is there."""
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        give(directory, directory.parent)


def give(path: Path, folder: Path) -> None:
    """Give what root creates to the owner of the folder around it: Orthanc's user has to read it afterwards."""
    if os.geteuid() == 0:
        state = folder.stat()
        os.chown(path, state.st_uid, state.st_gid)


def synchronise(directory: Path) -> None:
    """Make the names in a folder last over a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
