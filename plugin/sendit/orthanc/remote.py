"""Servers that our Orthanc knows, modalities and DICOMweb servers: what they hold, and how Orthanc fetches it.

Orthanc does both: C-FIND and C-MOVE (or C-GET), QIDO-RS and WADO-RS. Identifiers are sent in bodies of requests, never
in their addresses; of Orthanc's errors only its own fixed words are repeated, with the status of DIMSE.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

    from sendit.orthanc.client import Source

_DIMSE = re.compile(r"\b0x[0-9A-Fa-f]{4}\b")
#: Orthanc's jobs of greater priority run first; the default is 0.
_BEHIND = -10
#: The first Orthanc that can C-GET.
_C_GET = (1, 12, 6)
_KEYS = {
    "StudyInstanceUID": "0020000d",
    "PatientID": "00100020",
    "AccessionNumber": "00080050",
    "StudyDate": "00080020",
    "ModalitiesInStudy": "00080061",
    "NumberOfStudyRelatedInstances": "00201208",
}


class Kind(StrEnum):
    """Protocol of a server."""

    MODALITY = "modality"  # DICOM: C-FIND, C-MOVE, C-GET
    DICOMWEB = "dicomweb"


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study as a server describes it."""

    uid: str = field(repr=False)
    patient_id: str = field(repr=False)
    accession_number: str = field(repr=False)
    date: str = field(repr=False)
    modalities: frozenset[str]
    images: int | None  # None: the server does not tell
    handle: str = field(repr=False)  # by which it is fetched, as long as the query is open


@dataclass(frozen=True, slots=True)
class JobState:
    """How far Orthanc is with fetching."""

    ended: bool
    problem: str  # "" unless it failed


class Remotes:
    """The servers that our Orthanc knows."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def names(self) -> dict[str, list[Kind]]:
        """Return the names of all servers, with what each speaks."""
        kinds: dict[str, list[Kind]] = {}
        for path, kind in (("/modalities", Kind.MODALITY), ("/dicom-web/servers", Kind.DICOMWEB)):
            answer = self._source.call("GET", path)
            for name in answer.json() if answer.status_code == 200 else ():  # 404: there is no such plugin
                kinds.setdefault(str(name), []).append(kind)
        return dict(sorted(kinds.items()))

    def can_get(self) -> bool:
        """Return whether this Orthanc can C-GET."""
        numbers = re.findall(r"\d+", str(self._source.system().get("Version", "")))
        # "mainline" is newer than any release.
        return not numbers or tuple(map(int, numbers[:3])) >= _C_GET

    @contextmanager
    def find(self, kind: Kind, name: str, query: Mapping[str, str]) -> Iterator[list[FoundStudy]]:
        """Provide the studies that match a query (keyword → value); they can be fetched until its end.

        Raises:
            Retry: the server does not answer, or refuses.
        """
        if kind is Kind.DICOMWEB:
            yield self._qido(name, query)
            return
        body = {"Level": "Study", "Query": {**dict.fromkeys(_KEYS, ""), **query}, "Normalize": False}
        identifier = str(self._post(name, f"/modalities/{quote(name, safe='')}/query", body)["ID"])
        try:
            answers = self._source.call("GET", f"/queries/{identifier}/answers", params={"expand": "", "simplify": ""})
            if answers.status_code != 200:
                raise Retry(f"the local Orthanc answered {answers.status_code} when it was asked what {name} has found")
            yield [
                _study(answer, f"/queries/{identifier}/answers/{index}/retrieve")
                for index, answer in enumerate(answers.json())
            ]
        finally:
            self._source.call("DELETE", f"/queries/{identifier}")

    def _qido(self, name: str, query: Mapping[str, str]) -> list[FoundStudy]:
        arguments = {key: value for key, value in query.items() if value}
        included = ",".join(key.upper() for key in _KEYS.values())
        body = {"Uri": "/studies", "Arguments": {**arguments, "includefield": included}}
        answers = self._post(name, f"/dicom-web/servers/{quote(name, safe='')}/qido", body)
        values = [{key.lower(): str(one.get("Value", "")) for key, one in answer.items()} for answer in answers]
        return [_study({keyword: one.get(tag, "") for keyword, tag in _KEYS.items()}, "") for one in values]

    def fetch(self, kind: Kind, name: str, study: FoundStudy, method: str) -> str:
        """Have Orthanc fetch a study; return its job.

        Args:
            kind: what the server speaks.
            name: of the server.
            study: as `find` has found it.
            method: C-MOVE or C-GET, for a modality.
        """
        body: dict[str, Any] = {"Synchronous": False, "Priority": _BEHIND}
        if kind is Kind.DICOMWEB:
            body["Resources"] = [{"Study": study.uid}]
            return str(self._post(name, f"/dicom-web/servers/{quote(name, safe='')}/retrieve", body)["ID"])
        return str(self._post(name, study.handle, {**body, "RetrieveMethod": method})["ID"])

    def job(self, job: str) -> JobState:
        """Return how far a job is. Orthanc forgets jobs: one that it does not know has ended."""
        answer = self._source.call("GET", f"/jobs/{job}")
        if answer.status_code != 200:
            return JobState(ended=True, problem="")
        state = answer.json()
        ended = state["State"] in ("Success", "Failure")
        return JobState(ended, _words(state.get("ErrorDescription"), state) if state["State"] == "Failure" else "")

    def cancel(self, job: str) -> None:
        """Have Orthanc stop fetching."""
        self._source.call("POST", f"/jobs/{job}/cancel", json={})

    def _post(self, name: str, path: str, body: Mapping[str, Any]) -> Any:
        answer = self._source.call("POST", path, json=body)
        if answer.status_code == 404:
            problem = "Orthanc knows no modality or DICOMweb server of this name"
            raise Misconfigured(name, problem, "Add it to DicomModalities, or to DicomWeb.Servers.")
        if answer.status_code != 200:
            raise Retry(f"{name} does not answer, or refuses: {_words_of(answer)}")
        return answer.json()


def _words_of(answer: requests.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    return _words(body.get("OrthancError"), body) or f"the local Orthanc answered {answer.status_code}"


def _words(error: Any, body: Mapping[str, Any]) -> str:
    """Return Orthanc's own words for an error, and the status of DIMSE. Its details may repeat what was asked."""
    details = f"{body.get('Details', '')} {body.get('ErrorDetails', '')}"
    statuses = ", ".join(dict.fromkeys(_DIMSE.findall(details)))
    return f"{error or 'unknown error'}" + (f" (status {statuses})" if statuses else "")


def _study(answer: Mapping[str, Any], handle: str) -> FoundStudy:
    text = {keyword: str(answer.get(keyword, "") or "").strip(" \0") for keyword in _KEYS}
    number = text["NumberOfStudyRelatedInstances"]
    return FoundStudy(
        uid=text["StudyInstanceUID"],
        patient_id=text["PatientID"],
        accession_number=text["AccessionNumber"],
        date=text["StudyDate"],
        modalities=frozenset(filter(None, text["ModalitiesInStudy"].split("\\"))),
        images=int(number) if number.isdigit() else None,
        handle=handle,
    )
