"""A worker whose clock goes wrong: `python clock.py FILE -m sendit`, FILE holds by how many seconds it is ahead.

The file is read again whenever the clock is asked, so it can go forth and back while the worker runs. The processes
that it starts have the right clock.
"""

from __future__ import annotations

import datetime
import runpy
import sys
import time
from pathlib import Path

_FILE = Path(sys.argv[1])
_TIME, _DATETIME = time.time, datetime.datetime


def ahead() -> float:
    """Seconds; 0 where nobody has said anything."""
    try:
        return float(_FILE.read_text() or 0)
    except (OSError, ValueError):
        return 0.0


class Shifted(datetime.datetime):
    """A datetime whose "now" is the wrong one."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Shifted:
        right = _DATETIME.now(tz) + datetime.timedelta(seconds=ahead())
        return cls.fromisoformat(right.isoformat())


def main() -> None:
    """Put the wrong clock in place, then be `python -m sendit`."""
    datetime.datetime = Shifted  # type: ignore[misc]
    time.time = lambda: _TIME() + ahead()
    sys.argv = sys.argv[3:]
    runpy.run_module("sendit", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
