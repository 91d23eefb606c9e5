"""A small worker that speaks the plugin's protocol, so that the plugin can be driven through every case.

Everything it was told goes to files in SendIt.DataDirectory. A file `mode` there changes what it does:
misconfigured, crash, stubborn (ends neither at end of file nor by SIGTERM), child (leaves a child process behind),
forgetful (does not say that it has taken a stable study).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


#: Notified when a request came that is echoed at once.
came = threading.Condition()


class Handler(BaseHTTPRequestHandler):
    """/status/N answers N; /big/N answers N bytes; /die/N ends with N; /break answers nothing; others echo.

    /slow/N echoes after N other requests have come: the proxy asks whether we are alive.
    """

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        _, word, *rest = self.path.partition("?")[0].split("/")
        if word == "die":
            os._exit(int(rest[0]))
        elif word == "break":
            self.close_connection = True
        elif word == "slow":
            with came:
                self.server.came = 0  # type: ignore[attr-defined]
                came.wait_for(lambda: self.server.came >= int(rest[0]))  # type: ignore[attr-defined]
            self.echo(body)
        elif word == "big":
            self.send(200, "application/octet-stream", bytes(range(256)) * (int(rest[0]) // 256))
        elif word == "status":
            self.send(
                int(rest[0]), "application/json", b"" if rest[0] in ("204", "304") else b'{"detail": "d\xc3\xa9tail"}'
            )
        else:
            with came:
                self.server.came = getattr(self.server, "came", 0) + 1  # type: ignore[attr-defined]
                came.notify_all()
            self.echo(body)

    def echo(self, body: bytes) -> None:
        echo = {
            "method": self.command,
            "target": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode("latin-1"),
        }
        self.send(200, "application/json", json.dumps(echo).encode())

    def send(self, status: int, mime: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": mime, "Content-Length": str(len(body)), "Allow": "GET,POST"}.items():
            self.send_header(name, value)
        self.send_header("Location", "../elsewhere")
        self.send_header("Set-Cookie", "a=b")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        """Nothing: standard error goes to Orthanc's log."""


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    request_queue_size = 2048  # as of the real one


def asks_orthanc(hello: dict[str, Any]) -> int:
    """The status of a request to Orthanc with the token that came with the greeting."""
    request = urllib.request.Request(hello["url"] + "/system", headers={"Authorization": hello["authorization"]})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def main() -> None:
    hello = json.loads(sys.stdin.readline())
    folder = Path(hello["configuration"]["SendIt"]["DataDirectory"])
    mode = (folder / "mode").read_text() if (folder / "mode").exists() else ""
    (folder / "hello.json").write_text(json.dumps({**hello, "answered": asks_orthanc(hello)}))
    child = subprocess.Popen(["sleep", "600"]).pid if mode == "child" else None
    facts = {
        "pid": os.getpid(),
        "argv": sys.argv[1:],
        "cwd": os.getcwd(),
        "session": os.getsid(0),
        "python_variables": [name for name in os.environ if name.startswith("PYTHON")],
        "child": child,
    }
    with (folder / "workers.jsonl").open("a") as file:
        file.write(json.dumps(facts) + "\n")
    if mode == "misconfigured":
        stopped = {"place": "SendIt.Projects.P", "reason": "the recipe <p.deid> is not there", "retry": False}
        say({"stopped": stopped})
        os._exit(78)
    if mode == "crash":
        raise RuntimeError("the stand-in broke")
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve(folder)
    with (folder / "events.jsonl").open("a") as file:
        for line in sys.stdin:
            file.write(line)
            file.flush()
            event = json.loads(line)
            if event.get("event") == "stable" and mode != "forgetful":
                say({"taken": event["study"]})
    (folder / "eof").touch()
    if mode == "stubborn":
        threading.Event().wait()


def serve(folder: Path) -> None:
    path = folder / "worker.sock"
    path.unlink(missing_ok=True)
    server = Server(str(path), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say({"level": "warning", "message": "a warning of \ud800 the stand-in\0"})
    say({"level": "error", "message": "an error of the stand-in"})
    say({"ready": True, "socket": str(path)})


if __name__ == "__main__":
    main()
