"""The attack from the command line; ends with 1 if anything was wrong."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.attack import report
from tests.attack.attack import Attack, Outcome
from tests.servers.postgres import PostgresServer


def attack(kills: int, seed: int, database: str) -> Outcome:
    """One attack in a folder of its own."""
    print(f"seed {seed}, {database}: {kills} kills and stops", flush=True)
    postgres = PostgresServer().start() if database == "postgresql" else None
    try:
        folder = Path(tempfile.mkdtemp(prefix="sendit-attack-"))
        return Attack(folder, kills, seed, postgres, lambda line: print(line, flush=True)).run()
    finally:
        if postgres is not None:
            postgres.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--strikes", type=int, default=300, help="kills and stops, half of them on each database")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append", default=[])
    parser.add_argument("--report", type=Path, help="the page that the figures are written to")
    chosen = parser.parse_args()
    databases = chosen.database or ["sqlite", "postgresql"]
    outcomes = [attack(-(-chosen.strikes // len(databases)), chosen.seed, database) for database in databases]
    if chosen.report is not None:
        report.write(chosen.report, outcomes)
    sys.exit(0 if all(outcome.clean for outcome in outcomes) else 1)


if __name__ == "__main__":
    main()
