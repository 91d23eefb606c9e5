"""Looks at the targets alone (second Orthanc, bucket, index, folder), and says how they differ from what was sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from tests.attack.patients import SentStudy, pixel_digest
from tests.destinations.index_bench_datastore import official_client

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from google.cloud import datastore

    from tests.servers.orthanc import OrthancServer


@dataclass
class Audit:
    """What was found, in numbers; all but `expected` should be 0."""

    expected: int = 0  # instances that have to be at each target
    lost: int = 0
    twice: int = 0
    identified: int = 0  # files or entries that hold something of an original
    withdrawn: int = 0  # of studies that were recalled
    unknown: int = 0  # what nobody has sent
    words: list[str] = field(default_factory=list)  # what is wrong, one line for each target

    @property
    def clean(self) -> bool:
        return not any((self.lost, self.twice, self.identified, self.withdrawn, self.unknown))


def orthanc_files(target: OrthancServer) -> Iterator[bytes]:
    """All that an Orthanc holds."""
    for identifier in target.get("/instances"):
        yield target.instance_file(identifier)


def bucket_files(url: str, bucket: str) -> Iterator[bytes]:
    """All objects of a bucket."""
    page = ""
    while True:
        listing = requests.get(f"{url}/storage/v1/b/{bucket}/o", params={"pageToken": page} if page else {}, timeout=60)
        listing.raise_for_status()
        answer = listing.json()
        for item in answer.get("items", []):
            name = quote(item["name"], safe="")
            media = requests.get(f"{url}/storage/v1/b/{bucket}/o/{name}", params={"alt": "media"}, timeout=60)
            media.raise_for_status()
            yield media.content
        page = answer.get("nextPageToken", "")
        if not page:
            return


def folder_files(folder: Path) -> Iterator[bytes]:
    """All files below a folder, without the lock that SendIt keeps in it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ".sendit.lock":
            yield path.read_bytes()


def index_entries(endpoint: str) -> list[Any]:
    """All entities of all kinds."""
    client: datastore.Client = official_client(endpoint)
    return [entity for kind in ("Entity", "Study", "Image") for entity in client.query(kind=kind).fetch()]


def audit(studies: Sequence[SentStudy], targets: Mapping[str, Iterable[bytes]], entries: Sequence[Any]) -> Audit:
    """Compare all targets with what was sent; `targets` give DICOM files, passports, and lists of recalled studies."""
    sent = {digest: study for study in studies for digest in study.digests}
    expected = {digest for digest, study in sent.items() if not study.withdrawn}
    found = Audit(expected=len(expected))
    # A short number may stand in a coded UID by chance: of other studies, only what is long enough is looked for.
    tokens = {token for study in studies for token in study.tokens if len(token) > 9}
    for name, files in targets.items():
        held: Counter[str] = Counter()
        for data in files:
            if data.startswith(b'{"format":"sendit-'):
                found.identified += any(token in data for token in tokens)
                continue
            held[digest := pixel_digest(data)] += 1
            own = sent[digest].tokens if digest in sent else []
            found.identified += any(token in data for token in tokens.union(own))
        _count(found, name, held, expected, sent)
    images = [entity for entity in entries if entity.kind == "Image"]
    uids = {str(entity.key.name) for entity in images}
    found.identified += sum(any(token.decode() in str(dict(e)) for token in tokens) for e in entries)
    if len(uids) != len(expected) or len(images) != len(uids):
        found.lost += max(0, len(expected) - len(uids))
        found.twice += len(images) - len(uids)
        found.withdrawn += max(0, len(uids) - len(expected))
        found.words.append(f"index: {len(images)} images for {len(expected)} instances")
    return found


def _count(found: Audit, name: str, held: Counter[str], expected: set[str], sent: dict[str, SentStudy]) -> None:
    lost = expected - held.keys()
    twice = sum(count - 1 for count in held.values())
    withdrawn = [digest for digest in held if digest in sent and sent[digest].withdrawn]
    unknown = [digest for digest in held if digest not in sent]
    found.lost += len(lost)
    found.twice += twice
    found.withdrawn += len(withdrawn)
    found.unknown += len(unknown)
    if lost or twice or withdrawn or unknown:
        words = f"{len(lost)} lost, {twice} twice, {len(withdrawn)} withdrawn, {len(unknown)} that nobody has sent"
        found.words.append(f"{name}: {words}")
