"""The table `dicom` in BigQuery: the columns of the original SendIt and ours, and the row of one instance."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

from sendit import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendit.destinations.indexes.base import Place
    from sendit.destinations.indexes.header import Header
    from sendit.model import Receipt, Shipment

T = TypeVar("T")

#: Name → type. The first block is the original's schema, texts all of them, in its order; columns of a table that is
#: there already are never changed and never dropped.
COLUMNS: Mapping[str, str] = {
    "entity_id": "STRING",  # the coded patient
    "item_id": "STRING",  # the coded accession number; the coded study's UID where there is none
    "storage_download": "STRING",
    "storage_metadataLink": "STRING",
    "AccessionNumber": "STRING",
    "PatientID": "STRING",
    "PatientSex": "STRING",
    "PatientAge": "STRING",
    "width": "STRING",
    "height": "STRING",
    "ImageType": "STRING",
    "Modality": "STRING",
    "StudyDescription": "STRING",
    "BodyPartExamined": "STRING",
    # ours
    "project": "STRING",
    "batch": "INTEGER",
    "part": "INTEGER",
    "StudyInstanceUID": "STRING",
    "SeriesInstanceUID": "STRING",
    "SOPInstanceUID": "STRING",
    "SOPClassUID": "STRING",
    "StudyDate": "STRING",
    "SeriesDescription": "STRING",
    "ProtocolName": "STRING",
    "StationName": "STRING",
    "Manufacturer": "STRING",
    "ManufacturerModelName": "STRING",
    "SliceThickness": "FLOAT",
    "MagneticFieldStrength": "FLOAT",
    "KVP": "FLOAT",
    "SeriesNumber": "INTEGER",
    "InstanceNumber": "INTEGER",
    "NumberOfFrames": "INTEGER",
    "header": "STRING",  # all that is not binary, as JSON
    "truncated": "STRING",  # keywords of what was left out of `header`, with a backslash between them
    "transfer_syntax": "STRING",
    "sha256": "STRING",
    "size": "INTEGER",
    "storage_url": "STRING",
    "storage_bucket": "STRING",
    "storage_object": "STRING",
    "storage_member": "STRING",
    "storage_generation": "INTEGER",
    "storage_size": "INTEGER",
    "storage_crc32c": "STRING",
    "storage_md5": "STRING",
    "upload_agent": "STRING",
    "index_digest": "STRING",  # of all other columns: a row that is not as it was sent is noticed without the file
}

#: Columns that are read back to be compared: all, of the header its digest alone.
READ = (*(name for name in COLUMNS if name != "header"), "TO_HEX(SHA256(header)) AS header_sha256")

#: BigQuery takes rows of 10 MB; a header is text for people.
_LONGEST_HEADER = 1_000_000


def row_of(header: Header, receipt: Receipt, place: Place, shipment: Shipment) -> dict[str, Any]:
    """Return the row of one instance; columns without a value are left out."""
    content, truncated = _header_json(header)
    content = _utf8(content)
    row = {name: _typed(kind, header, name) for name, kind in COLUMNS.items()}
    row |= {
        "entity_id": receipt.patient_id,
        "item_id": header.text("AccessionNumber") or receipt.study_instance_uid,
        "storage_download": f"{_address('download/storage', place)}?generation={place.generation}&alt=media",
        "storage_metadataLink": _address("storage", place),
        "width": header.text("Columns"),
        "height": header.text("Rows"),
        "project": shipment.project,
        "batch": shipment.batch_id,
        "part": shipment.part,
        "header": content,
        "truncated": "\\".join(truncated) or None,
        "transfer_syntax": receipt.transfer_syntax_uid,
        "storage_url": place.url,
        "upload_agent": f"SendIt/{__version__}",
        **compared(receipt, place),
    }
    row = {name: _utf8(value) for name, value in row.items() if value is not None}
    return {**row, "index_digest": digest_of({**row, "header_sha256": _sha256(content)})}


def digest_of(row: Mapping[str, Any]) -> str:
    """Return SHA-256 of a row as it is read back (`READ`), without its own digest and what has no value."""
    content = {name: value for name, value in row.items() if value is not None}
    return _sha256(_json({name: content[name] for name in sorted(content.keys() - {"header", "index_digest"})}))


def problem_of(row: Mapping[str, Any], receipt: Receipt, place: Place) -> str | None:
    """Return what is wrong with the row of an instance; None if nothing is."""
    wrong = sorted(name for name, value in compared(receipt, place).items() if row[name] != value)
    if wrong:
        return f"its index entry differs in {', '.join(wrong)}"
    return "its index entry was changed" if damaged(row) else None


def damaged(row: Mapping[str, Any]) -> bool:
    """Return whether a row is not as it was sent. One without a digest is of another who writes into the same table."""
    return row["index_digest"] not in (None, digest_of(row))


def compared(receipt: Receipt, place: Place) -> dict[str, Any]:
    """Return what a row has to say of an instance, whatever its header."""
    return {
        "sha256": receipt.output_sha256,
        "size": receipt.output_size,
        **place.columns(),
    }


def insert_id(row: Mapping[str, Any], after: int) -> str:
    """Return the insert id by which BigQuery drops repeats: the same for the same instance at the same place.

    Args:
        row: the row as it is inserted.
        after: how many rows of this instance were deleted just now; they must not stand in the way.
    """
    parts = (row["project"], row["SOPInstanceUID"], row["sha256"], row["storage_url"], row["storage_generation"], after)
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()


def _typed(kind: str, header: Header, name: str) -> str | int | float | None:
    if kind == "STRING":
        return header.text(name)
    value = header.values.get(name)
    number = value[0] if isinstance(value, list) else value
    if isinstance(number, str) or number is None:
        return None
    return int(number) if kind == "INTEGER" else float(number)


def _header_json(header: Header) -> tuple[str, list[str]]:
    values, truncated = dict(header.values), set(header.truncated)
    text = _json(values)
    while len(text.encode(errors="replace")) > _LONGEST_HEADER:
        longest = max(values, key=lambda name: len(_json(values[name])))
        truncated.add(longest)
        del values[longest]
        text = _json(values)
    return text, sorted(truncated)


def _utf8(value: T) -> T:
    """Return the text as BigQuery stores it."""
    return cast("T", value.encode(errors="replace").decode()) if isinstance(value, str) else value


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _address(service: str, place: Place) -> str:
    return f"https://storage.googleapis.com/{service}/v1/b/{place.bucket}/o/{quote(place.name, safe='')}"
