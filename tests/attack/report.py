"""Writes what attacks came to into docs/reliability.md, between its two marks."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.attack.attack import Outcome

_BEGIN, _END = "<!-- written by the attack suite -->", "<!-- end of the attack suite -->"
#: Fewer kills say little: the smoke test of `make test` does not write them down.
LEAST = 100


def text_of(outcomes: Sequence[Outcome]) -> str:
    """The two tables."""
    rows = [
        ("instances lost", [o.audit.lost for o in outcomes]),
        ("instances twice", [o.audit.twice for o in outcomes]),
        ("files or entries with something of an original", [o.audit.identified for o in outcomes]),
        ("withdrawn instances that were there, or came back", [o.audit.withdrawn for o in outcomes]),
        ("files that nobody has sent", [o.audit.unknown for o in outcomes]),
        ("files left in staging", [o.staged for o in outcomes]),
        ("orphan processes", [o.orphans for o in outcomes]),
        ("innocent batches held", [len(o.held) for o in outcomes]),
    ]
    done = [
        ("seed", [o.seed for o in outcomes]),
        ("kills and stops", [o.kills for o in outcomes]),
        ("other harm", [sum(o.strikes.values()) - o.kills for o in outcomes]),
        ("studies", [o.studies for o in outcomes]),
        ("instances", [o.instances for o in outcomes]),
        ("studies recalled", [o.recalled for o in outcomes]),
        ("minutes", [round(o.seconds / 60) for o in outcomes]),
    ]
    total = sum((o.strikes for o in outcomes), Counter[str]())
    strikes = ", ".join(f"{name} {count}" for name, count in sorted(total.items(), key=lambda item: -item[1]) if count)
    head = f"Measured on {datetime.now(UTC):%Y-%m-%d}. The journal stood in:\n\n"
    names = [o.database for o in outcomes]
    table = "\n".join(
        [
            f"| | {' | '.join(names)} |",
            f"| --- |{' --- |' * len(names)}",
            *(f"| {name} | {' | '.join(map(str, values))} |" for name, values in [*done, *rows]),
        ]
    )
    return f"{head}{table}\n\nStrikes: {strikes}.\n"


def write(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Put the tables between the marks of this page."""
    before, _, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    _, mark, after = rest.partition(_END)
    if not mark:
        raise ValueError(f"{path} has no place for them: {_BEGIN} … {_END}")
    path.write_text(f"{before}{_BEGIN}\n{text_of(outcomes)}{_END}{after}", encoding="utf-8")
