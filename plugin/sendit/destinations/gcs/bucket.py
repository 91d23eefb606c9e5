"""One bucket, by Google's own client. Faults leave here as errors of SendIt's own.

The client tries again by itself for `Timeout` seconds, what heals later is the pipeline's matter. Every upload says
what may be there under its name (`if_generation_match`; 0: nothing): so it is done once, however often it is tried.
"""

from __future__ import annotations

import io
import os
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from google.api_core.client_info import ClientInfo
from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from sendit import __version__
from sendit.destinations.google.credentials import credentials
from sendit.destinations.google.errors import GOOGLE_ERRORS, translate, words
from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

    from sendit.destinations.gcs.settings import GoogleCloudStorageSettings

#: Larger files go in chunks of this size (bytes), in one session: so much of each upload stands in memory.
CHUNK = 8 * 1024 * 1024

#: Google's words about an object that it may not delete yet.
_KEPT = re.compile(r"retention polic|retention period|under active .*hold|object hold", re.IGNORECASE)


class Taken(Exception):
    """There is an object of this name already, or its generation is another one by now."""


class Undeletable(Exception):
    """The object may not be deleted yet: a retention policy or a hold."""


class Bucket:
    """The bucket of one destination. All methods may be called from any thread, and in a process forked later."""

    def __init__(self, place: str, settings: GoogleCloudStorageSettings) -> None:
        self.place = place
        self.name = settings.bucket
        self._settings = settings
        self._retry = DEFAULT_RETRY.with_timeout(settings.timeout).with_delay(initial=0.5, maximum=10.0)
        self._timeout = (min(settings.timeout, 10.0), settings.timeout)
        self._tries = {"timeout": self._timeout, "retry": self._retry}
        self._lock = threading.Lock()
        self._client: tuple[int, Any] | None = None  # the process that made it, and the client

    def get(self, name: str) -> Any | None:
        """Return the object's description (a `storage.Blob`), or None."""
        with self._errors("asking for an object"):
            return self._bucket().get_blob(name, **self._tries)

    def listed(self, prefix: str, *, versions: bool = False) -> Iterator[Any]:
        """List all objects whose names begin so; with `versions`, also the noncurrent generations."""
        with self._errors("listing objects"):
            yield from self._bucket().list_blobs(prefix=prefix, versions=versions or None, **self._tries)

    def upload(
        self,
        name: str,
        file: BinaryIO,
        size: int | None,
        kind: str,
        metadata: Mapping[str, str],
        *,
        generation: int = 0,
    ) -> Any:
        """Make an object; return Google's description of it, with digests that the client has compared.

        Args:
            name: name of the object.
            file: the content, which can be read again.
            size: bytes; None: until the file ends.
            kind: its content type.
            metadata: metadata of the object.
            generation: of the object that it replaces; 0: there is none.

        Raises:
            Taken: there is one of this name, or of another generation.
        """
        blob = self._bucket().blob(name, chunk_size=CHUNK, kms_key_name=self._settings.kms_key)
        blob.metadata = dict(metadata)
        if self._settings.storage_class:
            blob.storage_class = self._settings.storage_class
        if size is not None and size <= CHUNK:  # the client sends it in one piece
            file = Content(file.read(size))
        with self._errors("uploading"):
            try:
                blob.upload_from_file(
                    file, size=size, content_type=kind, if_generation_match=generation, checksum="crc32c", **self._tries
                )
            except PreconditionFailed:
                raise Taken from None
            except ValueError as error:  # the client's word for a session whose server forgot what it had received
                if isinstance(error, GOOGLE_ERRORS):
                    raise
                raise Retry("Google lost part of an upload; it is started again") from None
        self._check_stored(blob)
        return blob

    def _check_stored(self, blob: Any) -> None:
        key, stored = self._settings.kms_key, blob.kms_key_name or ""
        if key is not None and not f"{stored}/".startswith(f"{key}/"):
            problem = "Google encrypted an object with a different key"
            raise Misconfigured(f"{self.place}.KmsKey", problem, "See the bucket's default key and its policies.")
        storage_class = self._settings.storage_class
        if storage_class is not None and blob.storage_class != storage_class:
            problem = f"Google stored an object as {blob.storage_class}"
            raise Misconfigured(f"{self.place}.StorageClass", problem, "See the bucket's Autoclass and its policies.")

    def content(self, blob: Any) -> bytes:
        """Return the content of one generation, in one piece; its crc32c was compared."""
        with self._errors("downloading"):
            source = self._generation(blob)
            return cast("bytes", source.download_as_bytes(raw_download=True, checksum="crc32c", **self._tries))

    @contextmanager
    def opened(self, blob: Any) -> Iterator[BinaryIO]:
        """Open one generation as a file that is read in chunks. The reader has to check digests."""
        with self._errors("downloading"):
            reader = self._generation(blob).open("rb", chunk_size=CHUNK, raw_download=True, **self._tries)
            yield cast("BinaryIO", reader)

    def _generation(self, blob: Any) -> Any:
        """Return a fresh description of the same generation: the client overwrites it from a download's headers."""
        return self._bucket().blob(blob.name, generation=blob.generation)

    def delete(self, blob: Any) -> None:
        """Delete this generation, also where the bucket keeps former ones; fine if it is gone.

        Raises:
            Undeletable: it may not be deleted yet.
        """
        with self._errors("deleting"):
            try:
                self._bucket().delete_blob(blob.name, generation=blob.generation, **self._tries)
            except NotFound:
                return
            except GoogleAPICallError as error:
                if _KEPT.search(str(error.message)):
                    raise Undeletable(words(error)) from None
                raise

    def granted(self, permissions: list[str]) -> list[str]:
        """Return which of these permissions we have here; raise `Misconfigured` if there is no such bucket."""
        with self._errors("asking for our permissions"):
            try:
                return list(self._bucket().test_iam_permissions(permissions, **self._tries))
            except NotFound:
                problem = f"there is no bucket '{self.name}'"
                raise Misconfigured(f"{self.place}.Bucket", problem, "Create it, or correct the name.") from None

    def description(self) -> Any:
        """Return the bucket itself (a `storage.Bucket`)."""
        with self._errors("asking for the bucket"):
            bucket = self._bucket()
            bucket.reload(**self._tries)
            return bucket

    def policy(self) -> Any:
        """Return the bucket's IAM policy as a list of bindings."""
        with self._errors("asking for the bucket's policy"):
            return self._bucket().get_iam_policy(requested_policy_version=3, **self._tries).bindings

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except DataCorruption:
            raise Retry(f"data was corrupted in transit when {what}") from None
        except InvalidResponse as error:  # what the client did not make an API error of
            raise translate(_api_error(error), self.place, what) from None
        except GOOGLE_ERRORS as error:
            if _heals(error):
                raise Retry(f"Google refused an upload that was corrupted or too old ({words(error)})") from None  # type: ignore[arg-type]
            raise translate(error, self.place, what) from None

    def _bucket(self) -> Any:
        with self._lock:
            if self._client is None or self._client[0] != os.getpid():
                self._client = (os.getpid(), self._connect())
            return self._client[1].bucket(self.name)

    def _connect(self) -> Any:
        settings = self._settings
        google_credentials, project = credentials(settings.credentials, f"{self.place}.Credentials")
        session = AuthorizedSession(google_credentials)  # type: ignore[no-untyped-call]
        # The environment is read once: requests would read all of it anew for every object.
        session.trust_env = False
        session.proxies.update(get_environ_proxies(settings.endpoint or "https://storage.googleapis.com", None))
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        adapter = _Adapter(pool_maxsize=settings.concurrency * settings.batches_at_once + 2)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return storage.Client(
            project=settings.google_project or project or "none",  # only what belongs to no bucket would need it
            credentials=google_credentials,
            _http=session,
            client_info=ClientInfo(user_agent=f"SendIt/{__version__}"),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": settings.endpoint.rstrip("/")} if settings.endpoint else None,
        )


def _heals(error: Exception) -> bool:
    """Return whether it heals: two errors look like ours and are not (a wrong digest, an expired upload session)."""
    if not isinstance(error, GoogleAPICallError):
        return False
    session_over = error.code in (404, 410) and "upload_id=" in str(getattr(error.response, "url", ""))
    return session_over or (error.code == 400 and "match calculated" in str(error.message))


def _api_error(error: Any) -> GoogleAPICallError:
    made = GoogleAPICallError(str(error.args[-1]) if error.args else "")  # type: ignore[no-untyped-call]
    made.code = error.response.status_code
    return made


class _Adapter(HTTPAdapter):
    """requests with bodies that leave piece by piece, and a pool for all of our threads."""

    def __init__(self, pool_maxsize: int) -> None:
        super().__init__(pool_connections=4, pool_maxsize=pool_maxsize)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002 - urllib3's
        super().init_poolmanager(connections, maxsize, block, **kwargs)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if isinstance(request.body, bytes) and len(request.body) > PIECE:
            request.body = cast("Any", Body(request.body))
        return super().send(request, *args, **kwargs)


#: A body is handed to the socket in pieces of so many bytes, so that the time limit counts for a piece: else a chunk of
#: 8 MiB would have to leave in the seconds that are meant for connecting.
PIECE = 1024 * 1024


class Body:
    """A body for `requests`: its length is known, and every try reads it from its beginning."""

    def __init__(self, content: bytes, before: bytes = b"", after: bytes = b"") -> None:
        self._content, self._before, self._after = content, before, after

    def __add__(self, after: bytes) -> Body:
        return Body(self._content, self._before, self._after + after)

    def __len__(self) -> int:
        return len(self._before) + len(self._content) + len(self._after)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield self._before
        view = memoryview(self._content)
        for start in range(0, len(view), PIECE):
            yield view[start : start + PIECE]
        yield self._after


class _Content(bytes):
    """Content that is not copied where it is added to other bytes."""

    def __radd__(self, before: bytes) -> Body:  # type: ignore[misc]  # it is asked before `bytes.__add__`
        return Body(self, before)


class Content(io.BytesIO):
    """A file whose bytes are not copied into a body."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes that pass as a request body."""
        return _Content(super().read(size))
