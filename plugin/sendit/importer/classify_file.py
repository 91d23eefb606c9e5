"""One file: what it is, and what Orthanc says to it."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO

from sendit.errors import Reject
from sendit.importer.file_kind import HEAD, FileKind, kind_of
from sendit.importer.file_names import shown
from sendit.importer.types import FileResult, Store
from sendit.importer.walk import FoundFile, open_regular, refusal
from sendit.importer.zip import Member, decide_by_kind
from sendit.model import FileOutcome

_CHUNK = 1024 * 1024


def judge_file(file: FoundFile, store: Store) -> FileResult | None:
    """Return the outcome of a file on disk, which is opened here and streamed; None if it is an archive.

    Raises:
        Retry, Misconfigured: from the store, or if the folder went away.
    """
    try:
        with os.fdopen(open_regular(file.path), "rb") as stream:
            kind = kind_of(stream.read(HEAD), file.name)
            decided = decide_by_kind(kind, file.name)
            if decided is not None or kind is FileKind.ARCHIVE:
                return decided
            stream.seek(0)
            return judge_stream(stream, shown(file.name), kind, store)
    except OSError as error:
        return FileResult(shown(file.name), FileOutcome.UNREADABLE, refusal(error))


def judge_member(member: Member, store: Store) -> FileResult:
    """Return the outcome of a member of an archive; closes its stream. Raises as judge_file."""
    with member.stream:
        return judge_stream(member.stream, member.name, member.kind, store)


def judge_stream(stream: BinaryIO, name: str, kind: FileKind, store: Store) -> FileResult:
    """Store it; what Orthanc has already is compared by its MD5."""
    try:
        answer = store.store(stream)
    except Reject as error:
        if kind is FileKind.BARE:
            return FileResult(name, FileOutcome.NOT_DICOM, "it has no DICOM header, and Orthanc makes nothing of it")
        return FileResult(name, FileOutcome.UNREADABLE, str(error))
    if answer.status == "Success":
        return FileResult(name, FileOutcome.IMPORTED, None, answer.study, answer.instance)
    if answer.status != "AlreadyStored":
        return FileResult(
            name, FileOutcome.NOT_STORED, f"Orthanc did not store it ({answer.status})", answer.study or None
        )
    stream.seek(0)
    if store.same_content(answer.instance, _md5(stream)):
        return FileResult(name, FileOutcome.ALREADY_THERE, None, answer.study, answer.instance)
    reason = "Orthanc holds another content under the same UIDs; it was left as it is"
    return FileResult(name, FileOutcome.CONFLICT, reason, answer.study)


def _md5(stream: BinaryIO) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
