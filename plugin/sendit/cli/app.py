"""The command `sendit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from sendit import __version__
from sendit.cli.audit import audit
from sendit.cli.batches import acknowledge, batch, batches
from sendit.cli.common import fail, say
from sendit.cli.crosswalk import crosswalk, lookup, unlink
from sendit.cli.destinations import destinations, verify
from sendit.cli.doctor import doctor
from sendit.cli.files.converters import from_ctp, from_dicom_anonymizer, from_rsna, from_sendit
from sendit.cli.files.deidentify import deidentify
from sendit.cli.imports import import_, imports
from sendit.cli.init import init
from sendit.cli.journal import backup, journal, restore
from sendit.cli.lists.actions import cancel, hold, retry
from sendit.cli.lists.pauses import pause, resume
from sendit.cli.lists.projects import preview, process, projects
from sendit.cli.lists.pulls import pull, pulls
from sendit.cli.lists.risk import risk
from sendit.cli.lists.totals import totals
from sendit.cli.passport import passport
from sendit.cli.recall import certificate, recall
from sendit.cli.recipe import recipe_app
from sendit.cli.review import reprocess, review_app
from sendit.cli.service.alarms import alarms
from sendit.cli.service.configuration import config_app, log_level, reload
from sendit.cli.service.export import export
from sendit.cli.status import status
from sendit.errors import SendItError

_HELP = """De-identify the studies of an Orthanc server, check every output for leaks, and deliver them.

To begin: `sendit init` writes a configuration, `sendit doctor` checks it, `sendit status` shows what needs a person.
"""
_EXIT_CODES = (
    "Exit codes: 0 success; 1 a problem that the command reports (needs a person, does not match, or failed); "
    "2 wrong use, a wrong configuration, or SendIt is not running; 3 `deidentify` did not release every file."
)
#: Panels of `sendit --help`, in the order in which they are shown.
_LOOK, _ACT, _SET_UP = "See what happens", "Act on batches", "Set up and check"
_KEEP, _ORIGINALS, _FILES = "Backups", "Originals and codes", "Files, without a server"
_COMMANDS: list[tuple[str, str, Callable[..., None]]] = [
    (_LOOK, "status", status),
    (_LOOK, "batches", batches),
    (_LOOK, "totals", totals),
    (_LOOK, "pulls", pulls),
    (_LOOK, "batch", batch),
    (_LOOK, "destinations", destinations),
    (_LOOK, "imports", imports),
    (_LOOK, "projects", projects),
    (_LOOK, "preview", preview),
    (_LOOK, "risk", risk),
    (_ACT, "process", process),
    (_ACT, "retry", retry),
    (_ACT, "cancel", cancel),
    (_ACT, "hold", hold),
    (_ACT, "acknowledge", acknowledge),
    (_ACT, "verify", verify),
    (_ACT, "recall", recall),
    (_ACT, "certificate", certificate),
    (_ACT, "reprocess", reprocess),
    (_ACT, "pause", pause),
    (_ACT, "resume", resume),
    (_ACT, "import", import_),
    (_ACT, "pull", pull),
    (_SET_UP, "init", init),
    (_SET_UP, "doctor", doctor),
    (_SET_UP, "reload", reload),
    (_SET_UP, "log-level", log_level),
    (_KEEP, "backup", backup),
    (_KEEP, "restore", restore),
    (_ORIGINALS, "lookup", lookup),
    (_ORIGINALS, "unlink", unlink),
    (_FILES, "deidentify", deidentify),
]

app = typer.Typer(help=_HELP, epilog=_EXIT_CODES, no_args_is_help=True, pretty_exceptions_enable=False)
for _panel, _name, _command in _COMMANDS:
    app.command(_name, rich_help_panel=_panel)(_command)
app.command("cut-ties", hidden=True)(unlink)  # its former name
app.add_typer(review_app, name="review", rich_help_panel=_ACT)
recipe_app.command("from-ctp")(from_ctp)
recipe_app.command("from-rsna")(from_rsna)
recipe_app.command("from-dicom-anonymizer")(from_dicom_anonymizer)
config_app.command("from-sendit")(from_sendit)
app.add_typer(config_app, name="config", rich_help_panel=_SET_UP)
app.add_typer(recipe_app, name="recipe", rich_help_panel=_SET_UP)
app.add_typer(passport, name="passport", rich_help_panel=_LOOK)
app.add_typer(journal, name="journal", rich_help_panel=_KEEP)
app.add_typer(crosswalk, name="crosswalk", rich_help_panel=_ORIGINALS)
app.add_typer(audit, name="audit", rich_help_panel=_LOOK)
app.add_typer(export, name="export", rich_help_panel=_LOOK)
app.add_typer(alarms, name="alarms", rich_help_panel=_LOOK)


def _version(asked: bool) -> None:
    if asked:
        say(f"sendit {__version__}")
        raise typer.Exit


@app.callback(help=_HELP, epilog=_EXIT_CODES)
def _global_options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Declare the options of `sendit` itself."""


def main() -> None:
    """Run the command line; an error of SendIt becomes one line and exit code 2."""
    try:
        app()
    except SendItError as error:
        fail(error)
