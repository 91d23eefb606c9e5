"""Runs the benchmarks named on the command line, or all of them; exit code 1 if one misses its limit."""

from __future__ import annotations

import sys
from itertools import takewhile

from benchmarks import (
    barcodes,
    codes,
    deidentify,
    destinations,
    encodings,
    false_alarms,
    forwarding,
    large_journal,
    many_studies,
    markers,
    peer,
    pixels,
    pull,
    receiving,
    samples,
    scaling,
    sizes,
    startup,
    text,
    text_known,
    workers,
)
from benchmarks.fidelity import run as fidelity
from benchmarks.leaks import run as leaks
from benchmarks.redteam import run as redteam
from benchmarks.vocabulary import run as vocabulary

BENCHMARKS = {
    "receiving": receiving.main,
    "forwarding": forwarding.main,
    "false-alarms": false_alarms.main,
    "encodings": encodings.main,
    "samples": samples.main,
    "leaks": leaks.main,
    "codes": codes.main,
    "vocabulary": vocabulary.main,
    "redteam": redteam.main,
    "deidentify": deidentify.main,
    "pixels": pixels.main,
    "sizes": sizes.main,
    "text": text.main,
    "barcodes": barcodes.main,
    "text-known": text_known.main,
    "markers": markers.main,
    "destinations": destinations.main,
    "peer": peer.main,
    "fidelity": fidelity.main,
    "startup": startup.main,
    "pull": pull.main,
    "large-journal": large_journal.main,
    "scaling": scaling.main,
    "many-studies": many_studies.main,
    "workers": workers.main,
}


def main() -> int:
    """The number of benchmarks that missed their limit, as exit code."""
    missed = 0
    names = list(takewhile(lambda argument: not argument.startswith("-"), sys.argv[1:]))  # options of one follow it
    for name in names or BENCHMARKS:
        missed += not BENCHMARKS[name]()
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
