"""`sendit deidentify SRC DST`: files in, files out, no Orthanc needed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from sendit.cli.common import JsonOption, OptionsOption, errors, options_named, print_json, project_names
from sendit.errors import SendItError

#: Exit codes. 1 is Python's own for an uncaught exception, 2 that of the command line for wrong use.
_FAULT, _HELD, _INTERRUPTED = 1, 3, 128 + signal.SIGINT


def deidentify(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder, with its subfolders, or one file.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder for the results; created if needed.")],
    project: Annotated[
        str | None,
        typer.Option(
            "--project", "-p", autocompletion=project_names, help="Project to apply; optional if only one exists."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="orthanc.json, or its folder. Default: the Basic profile with CleanPixelData."
        ),
    ] = None,
    options: OptionsOption = None,
    key_directory: Annotated[
        Path | None, typer.Option("--key-directory", help="Folder of the project's key, which is created if needed.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Number of processes; 0: one per core.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """De-identify files. Exit code 3: at least one was not released; DST/receipts.jsonl says why. 1: a fault of SendIt.

    Each file becomes DST/<same relative path>. These paths, which receipts.jsonl lists, are your own: if names of
    files or folders identify patients, so do they.
    """
    # multiprocessing would run this script again in every process of the pool, with all that the command line imports.
    vars(sys.modules["__main__"]).pop("__file__", None)
    from sendit.cli.files.folder import RECEIPTS, FolderRun
    from sendit.cli.files.run import choose_project, run

    named = options_named(options) if options else None
    with _faults_told():
        spec, pseudonyms, configured_workers = choose_project(project, config, key_directory, named)
        tally = run(FolderRun(source, target, spec, pseudonyms), workers or configured_workers)
    if as_json:
        print_json(tally.as_dict())
    else:
        print(tally.summary())
    for line in tally.why():
        errors.print(f"  {line}")
    if tally.why():
        errors.print(f"  which file: {target / RECEIPTS}", soft_wrap=True, markup=False)
    if tally.total != tally.released:
        raise typer.Exit(_HELD)


@contextmanager
def _faults_told() -> Iterator[None]:
    """End the command with words and an exit code, whatever ends the run."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print("sendit: interrupted; files released so far are in DST and listed in its receipts.jsonl")
        raise typer.Exit(_INTERRUPTED) from None
    except SendItError:
        raise
    except Exception as error:  # noqa: BLE001  the text of the exception may contain values of a file
        problem = f"a fault of SendIt ({type(error).__name__}) ended the run; DST/receipts.jsonl lists what was done"
        errors.print(f"sendit: {problem}. Run it again; if it persists, report it.", style="red")
        raise typer.Exit(_FAULT) from None
