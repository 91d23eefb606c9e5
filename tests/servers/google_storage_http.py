"""The JSON API of Google Cloud Storage, as far as the official client uses it for buckets and objects.

Beside it `/-/` for tests: GET `/-/state` counts, POST `/-/limits` sets `Limits`.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.servers.google_storage_objects import Content, Json, ObjectStore, Refused, check_preconditions, page

_PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass
class Session:
    """A resumable upload under way."""

    bucket: str
    given: Json
    query: Mapping[str, str]
    content: Content
    lock: threading.Lock
    done: Json | None = None


class StorageServer(ThreadingHTTPServer):
    """Serves one store; each connection has its thread."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], store: ObjectStore) -> None:
        self.store = store
        self.sessions: dict[str, Session] = {}
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: StorageServer
    query: Mapping[str, str]
    many: Mapping[str, list[str]]
    left: int  # bytes of the request's body that were not read yet

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    # --- from a request to an answer -----------------------------------------------------------------------------

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.many = parse_qs(parts.query, keep_blank_values=True)
        self.query = {key: values[-1] for key, values in self.many.items()}
        self.left = int(self.headers.get("Content-Length") or 0)
        try:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                self.close_connection = True
                raise Refused(411, "You must provide the Content-Length HTTP header.", "required")
            self._route(parts.path)
        except Refused as refused:
            self._skip()
            said = {"message": refused.message, "domain": "global", "reason": refused.reason}
            self.reply(
                {"error": {"code": refused.status, "message": refused.message, "errors": [said]}}, refused.status
            )
        except ConnectionError:
            self.close_connection = True

    def _route(self, path: str) -> None:
        if path.startswith("/-/"):
            self._own(path)
            return
        token = self.server.store.limits.token
        if token is not None and self.headers.get("Authorization") != f"Bearer {token}":
            raise Refused(401, "Invalid Credentials", "authError")
        for method, pattern, permission, action in _ROUTES:
            match = pattern.fullmatch(path)
            if match and method == self.command:
                if permission in self.server.store.limits.denied:
                    said = f"The caller does not have {permission} access to the Google Cloud Storage object."
                    raise Refused(403, said, "forbidden")
                action(self, *(unquote(group) for group in match.groups()))
                return
        raise Refused(501, f"This server has no {self.command} here.", "notImplemented")

    def _own(self, path: str) -> None:
        store = self.server.store
        if path == "/-/limits" and self.command == "POST":
            for key, value in self.body().items():
                setattr(store.limits, key, set(value) if key == "denied" else value)
        self.reply({"created": store.created, "room": store.limits.room, "sessions": len(self.server.sessions)})

    def reply(self, answer: Json | None, status: int = 200, **headers: str) -> None:
        data = b"" if answer is None or status == 304 else json.dumps(answer).encode()
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    # --- the request's body --------------------------------------------------------------------------------------

    def body(self) -> Json:
        data = self.rfile.read(self.left)
        self.left = 0
        try:
            parsed = json.loads(data or b"{}")
        except ValueError:
            raise Refused(400, "Parse Error", "parseError") from None
        return dict(parsed)

    def pieces(self, size: int) -> Iterator[bytes]:
        """So many bytes of the body."""
        rate, begun, taken = self.server.store.limits.rate, time.monotonic(), 0
        while size > 0:
            data = self.rfile.read1(min(size, self.left, _PIECE))
            if not data:
                raise ConnectionError("the client went away")
            size -= len(data)
            self.left -= len(data)
            taken += len(data)
            if rate is not None:
                time.sleep(max(0.0, begun + taken / rate - time.monotonic()))
            yield data

    def line(self) -> bytes:
        data = self.rfile.readline(64 * 1024)
        self.left -= len(data)
        if not data:
            raise ConnectionError("the client went away")
        return data.rstrip(b"\r\n")

    def _skip(self) -> None:
        """The rest of the body, so that the connection can be used on."""
        for _ in self.pieces(self.left):
            pass

    # --- buckets -------------------------------------------------------------------------------------------------

    def list_buckets(self) -> None:
        buckets = [bucket.resource for bucket in self.server.store.buckets.values()]
        self.reply({"kind": "storage#buckets", "items": buckets})

    def make_bucket(self) -> None:
        self.reply(self.server.store.make_bucket(self.query.get("project", ""), self.body()))

    def get_bucket(self, bucket: str) -> None:
        self.reply(self.server.store.bucket(bucket).resource)

    def patch_bucket(self, bucket: str) -> None:
        given = self.body()
        with self.server.store.lock:
            self.server.store.bucket(bucket).resource.update(given)
            self.server.store.save_bucket(bucket)
        self.get_bucket(bucket)

    def get_policy(self, bucket: str) -> None:
        self.reply(self.server.store.bucket(bucket).policy)

    def put_policy(self, bucket: str) -> None:
        self.server.store.bucket(bucket).policy.update(self.body())
        self.get_policy(bucket)

    def permissions(self, bucket: str) -> None:
        self.server.store.bucket(bucket)
        granted = [one for one in self.many.get("permissions", []) if one not in self.server.store.limits.denied]
        self.reply({"kind": "storage#testIamPermissionsResponse", "permissions": granted})

    # --- objects -------------------------------------------------------------------------------------------------

    def list_objects(self, bucket: str) -> None:
        self.reply(page(self.server.store.listed(bucket, self.query), self.query))

    def get_object(self, bucket: str, name: str) -> None:
        found = self.server.store.find(bucket, name, self.query, reading=True)
        if self.query.get("alt") == "media":
            self._download(bucket, found)
        else:
            link = f"http://{self.headers['Host']}/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media"
            self.reply(found | {"mediaLink": f"{link}&generation={found['generation']}"})

    def _download(self, bucket: str, found: Json) -> None:
        size = int(found["size"])
        first, last, status = 0, size - 1, 200
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        if wanted:
            first, last, status = int(wanted[1]), min(int(wanted[2] or last), last), 206
            if first >= size:
                raise Refused(416, "The requested range cannot be satisfied.", "requestedRangeNotSatisfiable")
        with self.server.store.open(bucket, found) as file:
            file.seek(first)
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            self.send_header("Content-Type", found["contentType"])
            self.send_header("Content-Length", str(last - first + 1))
            self.send_header("X-Goog-Hash", f"crc32c={found['crc32c']},md5={found['md5Hash']}")
            self.send_header("X-Goog-Generation", found["generation"])
            self.send_header("X-Goog-Metageneration", found["metageneration"])
            self.send_header("X-Goog-Storage-Class", found["storageClass"])
            self.send_header("X-Goog-Stored-Content-Length", str(size))
            self.send_header("ETag", found["etag"])
            self.end_headers()
            left = last - first + 1
            while left > 0 and (data := file.read(min(_PIECE, left))):
                self.wfile.write(data)
                left -= len(data)

    def patch_object(self, bucket: str, name: str) -> None:
        self.reply(self.server.store.patch(bucket, name, self.body(), self.query))

    def delete_object(self, bucket: str, name: str) -> None:
        self.server.store.delete(bucket, name, self.query)
        self.reply(None, 204)

    # --- uploads -------------------------------------------------------------------------------------------------

    def upload(self, bucket: str) -> None:
        self.server.store.bucket(bucket)
        kind = self.query.get("uploadType")
        if kind == "resumable":
            self._begin(bucket)
        elif kind in ("multipart", "media"):
            boundary, given = self._related() if kind == "multipart" else (b"", {})
            given = {"name": self.query.get("name")} | given | self._hashes()
            self._named(given)
            content = self.server.store.new_content()
            self._receive(content, boundary)
            self.reply(self.server.store.put(bucket, given, content, self.query))
        else:
            raise Refused(400, "Invalid upload type.", "invalidParameter")

    def _receive(self, content: Content, boundary: bytes) -> None:
        """All of the body; behind a part of a multipart body stands its boundary."""
        end = b"\r\n--" + boundary + b"--"
        try:
            for data in self.pieces(max(0, self.left - len(end) - 2) if boundary else self.left):
                content.write(data)
            if boundary:
                last, found, _ = b"".join(self.pieces(self.left)).partition(end)
                content.write(last)
                if not found:
                    raise Refused(400, "Malformed multipart body.", "badContent")
        except (Refused, ConnectionError):
            content.discard()
            raise

    def _related(self) -> tuple[bytes, Json]:
        """Boundary and first part (the resource) of a multipart/related body, up to the content in the second."""
        found = re.search(r'boundary="?([^";]+)"?', self.headers.get("Content-Type", ""))
        if not found:
            raise Refused(400, "Malformed multipart body.", "badContent")
        boundary = found[1].strip("'").encode()
        while self.line() != b"--" + boundary:
            pass
        while self.line():  # the headers of the first part
            pass
        text, content_type = b"", b""
        while (line := self.line()) != b"--" + boundary:
            text += line
        while line := self.line():
            if line.lower().startswith(b"content-type:"):
                content_type = line.split(b":", 1)[1].strip()
        try:
            given = dict(json.loads(text))
        except ValueError:
            raise Refused(400, "Metadata part is not JSON.", "parseError") from None
        given.setdefault("contentType", content_type.decode())
        return boundary, given

    def _hashes(self) -> Json:
        """What X-Goog-Hash promises."""
        names = {"crc32c": "crc32c", "md5": "md5Hash"}
        pairs = (one.strip().partition("=") for one in self.headers.get("X-Goog-Hash", "").split(",") if one.strip())
        return {names[kind]: value for kind, _, value in pairs if kind in names}

    def _named(self, given: Json) -> None:
        name = given.get("name")
        if not name or len(str(name).encode()) > 1024 or any(c in str(name) for c in "\r\n") or name in (".", ".."):
            raise Refused(400, "Invalid object name.", "invalid")

    def _begin(self, bucket: str) -> None:
        given = {"name": self.query.get("name"), "contentType": self.headers.get("X-Upload-Content-Type")} | self.body()
        self._named(given)
        store = self.server.store
        with store.lock:  # told early, as Google does, and again at the end
            check_preconditions(store.bucket(bucket).live.get(str(given["name"])), self.query)
        session = uuid.uuid4().hex
        given = {key: value for key, value in given.items() if value is not None}
        self.server.sessions[session] = Session(bucket, given, self.query, store.new_content(), threading.Lock())
        where = f"http://{self.headers['Host']}{urlsplit(self.path).path}?uploadType=resumable&upload_id={session}"
        self.reply(None, 200, Location=where, X_GUploader_UploadID=session)

    def resume(self, bucket: str) -> None:
        session = self.server.sessions.get(self.query.get("upload_id", ""))
        if session is None:
            raise Refused(404, "There is no such upload.", "notFound")
        with session.lock:
            self._continue(session)

    def _continue(self, session: Session) -> None:
        if session.done is not None:
            self._skip()
            self.reply(session.done)
            return
        told = _CONTENT_RANGE.fullmatch(self.headers.get("Content-Range", f"bytes 0-{self.left - 1}/{self.left}"))
        if told is None:
            raise Refused(400, "Failed to parse Content-Range header.")
        first, total = told[1], told[3]
        if first is not None:
            self._chunk(session, int(first), total)
        if total != "*" and session.content.size == int(total):
            self._finish(session)
        else:
            size = session.content.size
            self.reply(None, 308, **({"Range": f"bytes=0-{size - 1}"} if size else {}))

    def _chunk(self, session: Session, first: int, total: str) -> None:
        """Append what is new of a chunk; what came before the connection broke is kept."""
        known = session.content.size
        if first > known:
            raise Refused(503, "A chunk is missing before this one.", "backendError")
        if total == "*" and self.left % (256 * 1024):
            raise Refused(400, "A chunk that is not the last one is a multiple of 256 KiB.")
        skip = known - first
        for data in self.pieces(self.left):
            session.content.write(data[skip:])
            skip = max(0, skip - len(data))

    def _finish(self, session: Session) -> None:
        given = session.given | self._hashes()
        try:
            session.done = self.server.store.put(session.bucket, given, session.content, session.query)
        except Refused:
            self.server.sessions.pop(self.query["upload_id"], None)
            raise
        self.reply(session.done)

    def cancel(self, bucket: str) -> None:
        session = self.server.sessions.pop(self.query.get("upload_id", ""), None)
        if session is None:
            raise Refused(404, "There is no such upload.", "notFound")
        session.content.discard()
        raise Refused(499, "Client Closed Request", "cancelled")


_BUCKET = r"/storage/v1/b/([^/]+)"
_Action = Callable[..., None]
_ROUTES: list[tuple[str, re.Pattern[str], str, _Action]] = [
    (method, re.compile(pattern), permission, action)
    for method, pattern, permission, action in (
        ("GET", "/storage/v1/b", "storage.buckets.list", _Handler.list_buckets),
        ("POST", "/storage/v1/b", "storage.buckets.create", _Handler.make_bucket),
        ("GET", _BUCKET, "storage.buckets.get", _Handler.get_bucket),
        ("PATCH", _BUCKET, "storage.buckets.update", _Handler.patch_bucket),
        ("GET", f"{_BUCKET}/iam", "storage.buckets.getIamPolicy", _Handler.get_policy),
        ("PUT", f"{_BUCKET}/iam", "storage.buckets.setIamPolicy", _Handler.put_policy),
        ("GET", f"{_BUCKET}/iam/testPermissions", "", _Handler.permissions),
        ("GET", f"{_BUCKET}/o", "storage.objects.list", _Handler.list_objects),
        ("GET", f"(?:/download)?{_BUCKET}/o/([^/]+)", "storage.objects.get", _Handler.get_object),
        ("PATCH", f"{_BUCKET}/o/([^/]+)", "storage.objects.update", _Handler.patch_object),
        ("DELETE", f"{_BUCKET}/o/([^/]+)", "storage.objects.delete", _Handler.delete_object),
        ("POST", f"/upload{_BUCKET}/o", "storage.objects.create", _Handler.upload),
        ("PUT", f"/upload{_BUCKET}/o", "storage.objects.create", _Handler.resume),
        ("DELETE", f"/upload{_BUCKET}/o", "storage.objects.create", _Handler.cancel),
    )
]
