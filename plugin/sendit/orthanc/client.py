"""Our own Orthanc, over HTTP.

Not through the plugin's SDK: its calls hold the interpreter's lock, and storing ones can deadlock the server. Answers
are asked for uncompressed: Orthanc's gzip of a DICOM file costs twenty times as much as reading it.
"""

from __future__ import annotations

import re
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import requests

from sendit.errors import Reject, Retry
from sendit.http import Adapter
from sendit.model import StoreAnswer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

#: Seconds: a large archive may take minutes to answer a query.
_LONG = 300
_CHANGES = 1000
_PAGE = 200
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Study:
    """A study of our Orthanc, as it is now."""

    id: str
    stable: bool
    last_update: str  # "20261122T173915", UTC
    series: tuple[str, ...]
    uid: str = ""  # StudyInstanceUID
    patient_id: str = field(default="", repr=False)
    made_of: str = ""  # the study of which Orthanc made it (/anonymize, /modify); "" for most


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """An instance of our Orthanc, as it is now."""

    id: str
    series: str
    version: str  # of its file: Orthanc gives each file that it writes a new one
    size: int = 0  # bytes of it


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """The facts about a study that a project's Match is compared with."""

    modalities: frozenset[str]
    called_aet: str
    calling_aet: str
    description: str


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of Orthanc's log of changes: the studies named in it."""

    studies: frozenset[str]
    last: int
    done: bool


def own_server(certificate: str) -> Adapter:
    """Return the transport to the loopback address: the certificate has to be the server's own, whatever its name."""
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # From Python 3.13 on certificates that lack extensions of RFC 5280 are refused; Orthanc's are often home-made.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return Adapter(context=context, assert_hostname=False)


class Source:
    """The Orthanc that SendIt lives in.

    Args:
        url: without a slash at its end.
        authorization: value of the Authorization header; the plugin gets it from Orthanc. "" for none.
        certificate: PEM file of the server's own certificate, if it speaks HTTPS.
        storage: the folder of its files; None if they are not kept as they are, or it is not known.
    """

    def __init__(
        self,
        url: str,
        authorization: str = "",
        certificate: str = "",
        timeout: float = 60,
        storage: Path | None = None,
    ) -> None:
        self._storage = storage
        self.url = url
        self.certificate = certificate
        self.headers = {"Accept-Encoding": "identity"}
        if authorization:
            self.headers["Authorization"] = authorization
        self._timeout = timeout
        self._local = threading.local()

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.trust_env = False
            session.headers.update(self.headers)
            if self.certificate:
                session.mount("https://", own_server(self.certificate))
            self._local.session = session
        session_: requests.Session = self._local.session
        return session_

    def _request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Return any answer below 500 (404 and 400 among them); raise Retry for the rest."""
        try:
            answer = self._session().request(method, self.url + path, timeout=self._timeout, **kwargs)
        except requests.RequestException as error:
            raise Retry(f"the local Orthanc is not responding ({type(error).__name__})") from None
        if answer.status_code >= 500 or answer.status_code in (401, 403, 429):
            raise Retry(f"the local Orthanc answered {answer.status_code}")
        return answer

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Return any answer to a request in which Orthanc asks other servers, which may fail and take long.

        Raises:
            Retry: Orthanc itself does not answer.
        """
        try:
            return self._session().request(method, self.url + path, timeout=_LONG, **kwargs)
        except requests.RequestException as error:
            raise Retry(f"the local Orthanc is not responding ({type(error).__name__})") from None

    def studies_of_uid(self, uid: str) -> list[str]:
        """Return the studies with this StudyInstanceUID: to Orthanc, each PatientID has studies of its own."""
        answer = self._request("POST", "/tools/lookup", data=uid.encode())
        if answer.status_code != 200:
            raise Retry(f"the local Orthanc answered {answer.status_code} to a look-up")
        return [str(one["ID"]) for one in answer.json() if one["Type"] == "Study"]

    def _get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of a GET, None for 404."""
        answer = self._request("GET", path, params=parameters)
        return answer.json() if answer.status_code == 200 else None

    def file_url(self, instance: str) -> str:
        """Return where the pool's processes read an instance, with `headers`."""
        return f"{self.url}/instances/{instance}/file"

    def read(self, instance: str) -> Iterator[bytes]:
        """Yield the bytes of an instance, a piece at a time; nothing if it was deleted."""
        with self._request("GET", f"/instances/{instance}/file", stream=True) as answer:
            if answer.status_code == 200:
                yield from answer.iter_content(1 << 20)

    def delete(self, instance: str) -> None:
        """Delete one instance; fine if it is not there."""
        answer = self._request("DELETE", f"/instances/{instance}")
        if answer.status_code not in (200, 404):
            raise Retry(f"the local Orthanc answered {answer.status_code} when an original is to be deleted")

    def system(self) -> Mapping[str, Any]:
        """Return Orthanc's /system; raise Retry if it does not answer."""
        answer = self._get("/system")
        return answer if isinstance(answer, dict) else {}

    def study(self, study: str) -> Study | None:
        """Return None if Orthanc does not have it (any more)."""
        answer = self._get(f"/studies/{study}")
        return None if answer is None else _study(answer)

    def namesakes(self, study: str) -> list[str]:
        """Return the other studies with its StudyInstanceUID: to Orthanc, each PatientID has studies of its own."""
        answer = self._get(f"/studies/{study}")
        uid = "" if answer is None else str(answer["MainDicomTags"].get("StudyInstanceUID", ""))
        return [one for one in self.studies_of_uid(uid) if one != study] if uid else []

    def original_of(self, study: Study) -> str:
        """Return the study of which Orthanc made this one; "" if it came from outside.

        Of a study into which single series were split or modified, its instances tell it.
        """
        if study.made_of:
            return study.made_of
        for series in study.series[:1]:
            first = next(iter((self._get(f"/series/{series}") or {}).get("Instances", ())), None)
            metadata = self._metadata(str(first)) if first else {}
            parent = metadata.get("AnonymizedFrom") or metadata.get("ModifiedFrom")
            original = self.study_of(parent) if parent else None
            if original is not None and original != study.id:
                return original
        return ""

    def instances(self, study: Study) -> list[str]:
        """Return the identifiers of its instances, in an order that does not change."""
        identifiers: list[str] = []
        for series in study.series:
            answer = self._get(f"/series/{series}")
            identifiers.extend(answer["Instances"] if answer else [])
        return sorted(identifiers)

    def count(self, study: str) -> int:
        """Return how many instances Orthanc holds of it; 0 if it does not have it."""
        answer = self._get(f"/studies/{study}/statistics")
        return 0 if answer is None else int(answer["CountInstances"])

    def stored(self, instances: Collection[str]) -> list[StoredInstance]:
        """Return those of these instances that Orthanc holds; none from one that cannot list them (before 1.9.4)."""
        order = {"Resources": list(instances), "Level": "Instance", "Metadata": False}
        answer = self._request("POST", "/tools/bulk-content", json=order)
        listed = answer.json() if answer.status_code == 200 else []
        return [_stored(one) for one in listed]

    def stored_file(self, instance: StoredInstance) -> Path | None:
        """Return where the file of an instance is on this machine, if Orthanc keeps its files as a folder of them.

        A plugin may keep them elsewhere, or otherwise: whoever opens it has to see whether it is there and is DICOM.
        """
        uuid = instance.version
        if self._storage is None or not _UUID.fullmatch(uuid):
            return None
        return self._storage / uuid[:2] / uuid[2:4] / uuid

    def study_of_series(self, series: str) -> str | None:
        """Return the study that a series belongs to; None if it was deleted."""
        answer = self._get(f"/series/{series}/study")
        return None if answer is None else str(answer["ID"])

    def study_of(self, instance: str) -> str | None:
        """Return the study that an instance belongs to; None if it was deleted."""
        answer = self._get(f"/instances/{instance}/study")
        return None if answer is None else str(answer["ID"])

    def facts(self, study: Study, instances: list[str]) -> StudyFacts:
        """Return what a project's Match looks at; the titles are those of the first instance's association."""
        series = [self._get(f"/series/{identifier}") for identifier in study.series]
        modalities = frozenset(str(s["MainDicomTags"].get("Modality", "")) for s in series if s)
        tags = (self._get(f"/studies/{study.id}") or {}).get("MainDicomTags", {})
        metadata = self._metadata(instances[0]) if instances else {}
        return StudyFacts(
            modalities=modalities,
            called_aet=metadata.get("CalledAET", ""),
            calling_aet=metadata.get("RemoteAET", ""),
            description=str(tags.get("StudyDescription", "")),
        )

    def devices(self, study: str) -> frozenset[tuple[str, str, str]]:
        """Return Manufacturer, ManufacturerModelName and StationName of each series of a study; "" for what is missing.

        Raises:
            Retry: Orthanc does not answer.
        """
        tags = {"Manufacturer": "0008,0070", "ManufacturerModelName": "0008,1090", "StationName": "0008,1010"}
        devices = set()
        for series in (self._get(f"/studies/{study}") or {}).get("Series", ()):
            first = next(iter((self._get(f"/series/{series}") or {}).get("Instances", ())), None)
            answer = self._get(f"/instances/{first}", **{"requested-tags": ";".join(tags.values())}) if first else None
            if answer is not None:
                values = answer.get("RequestedTags", {})
                devices.add(tuple(str(values.get(name, "")).strip() for name in tags))
        return frozenset(devices)  # type: ignore[arg-type]  # of three

    def _metadata(self, instance: str) -> dict[str, str]:
        answer = self._get(f"/instances/{instance}/metadata", expand="")
        return answer if isinstance(answer, dict) else {}

    def studies(self) -> Iterator[Study]:
        """Yield all the studies, a page at a time."""
        since = 0
        while page := self._get("/studies", since=since, limit=_PAGE, expand=""):
            yield from (_study(answer) for answer in page)
            since += len(page)

    def last_change(self) -> int:
        """Return the number of the newest change."""
        answer = self._get("/changes", last="")
        return int(answer["Last"]) if answer else 0

    def changes(self, since: int) -> Changes:
        """Return the studies named by the changes after `since`: new and stable ones."""
        answer = self._get("/changes", since=since, limit=_CHANGES)
        listed = [c for c in answer["Changes"] if c["ChangeType"] in ("NewStudy", "StableStudy")]
        return Changes(frozenset(str(c["ID"]) for c in listed), int(answer["Last"]), bool(answer["Done"]))

    def store(self, data: bytes | BinaryIO) -> StoreAnswer:
        """Upload one DICOM file.

        Raises:
            Reject: Orthanc cannot read it.
            Retry: Orthanc does not answer, or cannot write (its disk is full).
        """
        answer = self._request("POST", "/instances", data=data)
        if answer.status_code in (400, 404):  # 404 is Orthanc's answer to DICOM without its identifiers
            raise Reject("Orthanc cannot make an instance of it: not DICOM, truncated, or without its UIDs")
        if answer.status_code == 413:
            raise Reject("Orthanc says that it is too large")
        if answer.status_code != 200:
            raise Retry(f"the local Orthanc answered {answer.status_code} to an upload")
        body = answer.json()
        return StoreAnswer(str(body.get("Status", "")), str(body.get("ID", "")), str(body.get("ParentStudy", "")))

    def same_content(self, instance: str, md5: str) -> bool:
        """Return whether the file that Orthanc holds has this MD5 (hexadecimal)."""
        answer = self._request("GET", f"/instances/{instance}/attachments/dicom/md5")
        return answer.status_code == 200 and answer.text.strip().lower() == md5.lower()


def _stored(answer: Mapping[str, Any]) -> StoredInstance:
    return StoredInstance(
        str(answer["ID"]), str(answer["ParentSeries"]), str(answer["FileUuid"]), int(answer.get("FileSize", 0))
    )


def _study(answer: Mapping[str, Any]) -> Study:
    return Study(
        id=str(answer["ID"]),
        stable=bool(answer["IsStable"]),
        last_update=str(answer["LastUpdate"]),
        series=tuple(sorted(str(series) for series in answer["Series"])),
        uid=str(answer.get("MainDicomTags", {}).get("StudyInstanceUID", "")),
        patient_id=str(answer.get("PatientMainDicomTags", {}).get("PatientID", "")),
        made_of=str(answer.get("AnonymizedFrom") or answer.get("ModifiedFrom") or ""),
    )
