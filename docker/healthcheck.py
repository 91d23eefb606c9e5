"""The container's health: Orthanc answers, and SendIt's worker says that it can work.

What waits for a person (a batch that is held, a destination that is down) is nothing that a new container would mend:
`sendit status` says that.
The worker is asked over its Unix socket: through Orthanc it would need a password. Exit code 0 or 1, with the reason.
With the argument `orthanc`, only Orthanc is asked.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from pathlib import Path


def main() -> str:
    """Return what is wrong; empty if nothing is."""
    try:
        with socket.create_connection(("127.0.0.1", int(os.environ.get("SENDIT_HTTP_PORT") or 8042)), timeout=5):
            pass
    except OSError as error:
        return f"Orthanc does not answer: {error}"
    if sys.argv[1:] == ["orthanc"]:
        return ""
    path = Path(os.environ.get("SENDIT_DATA_DIRECTORY") or "/var/lib/sendit") / "sendit.sock"
    connection = http.client.HTTPConnection("localhost")
    try:
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.settimeout(5)
            connection.sock.connect(str(path))
            connection.request("GET", "/api/health")
            answer = connection.getresponse()
            health = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"SendIt's worker does not answer: {error}"
    if answer.status != 200 or not health.get("works"):
        return f"SendIt is {health.get('status')}: {'; '.join(health.get('problems', []))}"
    return ""


if __name__ == "__main__":
    sys.exit(main() or 0)
