"""Log lines for the plugin, which puts them into Orthanc's log. One JSON object a line: {"level", "message"}.

No line carries a patient identifier (law 5). The text of a foreign exception may (pydicom quotes values), so an
exception is logged as the name of its class and the places in the code, never with its text.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from pathlib import Path
from typing import IO

_LEVELS = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}


def places(error: BaseException) -> str:
    """Return where an exception came from, innermost first: `ValueError at engine.py:120 < pool.py:88`."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at " + " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))


class JsonLines(logging.Formatter):
    """The worker's log, for the plugin to read."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line of JSON."""
        message = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            message += f" ({places(record.exc_info[1])})"
        return json.dumps({"level": _LEVELS.get(record.levelname, "info"), "message": message})


def _is_of_the_database(record: logging.LogRecord) -> bool:
    """Return whether the engine tells that its database is not well.

    It does so at every look, with places in its own code;
    the reconciliation says the same once, with the place and what to do."""
    error = record.exc_info[1] if record.exc_info else None
    return type(error).__module__.startswith("sqlalchemy") or "sqlalche.me" in record.getMessage()


def set_up(stream: IO[str] | None = None) -> None:
    """Send the log of SendIt, and the warnings of the libraries, to `stream` (standard output) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonLines())
    handler.addFilter(lambda record: not (record.name.startswith("dbos") and _is_of_the_database(record)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("sendit").setLevel(logging.INFO)
    # The engine brings its own handler, which would print tracebacks with their texts.
    engine = logging.getLogger("dbos")
    engine.handlers[:] = []
    engine.propagate = True
    # urllib3 logs URLs and pydicom logs values.
    for name in ("urllib3", "pydicom", "pynetdicom", "deid"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
