"""Runs the benchmarks named on the command line, or all of them; exit code 1 if one misses its limit."""

from __future__ import annotations

import sys

from benchmarks import deidentify, destinations, peer, pixels, proof, receiving, text
from benchmarks.leaks import run as leaks

BENCHMARKS = {
    "receiving": receiving.main,
    "proof": proof.main,
    "leaks": leaks.main,
    "deidentify": deidentify.main,
    "pixels": pixels.main,
    "text": text.main,
    "destinations": destinations.main,
    "peer": peer.main,
}


def main() -> int:
    """The number of benchmarks that missed their limit, as exit code."""
    missed = 0
    for name in sys.argv[1:] or BENCHMARKS:
        missed += not BENCHMARKS[name]()
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
