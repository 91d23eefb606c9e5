"""The command `sendit log-level`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, say


class Level(StrEnum):
    """Levels, the lowest first."""

    DEBUG = "Debug"
    INFO = "Info"
    WARNING = "Warning"
    ERROR = "Error"


def log_level(
    level: Annotated[
        Level | None, typer.Argument(case_sensitive=False, help="Level to log from. Default: show it.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show or change the least level that is logged, until SendIt restarts; then Log.Level applies again."""
    caller = client(config)
    if level is None:
        answer = caller.call("GET", "/api/log-level")
    else:
        answer = caller.call("POST", "/api/log-level", {"level": level.value})
    print_json(answer) if as_json else say(f"level: {answer['level']}")
