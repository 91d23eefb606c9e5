#!/usr/bin/env python3
"""Verify de-identified studies against the passports that SendIt signed for them.

    sendit-verify FOLDER --key project.pub [--revocations FILE]

FOLDER holds the DICOM files and their passports (manifest.json, or a passport sent as a DICOM object), at any depth.
project.pub holds the public keys of the project (PEM), which you have from whoever released the data, by another way
than the data.

Every file has to be what was released: complete, unchanged, nothing added, nothing swapped, not recalled. Each fault is
named on a line of its own. Exit code: 0 nothing is wrong; 1 something is; 2 nothing could be verified.

This program needs Python 3.9 or later and the package `cryptography`, and nothing of SendIt. The format is described in
docs/passport.md. SPDX-License-Identifier: AGPL-3.0-or-later
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PASSPORT, REVOCATIONS, KEY = "sendit-passport/1", "sendit-revocations/1", "sendit-key/1"
#: The list that an archive of SendIt brings along; it is not signed and says nothing that the passport does not say.
ARCHIVE_LIST = "SendIt archive 1"
OK, FAULTY, CANNOT = 0, 1, 2

_BODIES = {PASSPORT: "manifest", REVOCATIONS: "revocations"}
_PIECE = 1024 * 1024
#: Larger files (bytes) are not read as documents.
_MOST = 512 * 1024 * 1024
_BASIC_TEXT_SR, _DICOMDIR = "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.1.3.10"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_LONG_LENGTHS = {b"OB", b"OW", b"OF", b"SQ", b"UT", b"UN", b"OD", b"OL", b"OV", b"UC", b"UR", b"SV", b"UV"}
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


class Unusable(Exception):
    """Nothing can be verified: the message says why."""


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was released."""

    kind: str  # one word: missing, changed, added, swapped, transcoded, signature, key, revoked, revocations
    subject: str  # a path below FOLDER, or a coded UID
    problem: str

    def __str__(self) -> str:
        return f"{self.kind.upper()} {self.subject}: {self.problem}"


@dataclass(frozen=True)
class DicomFile:
    """A file of FOLDER, by its digests and what its file meta information says."""

    name: str
    sha256: str
    dataset_sha256: str = ""  # behind the file meta information; "": it is not a DICOM file
    uid: str = ""
    sop_class: str = ""
    transfer_syntax: str = ""


@dataclass
class Document:
    """A signed document, and where it was found."""

    name: str
    format: str
    body: dict[str, Any]
    signer: str = ""  # which key has signed it, in words; "": none that is trusted


@dataclass
class Report:
    """Findings of a verification."""

    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    passports: list[Document] = field(default_factory=list)
    verified: int = 0  # files that are as they were released

    def fault(self, kind: str, subject: str, problem: str) -> None:
        """Add a fault."""
        self.faults.append(Fault(kind, subject, problem))


# --- signatures ------------------------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """Return a value as canonical JSON (RFC 8785), as far as passports use it: no number but integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def read_keys(paths: Iterable[Path]) -> dict[str, str]:
    """Return the public keys (hexadecimal) of PEM files, each with the words for it.

    Raises:
        Unusable: a file cannot be read, or holds no Ed25519 key.
    """
    keys = {}
    for path in paths:
        try:
            found = [load_pem_public_key(block) for block in _PEM.findall(path.read_bytes())]
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise Unusable(f"{path} cannot be read as public keys ({type(error).__name__})") from None
        for key in found:
            if isinstance(key, Ed25519PublicKey):
                keys[key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()] = f"a key of {path.name}"
        if not keys:
            made_by = "whoever released the studies has it from: sendit passport key PROJECT --public"
            raise Unusable(f"{path} holds no Ed25519 public key in PEM; {made_by}")
    return keys


def is_signed(public: str, signature: str, kind: str, body: Any) -> bool:
    """Return whether a document's body, or the statement of a key, was signed by this key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), kind.encode("ascii") + b"\n" + canonical(body))
    except (InvalidSignature, ValueError, TypeError, RecursionError):
        return False
    return True


def trusted_keys(chain: Sequence[dict[str, Any]], keys: dict[str, str]) -> dict[str, str]:
    """Return the keys that are trusted, and those that they signed as their successors, each with the words for it."""
    trusted = dict(keys)
    for before, key in zip(chain, chain[1:]):  # noqa: B905, RUF007 - Python 3.9
        statement = {name: key[name] for name in ("project", "number", "public", "made")}
        follows = key["number"] == before["number"] + 1 and key["project"] == before["project"]
        if before["public"] in trusted and follows and is_signed(before["public"], key["signature"], KEY, statement):
            words = f"key {key['number']}, which key {before['number']} has signed as its successor"
            trusted.setdefault(key["public"], words)
    return trusted


def check_signature(name: str, raw: Any, keys: dict[str, str], report: Report) -> Document:
    """Return the document; faults of its signature are added to the report.

    Raises:
        KeyError, TypeError, ValueError: it is not made as docs/passport.md says.
    """
    kind = raw["format"]
    document = Document(name, kind, dict(raw[_BODIES[kind]]))
    trusted = trusted_keys(list(raw["keys"]), keys)
    by_fingerprint = {hashlib.sha256(bytes.fromhex(public)).hexdigest(): public for public in trusted}
    signature = raw["signature"]
    public = by_fingerprint.get(signature["key"])
    if public is None:
        problem = f"it was signed with the key {signature['key'][:16]}, which --key does not hold"
        report.fault("key", name, f"{problem}; neither did one of those sign it as a successor")
    elif not is_signed(public, signature["value"], kind, document.body):
        report.fault("signature", name, "it was changed after it was signed")
    else:
        document.signer = f"{trusted[public]} ({signature['key'][:16]})"
    return document


# --- reading ---------------------------------------------------------------------------------------------------------


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON file's object; None if it is none."""
    try:
        if path.stat().st_size > _MOST:
            return None
        document = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def read_dicom(path: Path, name: str) -> DicomFile:
    """Return the digests of a file, and what its file meta information says, which is explicit little endian."""
    whole, dataset = hashlib.sha256(), hashlib.sha256()
    with path.open("rb") as file:
        head = file.read(144)
        whole.update(head)
        if head[128:140] != b"DICM\x02\x00\x00\x00UL\x04\x00":
            _feed(file, whole)
            return DicomFile(name, whole.hexdigest())
        meta = file.read(min(int.from_bytes(head[140:144], "little"), _PIECE))
        whole.update(meta)
        _feed(file, whole, dataset)
    values = dict(_elements(meta))
    texts = (values.get(element, b"").decode("ascii", "replace").strip(" \0") for element in (3, 2, 16))
    uid, sop_class, syntax = texts
    return DicomFile(name, whole.hexdigest(), dataset.hexdigest(), uid, sop_class, syntax)


def _feed(file: Any, *digests: Any) -> None:
    while True:
        piece = file.read(_PIECE)
        if not piece:
            return
        for digest in digests:
            digest.update(piece)


def _elements(meta: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the elements of group 0002 (PS3.10 Section 7.1): element number and value."""
    position = 0
    while position + 8 <= len(meta):
        element, vr = int.from_bytes(meta[position + 2 : position + 4], "little"), meta[position + 4 : position + 6]
        wide = vr in _LONG_LENGTHS
        start = position + (12 if wide else 8)
        length = int.from_bytes(meta[start - 4 : start] if wide else meta[position + 6 : position + 8], "little")
        yield element, meta[start : start + length]
        position = start + length


def passport_within(path: Path, file: DicomFile) -> dict[str, Any] | None:
    """Return the passport that a Basic Text SR holds as its text; None if it holds none."""
    if file.sop_class != _BASIC_TEXT_SR or path.stat().st_size > _MOST:
        return None
    data = path.read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    if file.transfer_syntax == _DEFLATED:
        try:
            data, start = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:], _MOST), 0
        except zlib.error:
            return None
    begin = data.find(b'{"format":"%s"' % PASSPORT.encode(), start)
    if begin < 0:
        return None
    try:
        document, _ = json.JSONDecoder().raw_decode(data[begin:].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def walk(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder, in order. Links to folders are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file():
                yield path


# --- verification ----------------------------------------------------------------------------------------------------


@dataclass
class Contents:
    """Content of the folder."""

    documents: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    files: list[DicomFile] = field(default_factory=list)


def read_folder(folder: Path, report: Report) -> Contents:
    """Read every file below a folder once."""
    contents = Contents()
    for path in walk(folder):
        name = path.relative_to(folder).as_posix()
        raw = read_json(path) if path.suffix.lower() == ".json" else None
        if raw is not None and str(raw.get("format")) in _BODIES:
            contents.documents.append((name, raw))
            continue
        if raw is not None and raw.get("format") == ARCHIVE_LIST:
            report.notes.append(f"{name} is the list that came with an archive; it is not signed, and was not used")
            continue
        file = read_dicom(path, name)
        within = passport_within(path, file) if file.sop_class == _BASIC_TEXT_SR else None
        if within is not None:
            contents.documents.append((name, within))
            report.notes.append(f"{name} holds a passport; of this object nothing but the passport is signed")
        elif file.sop_class == _DICOMDIR:
            report.notes.append(f"{name} is a directory of the files; it is not signed")
        elif file.dataset_sha256 or not path.name.startswith("."):
            contents.files.append(file)
    return contents


def verify(folder: Path, keys: dict[str, str], revocations: Iterable[Path] = ()) -> Report:
    """Verify everything below a folder.

    Args:
        folder: the DICOM files and their passports.
        keys: of `read_keys`.
        revocations: lists of recalled studies; those below the folder are used as well.

    Raises:
        Unusable: nothing can be verified.
    """
    report = Report()
    contents = read_folder(folder, report)
    if not any(raw["format"] == PASSPORT for _, raw in contents.documents):
        raise Unusable(f"there is no passport in {folder}")
    lists = list(contents.documents)
    for path in revocations:
        raw = read_json(path)
        if raw is None or raw.get("format") != REVOCATIONS:
            raise Unusable(f"{path} is not a list of revocations")
        lists.append((str(path), raw))
    documents = _signed_documents(lists, keys, report)
    report.passports = _in_order((one for one in documents if one.format == PASSPORT), report)
    _compare(report.passports, contents.files, report)
    _check_revoked(report.passports, [one for one in documents if one.format == REVOCATIONS], report)
    return report


def _signed_documents(found: Iterable[tuple[str, Any]], keys: dict[str, str], report: Report) -> list[Document]:
    documents = []
    for name, raw in found:
        try:
            document = check_signature(name, raw, keys, report)
            _check_form(document)
        except (KeyError, TypeError, ValueError, AttributeError):
            report.fault("signature", name, "it is not made as a document of its kind has to be")
        else:
            documents.append(document)
    return documents


def _check_form(document: Document) -> None:
    """Check that what is read of a document is there, as text; KeyError or TypeError otherwise."""
    body = document.body
    texts = [body["project"], body["issued"]]
    if document.format == REVOCATIONS:
        texts += body["studies"]
    else:
        texts.append(body["study"])
        for one in body["instances"]:
            texts += [one["instance"], one["sha256"], one["transfer_syntax"], one.get("dataset_sha256", "")]
        if not isinstance(body["part"], int):
            raise TypeError
    if not all(isinstance(text, str) for text in texts):
        raise TypeError


def _in_order(passports: Iterable[Document], report: Report) -> list[Document]:
    """Return every passport once, those that are not signed first, then the oldest."""
    once = {canonical(one.body): one for one in sorted(passports, key=lambda one: bool(one.signer))}
    ordered = sorted(once.values(), key=lambda one: (bool(one.signer), one.body["issued"]))
    parts = {(one.body["study"], one.body["part"]) for one in ordered}
    for study, part in sorted(parts):
        if part > 1 and (study, part - 1) not in parts:
            report.notes.append(f"study {study}: part {part} is here, and the passport of part {part - 1} is not")
    return ordered


def _compare(passports: Sequence[Document], files: Sequence[DicomFile], report: Report) -> None:
    """Compare the files with the instances of all passports; of two that describe one instance the newer one counts."""
    described = {one["instance"]: (one, passport) for passport in passports for one in passport.body["instances"]}
    entries = {uid: one for uid, (one, _) in described.items()}
    by_digest = {one["sha256"]: one for one in entries.values()}
    by_dataset = {one["dataset_sha256"]: one for one in entries.values() if one.get("dataset_sha256")}
    seen: set[str] = set()
    rewritten = 0
    for file in files:
        entry = by_digest.get(file.sha256)
        if entry is None and file.dataset_sha256 in by_dataset:
            entry = by_dataset[file.dataset_sha256]
            rewritten += 1
        if entry is None:
            seen |= _unmatched(file, entries, report)
        elif file.uid != entry["instance"]:
            problem = f"the passport describes it as {entry['instance']}, and it says that it is {file.uid}"
            report.fault("swapped", file.name, problem)
            seen.add(file.uid)
        elif entry["instance"] in seen:
            report.notes.append(f"{file.name} is one more copy of {entry['instance']}")
        else:
            report.verified += bool(described[entry["instance"]][1].signer)
            seen.add(entry["instance"])
    for uid in sorted(entries.keys() - seen):
        report.fault("missing", uid, "it was released, and is not here")
    if rewritten:
        words = "a server wrote their file meta information anew; their data sets are unchanged"
        report.notes.append(f"{rewritten} files: {words}")


def _unmatched(file: DicomFile, entries: dict[str, dict[str, Any]], report: Report) -> set[str]:
    """Report a file that no passport has the digest of; return the instances that it stands for."""
    uid = next((one for one in (file.uid, Path(file.name).stem) if one in entries), "")
    if not uid:
        what = "" if file.dataset_sha256 else "; it is not a DICOM file"
        report.fault("added", file.name, f"no passport here has it{what}")
        return set()
    syntax = entries[uid]["transfer_syntax"]
    if file.transfer_syntax and file.transfer_syntax != syntax:
        problem = f"it was released in {syntax}, and is in {file.transfer_syntax}: a server transcoded it"
        report.fault("transcoded", file.name, f"{problem}, so it cannot be compared; ask for the original syntax")
    else:
        report.fault("changed", file.name, f"it is not as {uid} was released")
    return {uid}


def _check_revoked(passports: Sequence[Document], lists: Sequence[Document], report: Report) -> None:
    """Report the studies that a list names. One that is not signed by a trusted key is a fault, and counts as well."""
    for one in lists:
        about = [passport for passport in passports if passport.body["project"] == one.body["project"]]
        report.notes.append(f"{one.name}: what project {one.body['project']} had recalled by {one.body['issued']}")
        if passports and not about:
            report.fault("revocations", one.name, "it is of another project than the passports")
        for passport in about:
            if passport.body["study"] in one.body["studies"]:
                problem = f"it was recalled (list of {one.body['issued']}): destroy it"
                report.fault("revoked", passport.body["study"], problem)


# --- output ----------------------------------------------------------------------------------------------------------


def describe(passport: Document) -> Iterator[str]:
    """Yield what a passport says, in lines."""
    body = passport.body
    instances = body["instances"]
    yield f"{passport.name}: study {body['study']}, part {body['part']}, of project {body['project']}"
    yield f"  {len(instances)} instances, batch {body.get('batch')}, issued {body['issued']} by {body.get('software')}"
    yield f"  signed by {passport.signer}" if passport.signer else "  NOT SIGNED by a key that is trusted"
    for digest, rules in dict(body.get("rules") or {}).items():
        yield f"  rules {digest}"
        if rules.get("options"):
            yield f"    options: {', '.join(rules['options'])}"
        for recipe in rules.get("recipes") or ():
            yield f"    recipe: {recipe['name']}, SHA-256 {recipe['sha256']}"
    for title, values in (
        ("leak check", [one.get("leak_check") for one in instances]),
        ("pixels", [(one.get("pixels") or {}).get("status", "not stated") for one in instances]),
        ("review", [(one.get("review") or {}).get("decision") or "none" for one in instances]),
    ):
        counts = {str(value): values.count(value) for value in values}
        yield f"  {title}: " + ", ".join(f"{count} {value}" for value, count in sorted(counts.items()))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def show(report: Report) -> None:
    """Print a report."""
    lines = [line for passport in report.passports for line in describe(passport)]
    lines += [f"note: {note}" for note in report.notes]
    lines += [str(fault) for fault in report.faults]
    count = len(report.faults)
    verdict = f"{count} fault{'s' * (count != 1)}" if count else "Complete and unchanged"
    for line in [*lines, f"{verdict}: {report.verified} files are as they were released."]:
        sys.stdout.write(_printable(line) + "\n")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sendit-verify",
        description="Verify de-identified studies against the passports that SendIt signed for them.",
        epilog="Exit code: 0 nothing is wrong; 1 something is, and is named; 2 nothing could be verified.",
    )
    parser.add_argument("folder", type=Path, help="the DICOM files with their passports, at any depth")
    parser.add_argument("--key", type=Path, action="append", required=True, help="public keys of the project (PEM)")
    parser.add_argument("--revocations", type=Path, action="append", default=[], help="a list of recalled studies")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    options = _arguments(arguments)
    try:
        if not options.folder.is_dir():
            raise Unusable(f"{options.folder} is not a folder")
        report = verify(options.folder, read_keys(options.key), options.revocations)
    except (Unusable, OSError) as error:
        sys.stderr.write(f"sendit-verify: {error}\n")
        return CANNOT
    if options.json:
        sys.stdout.write(json.dumps(asdict(report), indent=1) + "\n")
    else:
        try:
            show(report)
        except (KeyError, TypeError, ValueError, AttributeError):
            sys.stdout.write("a passport says something that cannot be shown\n")
    return FAULTY if report.faults else OK


def run() -> None:
    """Run the program as a command."""
    sys.exit(main())


if __name__ == "__main__":
    run()
