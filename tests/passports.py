"""Passports made for tests: signed with a key of the test, for shipments whose files are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import sendit_verify
from sendit.journal.receipts.passports import PublicKey
from sendit.pipeline.passport import document
from sendit.pipeline.passport.keys import pem
from sendit.storage import dataset_digests

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sendit.model import Shipment

ISSUED = "2026-11-30T12:00:00Z"
RULES = {"1" * 64: {"options": ["CleanPixelData"], "recipes": [{"name": "irb1.deid", "sha256": "2" * 64}]}}


def public_of(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def new_signer(project: str = "IRB1") -> document.Signer:
    """A project with its first key."""
    private = Ed25519PrivateKey.generate()
    return document.Signer(project, [PublicKey(1, public_of(private), ISSUED, "")], private)


def rotated(old: document.Signer) -> document.Signer:
    """The same project with its next key, signed by the one before it."""
    private, number = Ed25519PrivateKey.generate(), old.keys[-1].number + 1
    statement = document.key_statement(old.project, number, public_of(private), ISSUED)
    signature = old.private.sign(document.to_sign(document.KEY_FORMAT, statement)).hex()
    keys = [*old.keys, PublicKey(number, public_of(private), ISSUED, signature)]
    return document.Signer(old.project, keys, private)


def manifest_of(shipment: Shipment, issued: str = ISSUED) -> dict[str, Any]:
    """What a passport says of a shipment."""
    files = {staged.receipt.sop_instance_uid: staged.path for staged in shipment.staged_instances}
    digests = {uid: dataset_digests.of_file(path) for uid, path in files.items()}
    known = {uid: digest for uid, digest in digests.items() if digest is not None}
    return document.manifest(shipment, issued, RULES, known)


def passport_of(shipment: Shipment, signer: document.Signer, issued: str = ISSUED) -> bytes:
    return document.passport(manifest_of(shipment, issued), signer)


def key_file(folder: Path, signer: document.Signer) -> Path:
    """`project.pub` with all keys of a project."""
    path = folder / "project.pub"
    path.write_text(pem(list(signer.keys)))
    return path


def kinds(report: sendit_verify.Report) -> list[str]:
    """The kinds of the faults, sorted."""
    return sorted(fault.kind for fault in report.faults)


def verified(folder: Path, key: Path, revocations: Iterable[Path] = ()) -> sendit_verify.Report:
    return sendit_verify.verify(folder, sendit_verify.read_keys([key]), revocations)
