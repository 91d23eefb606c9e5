"""The documents of docs/passport.md: a study's manifest, a project's revocations, and how they are signed.

What is signed is a line that names the kind of document, and the body as canonical JSON (RFC 8785; no numbers but
integers). plugin/sendit_verify.py reads them, and shares no code with this module.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sendit import __version__
from sendit.deidentify.plan import ENGINE_VERSION
from sendit.destinations.passports import PASSPORT_FORMAT, REVOCATIONS_FORMAT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from sendit.journal.receipts.passports import PublicKey
    from sendit.journal.release.residual import Residual
    from sendit.model import Receipt, Shipment

KEY_FORMAT = "sendit-key/1"


def canonical(value: Any) -> bytes:
    """Return a value as canonical JSON.

    Raises:
        TypeError: it holds a number that is no integer, or something else that has no such form.
    """
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not (isinstance(key, str) and key.isascii()):  # then every order of keys is the same
                raise TypeError("a key of a passport is not ASCII")
            _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif not (value is None or isinstance(value, str | int | bool)):
        raise TypeError(f"a passport cannot hold a {type(value).__name__}")


def to_sign(kind: str, body: Any) -> bytes:
    """Return the bytes that are signed."""
    return kind.encode("ascii") + b"\n" + canonical(body)


def fingerprint(public: str) -> str:
    """Return the SHA-256 (hexadecimal) of a public key, which is hexadecimal as well."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the private key, and the public keys of its project, of which it is the last."""

    project: str
    keys: Sequence[PublicKey]
    private: Ed25519PrivateKey = field(repr=False)


def passport(manifest: Mapping[str, Any], signer: Signer) -> bytes:
    """Return the document of a passport."""
    return _signed(PASSPORT_FORMAT, "manifest", manifest, signer)


def revocations(project: str, studies: Sequence[str], issued: str, signer: Signer) -> bytes:
    """Return the document that lists the coded StudyInstanceUIDs of what was recalled."""
    body = {"project": project, "issued": issued, "studies": sorted(set(studies))}
    return _signed(REVOCATIONS_FORMAT, "revocations", body, signer)


def _signed(kind: str, name: str, body: Any, signer: Signer) -> bytes:
    value = signer.private.sign(to_sign(kind, body)).hex()
    document = {
        "format": kind,
        name: body,
        "keys": [{"project": signer.project, **asdict(key)} for key in signer.keys],
        "signature": {"key": fingerprint(signer.keys[-1].public), "value": value},
    }
    return canonical(document) + b"\n"


def key_statement(project: str, number: int, public: str, made: str) -> dict[str, Any]:
    """Return what the key before this one signs."""
    return {"project": project, "number": number, "public": public, "made": made}


def manifest(
    shipment: Shipment,
    issued: str,
    rules: Mapping[str, Any],
    datasets: Mapping[str, str],
    residual: Sequence[Residual] = (),
) -> dict[str, Any]:
    """Return what a passport says of a shipment.

    Args:
        shipment: what one destination gets of a batch; at least one instance.
        issued: UTC, as 2026-11-30T12:00:00Z.
        rules: by the digest of a plan, what is known of it.
        datasets: by coded SOPInstanceUID, SHA-256 of the file behind its file meta information.
        residual: what random reviews have shown of the project so far; what concerns the shipment is taken.
    """
    receipts = [staged.receipt for staged in shipment.staged_instances]
    first = receipts[0]
    instances = sorted((_instance(receipt, datasets) for receipt in receipts), key=lambda entry: str(entry["instance"]))
    return {
        "project": shipment.project,
        "batch": shipment.batch_id,
        "part": shipment.part,
        "patient": first.patient_id,
        "study": first.study_instance_uid,
        "issued": issued,
        "software": f"SendIt {__version__}",
        "engine": ENGINE_VERSION,
        "rules": {digest: rules.get(digest, {}) for digest in sorted({receipt.plan_sha256 for receipt in receipts})},
        "count": len(instances),
        "bytes": sum(receipt.output_size for receipt in receipts),
        "residual_risk": [_residual(risk) for risk in residual if _concerns(risk, receipts)],
        "instances": instances,
    }


def _concerns(residual: Residual, receipts: Sequence[Receipt]) -> bool:
    """Return whether images of this kind, under these rules, are among the instances."""
    return any(
        receipt.modality == residual.modality and receipt.plan_sha256 == residual.plan_sha256 for receipt in receipts
    )


def _residual(risk: Residual) -> dict[str, Any]:
    """Return a measured residual risk; the bound as text, because canonical numbers are whole."""
    return {
        "modality": risk.modality,
        "rules": risk.plan_sha256,
        "studies": risk.studies,
        "instances": risk.instances,
        "missed": risk.missed,
        "upper_95": f"{risk.upper:.4g}",
    }


def _instance(receipt: Receipt, datasets: Mapping[str, str]) -> dict[str, Any]:
    """Return what may leave of a receipt: not the digest of the original, nor who reviewed it."""
    values: dict[str, Any] = {
        "instance": receipt.sop_instance_uid,
        "series": receipt.series_instance_uid,
        "sop_class": receipt.sop_class_uid,
        "transfer_syntax": receipt.transfer_syntax_uid,
        "modality": receipt.modality,
        "size": receipt.output_size,
        "sha256": receipt.output_sha256,
        "rules": receipt.plan_sha256,
        "actions": dict(receipt.actions),
        "leak_check": receipt.leak_check,
        "pixels": dict(receipt.pixels),
        "repairs": list(receipt.repairs),
        "lost_meaning": list(receipt.lost_meaning),
        "review": _review(receipt.review),
    }
    if digest := datasets.get(receipt.sop_instance_uid):
        values["dataset_sha256"] = digest
    return values


def _review(review: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reviewer's decision without names: of how many persons, and when the last one took it."""
    if not review:
        return {}
    by = [person for person in review.get("by", ()) if isinstance(person, dict)]
    last = max((str(person.get("at", "")) for person in by), default="")
    return {"decision": str(review.get("decision", "")), "persons": len(by), "at": last}
