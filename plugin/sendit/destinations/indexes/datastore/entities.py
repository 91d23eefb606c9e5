"""Datastore's entities: Collection (project) → Entity (patient) → Study → Image, and their summaries."""

from __future__ import annotations

import hashlib
import json
import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.cloud.datastore import Entity, Key

from sendit import __version__
from sendit.destinations.indexes.datastore.client import message_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sendit.destinations.indexes.base import Place
    from sendit.destinations.indexes.header import Header
    from sendit.model import Receipt, Shipment

#: Properties that researchers search, or that lead from one entry to another. All others would only cost storage.
INDEXED = frozenset(
    {
        "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "AccessionNumber",
        "Modality", "BodyPartExamined", "Laterality", "ViewPosition", "PatientPosition", "PatientAge", "PatientSex",
        "Manufacturer", "ManufacturerModelName", "StationName", "SoftwareVersions", "MagneticFieldStrength", "KVP",
        "SliceThickness", "SpacingBetweenSlices", "RepetitionTime", "EchoTime", "ScanningSequence", "ConvolutionKernel",
        "ContrastBolusAgent", "ProtocolName", "StudyDescription", "SeriesDescription", "StudyDate", "SeriesDate",
        "AcquisitionDate", "ImageType", "PhotometricInterpretation", "Rows", "Columns", "NumberOfFrames",
        "SeriesNumber", "InstanceNumber", "BurnedInAnnotation",
        "age", "first_date", "last_date", "image_count", "series_count", "study_count", "batch", "batches", "project",
        "sha256", "size", "storage_bucket",
    }
)  # fmt: skip

#: Datastore refuses longer strings in its indexes (bytes).
_LONGEST_INDEXED = 1500
#: Datastore refuses entities of more than 1,048,572 bytes.
_LARGEST_ENTITY = 1_000_000
#: So many archives of one study are named; a study has one, and one more for each late part.
_MOST_URLS = 50
#: As the original SendIt, each entry says what wrote it.
AGENT = f"SendIt/{__version__}"
_DIGEST = "index_digest"


def image_entity(key: Key, header: Header, receipt: Receipt, place: Place, shipment: Shipment) -> Any:
    """Return the message for one instance, small enough for Datastore; what was left out for that is in `truncated`."""
    properties: dict[str, Any] = dict(header.values)
    properties |= {
        "project": shipment.project,
        "batch": shipment.batch_id,
        "part": shipment.part,
        "sha256": receipt.output_sha256,
        "size": receipt.output_size,
        "transfer_syntax": receipt.transfer_syntax_uid,
        "upload_agent": AGENT,
        **storage_of(place),
    }
    truncated = sorted(set(header.truncated))
    while True:
        if truncated:
            properties["truncated"] = truncated
        properties[_DIGEST] = digest_of(properties)
        message = message_of(stored(key, properties))
        if message._pb.ByteSize() <= _LARGEST_ENTITY:
            return message
        longest = max(header.values.keys() & properties.keys(), key=lambda name: _weight(properties[name]))
        del properties[longest]
        truncated = sorted({*truncated, longest})


def storage_of(place: Place) -> dict[str, Any]:
    """Return where the instance lies, as properties."""
    properties = {"storage_url": place.url, **place.columns()}
    return {name: value for name, value in properties.items() if value is not None}


def stored(key: Key, properties: Mapping[str, Any]) -> Entity:
    """Return the entity, with what is not searched, or is too long for it, left out of the indexes."""
    unindexed = [name for name, value in properties.items() if name not in INDEXED or _is_long(value)]
    entity = Entity(key=key, exclude_from_indexes=unindexed)
    entity.update(properties)
    return entity


def digest_of(properties: Mapping[str, Any]) -> str:
    """Return SHA-256 of all properties but itself: an entity that was changed is noticed without the file."""
    content = {name: value for name, value in properties.items() if name != _DIGEST}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def problem_of(entity: Mapping[str, Any], receipt: Receipt, place: Place) -> str | None:
    """Return what is wrong with the entry of an instance; None if nothing is."""
    expected = {"sha256": receipt.output_sha256, "size": receipt.output_size, **storage_of(place)}
    wrong = sorted(name for name, value in expected.items() if entity.get(name) != value)
    if wrong:
        return f"its index entry differs in {', '.join(wrong)}"
    return "its index entry was changed" if damaged(entity) else None


def damaged(entity: Mapping[str, Any]) -> bool:
    """Return whether an entity is not as it was sent."""
    return bool(entity.get(_DIGEST) != digest_of(entity))


def _is_long(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_long(one) for one in value)
    return isinstance(value, str) and len(value.encode(errors="replace")) > _LONGEST_INDEXED


def _weight(value: Any) -> int:
    if isinstance(value, list):
        return sum(_weight(one) + 16 for one in value)
    return len(value) if isinstance(value, str) else 8


@dataclass
class _Values:
    """Distinct values of some properties, in the order of their text."""

    names: tuple[str, ...]
    seen: dict[str, set[Any]] = field(default_factory=dict)

    def add(self, entity: Mapping[str, Any]) -> None:
        for name in self.names:
            value = entity.get(name)
            if value is not None and value != "":
                self.seen.setdefault(name, set()).update(value if isinstance(value, list) else [value])

    def as_properties(self) -> dict[str, list[Any]]:
        return {name: sorted(values, key=str) for name, values in self.seen.items()}


#: Of each study, and again of each patient: lists of what occurs.
_SUMMED = ("Modality", "BodyPartExamined", "Manufacturer", "ManufacturerModelName", "PatientAge", "PatientSex")
_OF_STUDY = (*_SUMMED, "StudyDescription", "StudyDate", "AccessionNumber")

#: Properties that the summaries read.
OF_IMAGES = (
    *_OF_STUDY, "project", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesDate", "AcquisitionDate",
    "batch", "size", "storage_bucket", "storage_object", "storage_url", "storage_member",
)  # fmt: skip
OF_STUDIES = (
    *_SUMMED, "project", "PatientID", "batches", "first_date", "last_date", "image_count", "series_count", "size",
)  # fmt: skip


def study_summary(images: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the properties of a Study from all of its Images; None if there are none."""
    values = _Values(_OF_STUDY)
    other = _Values(("batch", "SeriesInstanceUID", "storage_bucket", "StudyDate", "SeriesDate", "AcquisitionDate"))
    urls: set[str] = set()
    folder: str | None = None
    count = size = 0
    project = patient = study = ""
    for image in images:
        count, size = count + 1, size + image["size"]
        values.add(image)
        other.add(image)
        project, patient, study = image["project"], image.get("PatientID", ""), image.get("StudyInstanceUID", "")
        if "storage_member" in image and len(urls) <= _MOST_URLS:
            urls.add(image["storage_url"])
        own = posixpath.dirname(image["storage_object"])
        folder = own if folder is None else posixpath.commonpath([folder, own])
    if not count:
        return None
    seen = other.as_properties()
    return {
        **values.as_properties(),
        **_dates([*seen.get("StudyDate", []), *seen.get("SeriesDate", []), *seen.get("AcquisitionDate", [])]),
        **_age(values.as_properties().get("PatientAge", [])),
        "project": project, "PatientID": patient, "StudyInstanceUID": study,
        "image_count": count, "size": size, "series_count": len(seen.get("SeriesInstanceUID", [])),
        "batches": seen["batch"], "storage_bucket": seen["storage_bucket"][0],
        **({"storage_url": sorted(urls)} if urls else {"storage_folder": f"gs://{seen['storage_bucket'][0]}/{folder}/"}),
        "upload_agent": AGENT,
    }  # fmt: skip


def entity_summary(studies: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the properties of an Entity (a patient) from all of its Studies; None if there are none."""
    values = _Values(_SUMMED)
    other = _Values(("batches", "first_date", "last_date"))
    totals = {"study_count": 0, "image_count": 0, "series_count": 0, "size": 0}
    project = patient = ""
    for study in studies:
        values.add(study)
        other.add(study)
        project, patient = study["project"], study["PatientID"]
        totals["study_count"] += 1
        for name in ("image_count", "series_count", "size"):
            totals[name] += study[name]
    if not totals["study_count"]:
        return None
    seen = other.as_properties()
    return {
        **values.as_properties(),
        **_dates([*seen.get("first_date", []), *seen.get("last_date", [])]),
        **_age(values.as_properties().get("PatientAge", [])),
        **totals,
        "project": project,
        "PatientID": patient,
        "batches": seen["batches"],
        "upload_agent": AGENT,
    }


#: Properties of its Entities that a Collection counts.
COUNTS = ("study_count", "image_count", "series_count", "size")


def collection_summary(
    project: str, now: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the properties of a Collection when one of its Entities changes; None if it is empty then.

    Changed in the same transaction as the Entity, so that nothing is counted twice; a project may hold too much to be
    counted afresh for every batch.
    """
    changed = {name: now.get(name, 0) + after.get(name, 0) - before.get(name, 0) for name in COUNTS}
    entities = now.get("entity_count", 0) + bool(after) - bool(before)
    if entities <= 0:
        return None
    return {**changed, "entity_count": entities, "project": project, "upload_agent": AGENT}


def _dates(dates: list[str]) -> dict[str, str]:
    return {"first_date": min(dates), "last_date": max(dates)} if dates else {}


def _age(ages: list[str]) -> dict[str, float]:
    """Return the greatest age in years, of PS3.5's Age String: "045Y", "010M", "003W", "012D"."""
    units = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
    years = [int(age[:-1]) * units[age[-1]] for age in ages if age[:-1].isdigit() and age[-1:] in units]
    return {"age": round(max(years), 4)} if years else {}
