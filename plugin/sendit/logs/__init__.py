"""Log lines for the plugin, which puts them into Orthanc's log. One JSON object a line: {"level", "message"}.

No line carries a patient identifier (law 5). The text of a foreign exception may (pydicom quotes values), so an
exception is logged as the name of its class and the places in the code, never with its text.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from io import TextIOWrapper

#: Beginning of a line about a batch.
_BATCH = re.compile(r"batch (\d+):")
_OURS = "sendit"
_LEVELS = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}


def places(error: BaseException) -> str:
    """Return where an exception came from, innermost first: `ValueError at engine.py:120 < pool.py:88`."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at " + " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))


def _message(record: logging.LogRecord) -> str:
    message = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        message += f" ({places(record.exc_info[1])})"
    return message


class TextLines(logging.Formatter):
    """A log for persons: time, level, where it comes from, and the message, in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line."""
        message = _message(record).replace("\n", " ")
        return f"{_time(record)} {record.levelname:7} {record.name} {message}"


class StructuredLines(logging.Formatter):
    """A log for programs: one object a line, with the batch that it is about."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line of JSON."""
        message = _message(record)
        facts: dict[str, Any] = {
            "at": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        if (about := _BATCH.match(message)) is not None:
            facts["batch"] = int(about[1])
        more = {name: getattr(record, name) for name in ("state", "project") if getattr(record, name, None) is not None}
        return json.dumps(facts | more)


class JsonLines(logging.Formatter):
    """The worker's log, for the plugin to read.

    Args:
        inner: makes the message of each line; None: the message alone.
    """

    def __init__(self, inner: logging.Formatter | None = None) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line of JSON."""
        message = _message(record) if self._inner is None else self._inner.format(record)
        return json.dumps({"level": _LEVELS.get(record.levelname, "info"), "message": message})


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_of_the_database(record: logging.LogRecord) -> bool:
    """Return whether the engine tells that its database fails.

    It does so at every look, with places in its own code;
    the reconciliation says the same once, with the place and what to do.
    """
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
    logging.getLogger(_OURS).setLevel(logging.INFO)
    # The engine brings its own handler, which would print tracebacks with their texts.
    engine = logging.getLogger("dbos")
    engine.handlers[:] = []
    engine.propagate = True
    # urllib3 logs URLs and pydicom logs values.
    for name in ("urllib3", "pydicom", "pynetdicom", "deid"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def configure(level: str, file: Path | None, *, structured: bool) -> None:
    """Log as the configuration says, after `set_up`.

    Args:
        level: the least level of SendIt's own lines: Debug, Info, Warning or Error.
        file: where everything is written, too; None: nowhere.
        structured: lines are JSON, not text.

    Raises:
        Misconfigured: the file cannot be written.
    """
    root = logging.getLogger()
    stream = root.handlers[0]
    stream.setFormatter(JsonLines(StructuredLines() if structured else None))
    for former in root.handlers[1:]:
        former.close()
    root.handlers[1:] = []
    set_level(level)
    if file is None:
        return
    try:
        handler = _PrivateFile(file, encoding="utf-8")
    except OSError as error:
        problem = f"{file} cannot be written ({error.strerror})"
        raise Misconfigured(
            "SendIt.Log.File", problem, "Name a file in a folder that Orthanc's user may write."
        ) from None
    handler.setFormatter(StructuredLines() if structured else TextLines())
    for one in stream.filters:
        handler.addFilter(one)
    root.addHandler(handler)


def set_level(level: str) -> None:
    """Log SendIt's own lines from this level on; those of libraries stay warnings, as they might show values."""
    logging.getLogger(_OURS).setLevel(level.upper())


def level() -> str:
    """Return the least level of SendIt's own lines."""
    return logging.getLevelName(logging.getLogger(_OURS).getEffectiveLevel()).title()


class _PrivateFile(WatchedFileHandler):
    """A file that its owner alone may read; opened anew after it was rotated."""

    def _open(self) -> TextIOWrapper:
        return open(os.open(self.baseFilename, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "a", encoding="utf-8")
