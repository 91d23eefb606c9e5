"""`sendit config …`, `sendit reload`, `sendit log-level`: what applies, what is valid, taking over what was changed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sendit.cli.common import (
    CANNOT,
    ConfigOption,
    JsonOption,
    client,
    config_path,
    errors,
    load_settings,
    print_json,
    say,
)
from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    from sendit.client import Client

_HELP = "The configuration: show it, check it, or describe it to an editor."
_POLL = 0.1  # seconds

config_app = typer.Typer(help=_HELP, no_args_is_help=True)


@config_app.command()
def show(
    running: Annotated[
        bool, typer.Option("--running", help="Show what SendIt runs with, instead of the files.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Show the section "SendIt" as JSON, with its defaults and without its secrets (***).

    The files may have been changed since SendIt read them: --running shows what applies, `sendit reload` takes it over.
    """
    if running:
        print_json({"SendIt": client(config).call("GET", "/api/configuration")["configuration"]})
        return
    from sendit.config.masking import masked_section

    print_json({"SendIt": masked_section(load_settings(config))})


@config_app.command()
def schema() -> None:
    """Print the JSON schema of orthanc.json, with which an editor completes and checks the section "SendIt"."""
    from sendit.config.json_schema import json_schema

    print_json(json_schema())


@config_app.command()
def check(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="orthanc.json, or its folder. Default: the one that the other commands use.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a configuration and its recipes; nothing has to run. Exit code 2: there is an error.

    `sendit doctor` also checks what the configuration names: keys, database, destinations, folders.
    """
    from sendit.config.file import read_configuration
    from sendit.config.schema import load
    from sendit.pipeline.projects import recipes_of

    file = config_path(file)
    try:
        settings = load(read_configuration(file))[0]
        for name, project in settings.projects.items():
            recipes_of(project, name, file if file.is_dir() else file.parent)
    except Misconfigured as error:
        if as_json:
            print_json({"ok": False, "place": error.place, "problem": error.problem, "cure": error.remedy})
        else:
            errors.print(f"{error.place}: {error.problem}. {error.remedy}", style="red")
        raise typer.Exit(CANNOT) from None
    if as_json:
        print_json({"ok": True})
    else:
        say(f"{file}: ok")


def reload(
    preview: Annotated[bool, typer.Option("--preview", help="Only say what would change.")] = False,
    reason: Annotated[str, typer.Option(help="Recorded with your user name; do not include identifiers.")] = "",
    interrupt_imports: Annotated[
        bool, typer.Option("--interrupt-imports", help="Interrupt imports of folders that are running.")
    ] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until SendIt runs again.")] = 60,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Apply the changed configuration and recipes without restarting Orthanc, if all of it is valid.

    Orthanc keeps receiving meanwhile. An invalid configuration is refused, and the former one applies (exit code 2).
    Exit code 1: something needs a restart of Orthanc, or SendIt could not start with it.
    """
    worker = client(config)
    before = worker.call("GET", "/api/health")["started_at"]
    request = {"preview": preview, "interrupt_imports": interrupt_imports, "reason": reason}
    answer = worker.call("POST", "/api/reload", request)
    refused = _outcome(worker, before, wait) if answer["applied"] else ""
    if as_json:
        print_json({**answer, "refused": refused})
    else:
        _tell(answer, refused)
    if refused or answer["restart_needed"]:
        raise typer.Exit(1)


def _outcome(worker: Client, before: str, wait: float) -> str:
    """Wait for the next worker; return why it could not start with the configuration, "" if it could.

    Raises:
        Retry: it does not run after `wait` seconds.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            health = worker.call("GET", "/api/health")
            if health["started_at"] != before:
                return str(health["reload_refused"])
        except Retry:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise Retry(f"SendIt does not run yet after {wait:g} s; see: sendit status")
        time.sleep(_POLL)


def _tell(answer: dict[str, Any], refused: str) -> None:
    for line in answer["changes"]:
        say(f"  {line}")
    for line in answer["warnings"]:
        say(f"  note: {line}")
    if answer["restart_needed"]:
        say(f"  needs a restart of Orthanc: {', '.join(answer['restart_needed'])}")
    if refused:
        say(f"SendIt could not start with it, and runs with the former configuration: {refused}")
    elif answer["applied"]:
        say("SendIt runs with the new configuration.")
    elif answer["blocked_by"]:
        say("Nothing is taken over before that restart.")
    else:
        say("Nothing was changed." if answer["changes"] else "Nothing has changed since SendIt read its configuration.")


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
