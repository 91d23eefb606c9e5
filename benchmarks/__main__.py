"""Runs the benchmarks that are named, or `all`: `python -m benchmarks NAME… [OPTION…]`. Without a name none runs.

Several benchmarks write their page below docs/; exit code 1 if one of them misses its limit, 2 if the call is not
understood. A benchmark is loaded when it is run: a name that is misspelt costs nothing.
"""

from __future__ import annotations

import argparse
import ast
import sys
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Modules by the names of their benchmarks, in the order of `all`. `main` tells whether the limits were kept; if the
#: module has `add_options(parser)`, `main` is given what they were set to.
BENCHMARKS = {
    "receiving": "benchmarks.receiving",
    "forwarding": "benchmarks.forwarding",
    "false-alarms": "benchmarks.false_alarms",
    "encodings": "benchmarks.encodings",
    "samples": "benchmarks.samples",
    "leaks": "benchmarks.leaks.run",
    "codes": "benchmarks.codes",
    "vocabulary": "benchmarks.vocabulary.run",
    "redteam": "benchmarks.redteam.run",
    "deidentify": "benchmarks.deidentify",
    "pixels": "benchmarks.pixels",
    "sizes": "benchmarks.sizes",
    "pixel-speed": "benchmarks.pixel_speed",
    "text": "benchmarks.text",
    "barcodes": "benchmarks.barcodes",
    "text-known": "benchmarks.text_known",
    "markers": "benchmarks.markers",
    "destinations": "benchmarks.destinations",
    "peer": "benchmarks.peer",
    "fidelity": "benchmarks.fidelity.run",
    "startup": "benchmarks.startup",
    "pull": "benchmarks.pull",
    "large-journal": "benchmarks.large_journal",
    "scaling": "benchmarks.scaling",
    "many-studies": "benchmarks.many_studies",
    "workers": "benchmarks.workers",
    "review-speed": "benchmarks.review_speed",
}
EVERY = "all"


def main(arguments: Sequence[str]) -> int:
    """Run what is named; 1 if a limit was missed."""
    names = list(takewhile(lambda argument: not argument.startswith("-"), arguments))
    options = arguments[len(names) :]
    if len(names) == 1 and names[0] in BENCHMARKS:
        return int(not _run(names[0], options))
    parser = _parser()
    parser.parse_args(arguments)
    chosen = list(BENCHMARKS) if EVERY in names else names
    missed = [name for name in chosen if not _run(name)]
    if missed:
        print("Limits were missed by: " + ", ".join(missed), file=sys.stderr)
    return int(bool(missed))


def _run(name: str, arguments: Sequence[str] = ()) -> bool:
    """Run one benchmark with its own options; whether its limits were kept."""
    module = import_module(BENCHMARKS[name])
    parser = argparse.ArgumentParser(
        f"python -m benchmarks {name}", description=module.__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    if not hasattr(module, "add_options"):
        parser.parse_args(arguments)
        return bool(module.main())
    module.add_options(parser)
    return bool(module.main(parser.parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, BENCHMARKS))
    lines = [f"  {name:{width}}  {_subject(module)}" for name, module in BENCHMARKS.items()]
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        usage="%(prog)s NAME [OPTION ...] | NAME NAME ... | all",
        description="Run benchmarks. Several of them take hours, and write their page below docs/.",
        epilog="\n".join(["benchmarks (NAME --help shows the options of one):", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", metavar="NAME", choices=[*BENCHMARKS, EVERY], help=f"or {EVERY}")
    return parser


def _subject(module: str) -> str:
    """Return the first line of a module's docstring, without loading the module."""
    source = Path(__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    return docstring.partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
