"""The command `sendit log-level`."""

from __future__ import annotations

from typing import Annotated

import typer

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, say


def log_level(
    level: Annotated[
        str | None, typer.Argument(help="Debug, Info, Warning or Error. Default: show it.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show or change the log level until SendIt restarts; then Log.Level applies again."""
    caller = client(config)
    if level is None:
        answer = caller.call("GET", "/api/log-level")
    else:
        answer = caller.call("POST", "/api/log-level", {"level": level.title()})
    print_json(answer) if as_json else say(f"level: {answer['level']}")
