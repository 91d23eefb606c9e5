"""The commands `sendit alarms`."""

from __future__ import annotations

import typer

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, say, utc

alarms = typer.Typer(help="List open alarms, and test the channels by which they are sent.", no_args_is_help=True)


@alarms.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the open problems that alarms were sent for. Exit code 1 if there are any."""
    answer = client(config).call("GET", "/api/alarms")
    if as_json:
        print_json(answer)
    else:
        for one in answer["alarms"]:
            say(f"{one['kind']}: {one['text']} (since {utc(one['since'])})")
        if not answer["alarms"]:
            say("No open alarms." if answer["configured"] else "No alarms are configured (SendIt.Alarms).")
        for one in answer["channels"]:
            waiting = f"; {one['waiting']} not sent yet: {one['problem']}" if one["waiting"] else ""
            say(f"told to {one['to']} ({one['channel']}){waiting}")
    raise typer.Exit(1 if answer["alarms"] else 0)


@alarms.command("test")
def send_test(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Send a test message by each webhook and by mail. Exit code 1 if one of them fails."""
    answer = client(config, timeout=300).call("POST", "/api/alarms/test")
    if as_json:
        print_json(answer)
    else:
        for one in answer["channels"]:
            say(f"{one['channel']}: {one['state']}" + (f": {one['problem']}" if one["problem"] else ""))
    raise typer.Exit(1 if any(one["state"] == "failed" for one in answer["channels"]) else 0)
