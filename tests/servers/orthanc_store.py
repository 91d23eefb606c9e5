"""Orthanc over HTTP as the folder importer wants it, for tests of the importer alone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, BinaryIO

import requests

from sendit.errors import Reject, Retry
from sendit.model import StoreAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator


class OrthancStore:
    """Implements `sendit.importer.types.Store`. Counts what Orthanc stored anew."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._local = threading.local()
        self._lock = threading.Lock()
        self.uploads = 0
        self.stored = 0

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session

    def store(self, data: bytes | BinaryIO) -> StoreAnswer:
        try:
            answer = self._session().post(self.url + "/instances", data=data, timeout=60)
        except requests.RequestException as error:
            raise Retry(f"Orthanc does not answer ({type(error).__name__})") from None
        if answer.status_code in (400, 404):
            raise Reject(f"Orthanc refuses it ({answer.json()['Message']})")
        if answer.status_code != 200:
            raise Retry(f"Orthanc answers {answer.status_code}")
        body = answer.json()
        with self._lock:
            self.uploads += 1
            self.stored += body["Status"] == "Success"
        return StoreAnswer(body["Status"], body["ID"], body["ParentStudy"])

    def same_content(self, instance: str, md5: str) -> bool:
        try:
            answer = self._session().get(f"{self.url}/instances/{instance}/attachments/dicom/md5", timeout=60)
        except requests.RequestException as error:
            raise Retry(f"Orthanc does not answer ({type(error).__name__})") from None
        return answer.status_code == 200 and answer.text.strip() == md5

    def read(self, instance: str) -> Iterator[bytes]:
        try:
            with self._session().get(f"{self.url}/instances/{instance}/file", timeout=60, stream=True) as answer:
                yield from answer.iter_content(1 << 20)
        except requests.RequestException as error:
            raise Retry(f"Orthanc does not answer ({type(error).__name__})") from None
