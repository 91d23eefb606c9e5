"""The test vectors of docs/passport.md: the same keys, file and documents each time. Prints the page's part of them."""

from __future__ import annotations

import base64
import hashlib
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sendit.journal.receipts.passports import PublicKey
from sendit.pipeline.passport import document
from sendit.pipeline.passport.keys import pem

MADE = "2026-11-30T12:00:00Z"
UID = "2.25.4711"


def _element(group: int, element: int, vr: bytes, value: bytes) -> bytes:
    padded = value + (b"\0" if len(value) % 2 else b"")
    return struct.pack("<HH2sH", group, element, vr, len(padded)) + padded


def dicom_file() -> bytes:
    """The smallest file that has what a verifier looks at: a SOPInstanceUID in a data set of one element."""
    meta = _element(2, 2, b"UI", b"1.2.840.10008.5.1.4.1.1.7") + _element(2, 3, b"UI", UID.encode())
    meta += _element(2, 16, b"UI", b"1.2.840.10008.1.2.1")
    head = bytes(128) + b"DICM" + _element(2, 0, b"UL", struct.pack("<I", len(meta)))
    return head + meta + _element(8, 24, b"UI", UID.encode())


def signer() -> document.Signer:
    """Project IRB1 with its second key."""
    first, second = (Ed25519PrivateKey.from_private_bytes(bytes(range(start, start + 32))) for start in (0, 32))
    one, other = (key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex() for key in (first, second))
    statement = document.key_statement("IRB1", 2, other, MADE)
    signature = first.sign(document.to_sign(document.KEY_FORMAT, statement)).hex()
    return document.Signer("IRB1", [PublicKey(1, one, MADE, ""), PublicKey(2, other, MADE, signature)], second)


def manifest() -> dict[str, object]:
    """What the passport of the vector says. Written by hand, so that it does not change with the versions of SendIt."""
    data = dicom_file()
    instance = {
        "instance": UID,
        "series": "2.25.12",
        "sop_class": "1.2.840.10008.5.1.4.1.1.7",
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "modality": "OT",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "dataset_sha256": hashlib.sha256(data[-18:]).hexdigest(),
        "rules": "11" * 32,
        "actions": {"X": 12, "U": 3},
        "leak_check": "clean: 40 identifiers",
        "pixels": {"status": "no pixels"},
        "repairs": [],
        "lost_meaning": [],
        "review": {},
    }
    rules = {"11" * 32: {"options": ["CleanPixelData"], "recipes": [{"name": "irb1.deid", "sha256": "22" * 32}]}}
    return {
        "project": "IRB1",
        "batch": 7,
        "part": 1,
        "patient": "QZ7K-é",
        "study": "2.25.11",
        "issued": MADE,
        "software": "SendIt 0.1.0",
        "engine": 8,
        "rules": rules,
        "count": 1,
        "bytes": len(data),
        "instances": [instance],
    }


def blocks() -> dict[str, str]:
    """The code blocks of the page, by the words before them."""
    return {
        "project.pub": pem(list(signer().keys)).strip(),
        "the file, Base64": base64.b64encode(dicom_file()).decode(),
        "manifest.json": document.passport(manifest(), signer()).decode().strip(),
        "revocations_IRB1.json": document.revocations("IRB1", ["2.25.2", "2.25.1"], MADE, signer()).decode().strip(),
    }


if __name__ == "__main__":
    for name, text in blocks().items():
        print(f"**{name}**\n\n```text\n{text}\n```\n")
