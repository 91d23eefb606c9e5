"""What the storage server keeps: buckets and objects in a folder, and uploads under way. Nothing of HTTP is here.

`<folder>/<bucket>/bucket.json`, and for each object `<generation>.data` with `<generation>.json`, the latter written
last and renamed into place: an object is there whole or not at all, also after a kill. Contents never stand in memory.
"""

from __future__ import annotations

import base64
import bisect
import errno
import hashlib
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import google_crc32c

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Json: TypeAlias = dict[str, Any]

#: Fields of an object that its uploader may set.
WRITABLE = {
    "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "customTime", "metadata",
    "storageClass",
}  # fmt: skip


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        status: of HTTP.
        message: as Google words it.
        reason: Google's word for machines, for example "conditionNotMet".
    """

    def __init__(self, status: int, message: str, reason: str = "invalid") -> None:
        super().__init__(message)
        self.status, self.message, self.reason = status, message, reason


@dataclass
class Limits:
    """What the server is told to be short of, or to forbid."""

    room: int | None = None  # bytes of content that still fit; None: as the disk has it
    token: str | None = None  # the bearer token without which nobody is let in
    denied: set[str] = field(default_factory=set)  # permissions that the caller does not have
    rate: float | None = None  # bytes per second that a connection takes, as a wire does; None: as fast as it can


class Content:
    """Bytes on their way to the disk, with their digests."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.size = 0
        self._crc32c = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._limits = limits
        self._file = path.open("wb")

    def write(self, data: bytes) -> None:
        """Append; `Refused` with 507 where there is no room."""
        room = self._limits.room
        if room is not None and len(data) > room:
            raise Refused(507, "There is no room left.", "insufficientStorage")
        try:
            self._file.write(data)
        except OSError as error:
            status = 507 if error.errno in (errno.ENOSPC, errno.EDQUOT) else 503
            raise Refused(status, "The content could not be written.", "backendError") from None
        if room is not None:
            self._limits.room = room - len(data)
        self.size += len(data)
        self._crc32c.update(data)  # type: ignore[no-untyped-call]
        self._md5.update(data)

    def digests(self) -> dict[str, str]:
        """As the fields of an object."""
        return {
            "crc32c": base64.b64encode(self._crc32c.digest()).decode(),  # type: ignore[no-untyped-call]
            "md5Hash": base64.b64encode(self._md5.digest()).decode(),
        }

    def close(self) -> None:
        self._file.close()

    def discard(self) -> None:
        """Forget it; what it took is room again."""
        self.close()
        self.path.unlink(missing_ok=True)
        if self._limits.room is not None:
            self._limits.room += self.size


@dataclass
class Bucket:
    """One bucket: its resource, its policy, the live objects and what versioning kept of former ones."""

    resource: Json
    folder: Path
    policy: Json = field(
        default_factory=lambda: {"kind": "storage#policy", "version": 1, "bindings": [], "etag": "CAE="}
    )
    live: dict[str, Json] = field(default_factory=dict)
    former: list[Json] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of the live ones, sorted

    @property
    def versioned(self) -> bool:
        return bool(self.resource.get("versioning", {}).get("enabled"))

    def path(self, resource: Mapping[str, Any]) -> Path:
        """Where an object's content is."""
        return self.folder / f"{resource['generation']}.data"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class ObjectStore:
    """All buckets. Every method may be called from any thread."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.created = 0  # objects, since the start
        self.lock = threading.RLock()
        self._folder = folder
        self._uploads = folder / ".uploads"
        self._generation = 0
        self.buckets: dict[str, Bucket] = {}
        self._uploads.mkdir(parents=True, exist_ok=True)
        for left in self._uploads.iterdir():
            left.unlink()
        for description in sorted(folder.glob("*/bucket.json")):
            self._load(description)

    def _load(self, description: Path) -> None:
        resource = json.loads(description.read_text())
        bucket = Bucket(resource, description.parent)
        for path in bucket.folder.glob("*.json"):
            if path.name != "bucket.json":
                found = json.loads(path.read_text())
                (bucket.former.append(found) if "timeDeleted" in found else bucket.live.update({found["name"]: found}))
        bucket.names = sorted(bucket.live)
        self.buckets[resource["name"]] = bucket

    # --- buckets -------------------------------------------------------------------------------------------------

    def bucket(self, name: str) -> Bucket:
        found = self.buckets.get(name)
        if found is None:
            raise Refused(404, "The specified bucket does not exist.", "notFound")
        return found

    def make_bucket(self, project: str, given: Json) -> Json:
        """Like buckets.insert; 409 if there is one of this name."""
        name = str(given.get("name", ""))
        if not name or "/" in name or name.startswith("."):
            raise Refused(400, f"Invalid bucket name: '{name}'")
        with self.lock:
            if name in self.buckets:
                raise Refused(409, "Your previous request to create the named bucket succeeded.", "conflict")
            made = {"location": "US", "locationType": "multi-region", "storageClass": "STANDARD", **given}
            made |= {
                "kind": "storage#bucket", "id": name, "name": name, "projectNumber": "1", "metageneration": "1",
                "timeCreated": now(), "updated": now(), "etag": "CAE=", "selfLink": f"/storage/v1/b/{name}",
            }  # fmt: skip
            folder = self._folder / name
            folder.mkdir(exist_ok=True)
            self.buckets[name] = Bucket(made, folder)
            self.save_bucket(name)
            return made

    def save_bucket(self, name: str) -> None:
        bucket = self.bucket(name)
        _write(bucket.folder / "bucket.json", bucket.resource)

    # --- objects -------------------------------------------------------------------------------------------------

    def new_content(self) -> Content:
        """A file for an upload."""
        return Content(self._uploads / uuid.uuid4().hex, self.limits)

    def find(self, bucket: str, name: str, query: Mapping[str, str], reading: bool = False) -> Json:
        """The object's resource; 404, 412 or 304 as the query's generation and preconditions have it."""
        with self.lock:
            held = self.bucket(bucket)
            found = held.live.get(name)
            if "generation" in query:
                all_of_it = [*held.former, *([found] if found else [])]
                wanted = (one for one in all_of_it if one["name"] == name and one["generation"] == query["generation"])
                found = next(wanted, None)
            if found is None:
                raise Refused(404, f"No such object: {bucket}/{name}", "notFound")
            check_preconditions(found, query, reading)
            return found

    def put(self, bucket: str, given: Json, content: Content, query: Mapping[str, str]) -> Json:
        """Make `content` the live generation of an object, if digests and preconditions hold."""
        digests = content.digests()
        for key, value in digests.items():
            if given.get(key) not in (None, value):
                content.discard()
                kind = "CRC32C" if key == "crc32c" else "MD5 hash"
                said = f'Provided {kind} "{given[key]}" doesn\'t match calculated {kind} "{value}".'
                raise Refused(400, said)
        content.close()
        with self.lock:
            held = self.bucket(bucket)
            try:
                check_preconditions(held.live.get(given["name"]), query)
            except Refused:
                content.discard()
                raise
            made = self._resource(held, given, content.size, digests, query)
            content.path.rename(held.path(made))
            self._retire(held, given["name"])
            _write(held.folder / f"{made['generation']}.json", made)
            held.live[given["name"]] = made
            bisect.insort(held.names, given["name"])
            self.created += 1
            return made

    def _resource(self, bucket: Bucket, given: Json, size: int, digests: Json, query: Mapping[str, str]) -> Json:
        name = bucket.resource["name"]
        self._generation = max(self._generation + 1, time.time_ns() // 1000)
        generation = str(self._generation)
        made = {key: value for key, value in given.items() if key in WRITABLE}
        key = query.get("kmsKeyName") or bucket.resource.get("encryption", {}).get("defaultKmsKeyName")
        if key:
            made["kmsKeyName"] = f"{key}/cryptoKeyVersions/1"
        made.setdefault("storageClass", bucket.resource["storageClass"])
        made.setdefault("contentType", "application/octet-stream")
        when = now()
        return made | digests | {
            "kind": "storage#object", "id": f"{name}/{given['name']}/{generation}", "name": given["name"],
            "bucket": name, "generation": generation, "metageneration": "1", "size": str(size),
            "etag": base64.b64encode(generation.encode()).decode(),
            "timeCreated": when, "updated": when, "timeStorageClassUpdated": when,
        }  # fmt: skip

    def patch(self, bucket: str, name: str, given: Json, query: Mapping[str, str]) -> Json:
        """Change what may be changed; a key of the metadata that is null goes out."""
        with self.lock:
            found = self.find(bucket, name, query)
            changed = found | {key: value for key, value in given.items() if key in WRITABLE and value is not None}
            if "metadata" in given:
                merged = {**found.get("metadata", {}), **(given["metadata"] or {})}
                changed["metadata"] = {key: value for key, value in merged.items() if value is not None}
            changed |= {"metageneration": str(int(found["metageneration"]) + 1), "updated": now()}
            held = self.bucket(bucket)
            _write(held.folder / f"{changed['generation']}.json", changed)
            if held.live.get(name) is found:
                held.live[name] = changed
            return changed

    def delete(self, bucket: str, name: str, query: Mapping[str, str]) -> None:
        """Delete the live generation (a versioned bucket keeps it as a former one), or the one that is named."""
        with self.lock:
            found = self.find(bucket, name, query)
            held = self.bucket(bucket)
            if held.live.get(name) is found and "generation" not in query:
                self._retire(held, name)
                return
            if held.live.get(name) is found:
                self._forget(held, name)
            else:
                held.former.remove(found)
            self._erase(held, found)

    def _retire(self, bucket: Bucket, name: str) -> None:
        """What was live is live no more."""
        found = bucket.live.get(name)
        if found is None:
            return
        self._forget(bucket, name)
        if bucket.versioned:
            former = found | {"timeDeleted": now()}
            bucket.former.append(former)
            _write(bucket.folder / f"{found['generation']}.json", former)
        else:
            self._erase(bucket, found)

    def _forget(self, bucket: Bucket, name: str) -> None:
        del bucket.live[name]
        del bucket.names[bisect.bisect_left(bucket.names, name)]

    def _erase(self, bucket: Bucket, found: Json) -> None:
        (bucket.folder / f"{found['generation']}.json").unlink()
        bucket.path(found).unlink()
        if self.limits.room is not None:
            self.limits.room += int(found["size"])

    def listed(self, bucket: str, query: Mapping[str, str]) -> Iterator[Json]:
        """The objects whose names begin with the prefix, in the order of their names, from the page's token on."""
        with self.lock:
            held = self.bucket(bucket)
            prefix = query.get("prefix", "")
            start = max(prefix, query.get("startOffset", ""), query.get("pageToken", ""))
            names = held.names[bisect.bisect_left(held.names, start) :]
            if query.get("versions", "").lower() == "true":
                kept = [one for one in held.former if one["name"] >= start]
                every = sorted(
                    [*kept, *(held.live[name] for name in names)], key=lambda one: (one["name"], one["etag"])
                )
            else:
                every = [held.live[name] for name in names[: _most(query) + 1]]
        end = query.get("endOffset")
        for one in every:
            if not one["name"].startswith(prefix) or (end and one["name"] >= end):
                return
            yield one

    def open(self, bucket: str, found: Json) -> BinaryIO:
        """The content of an object."""
        try:
            return self.bucket(bucket).path(found).open("rb")
        except FileNotFoundError:
            raise Refused(404, "The object was deleted just now.", "notFound") from None


def _most(query: Mapping[str, str]) -> int:
    """How many a page holds."""
    return min(int(query.get("maxResults", 1000)), 1000)


def page(found: Iterator[Json], query: Mapping[str, str]) -> Json:
    """One page of a listing, with a delimiter's prefixes."""
    items: list[Json] = []
    prefixes: list[str] = []
    delimiter, prefix = query.get("delimiter"), query.get("prefix", "")
    following = None
    for one in found:
        if len(items) + len(prefixes) >= _most(query):
            following = one["name"]
            break
        rest = one["name"][len(prefix) :]
        if delimiter and delimiter in rest:
            group = prefix + rest.split(delimiter)[0] + delimiter
            if group not in prefixes:
                prefixes.append(group)
        else:
            items.append(one)
    made: Json = {"kind": "storage#objects", "items": items, "prefixes": prefixes}
    return made | ({"nextPageToken": following} if following else {})


def check_preconditions(found: Json | None, query: Mapping[str, str], reading: bool = False) -> None:
    """412, or 304 where a reader asked for something new only; 0 stands for "there is none"."""
    generation = int(found["generation"]) if found else 0
    metageneration = int(found["metageneration"]) if found else 0
    given = {key.lower(): int(value) for key, value in query.items() if key.lower().startswith("if")}
    unmet = (
        given.get("ifgenerationmatch", generation) != generation
        or given.get("ifmetagenerationmatch", metageneration) != metageneration
    )
    if unmet:
        raise Refused(412, "At least one of the pre-conditions you specified did not hold.", "conditionNotMet")
    if given.get("ifgenerationnotmatch") == generation or given.get("ifmetagenerationnotmatch") == metageneration:
        raise Refused(304 if reading else 412, "It is the generation that was not wanted.", "conditionNotMet")


def _write(path: Path, resource: Json) -> None:
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(resource))
    beside.rename(path)
