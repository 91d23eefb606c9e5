"""The figures of the tools as a table, and where it stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.leaks.corpus import Sample
    from benchmarks.leaks.scoring import Score

BEGIN, END = "<!-- leak benchmark: written by make bench-leaks -->", "<!-- end of the leak benchmark -->"


@dataclass(slots=True)
class Row:
    """One tool over all the files."""

    tool: str
    scores: list[Score] = field(default_factory=list)
    new_errors: int | None = None  # None: dciodvfy is not installed

    @property
    def leaked(self) -> int:
        return sum(len(score.leaked) for score in self.scores)

    @property
    def tokens(self) -> int:
        return sum(score.tokens for score in self.scores)

    @property
    def free(self) -> int:
        """Files given out in which nothing was found."""
        return sum(score.released and not score.leaked for score in self.scores)

    @property
    def kept(self) -> int:
        return sum(score.kept for score in self.scores)

    @property
    def needed(self) -> int:
        return sum(score.needed for score in self.scores)

    @property
    def kept_of_given(self) -> tuple[int, int]:
        """Kept and needed values of the files given out."""
        given = [score for score in self.scores if score.released]
        return sum(score.kept for score in given), sum(score.needed for score in given)

    @property
    def withheld(self) -> int:
        return sum(not score.released for score in self.scores)

    def pixels(self) -> tuple[int, int]:
        """Files with the same pixel data as before, of the files given out that had any."""
        seen = [score.pixels for score in self.scores if score.pixels is not None]
        return sum(seen), len(seen)

    def places(self) -> Counter[str]:
        """Where tokens leaked."""
        return Counter(token.place for score in self.scores for token in score.leaked)


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [
        "| tool | tokens leaked | leak-free files | not given out | values kept | of all files | pixels the same "
        "| new errors |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        same, of = row.pixels()
        errors = "–" if row.new_errors is None else str(row.new_errors)
        lines.append(
            f"| {row.tool} | {row.leaked} of {row.tokens} ({_percent(row.leaked, row.tokens)}) "
            f"| {row.free} of {len(row.scores)} | {row.withheld} "
            f"| {_percent(*row.kept_of_given)} | {_percent(row.kept, row.needed)} | {same} of {of} | {errors} |"
        )
    return "\n".join(lines) + "\n"


def worst_places(row: Row, most: int = 12) -> str:
    """The places of one tool that leaked most."""
    return ", ".join(f"{place} ({count})" for place, count in row.places().most_common(most)) or "none"


def write_between_markers(path: Path, text: str) -> bool:
    """Replace what stands between the markers; False where there are none."""
    content = path.read_text("utf-8")
    if BEGIN not in content or END not in content:
        return False
    before, rest = content.split(BEGIN, 1)
    path.write_text(f"{before}{BEGIN}\n{text}{END}{rest.split(END, 1)[1]}", "utf-8")
    return True


def _percent(part: int, whole: int) -> str:
    """Two decimals, and never 0 or 100 for what is not quite."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < part < whole:
        share = min(max(share, 0.01), 99.99)
    return f"{share:.2f} %" if share not in (0, 100) else f"{share:.0f} %"


def by_kind(samples: Sequence[Sample], rows: Sequence[Row]) -> str:
    """A table of the kinds of value: how many of them are planted, and leaked by each tool."""
    planted = Counter(token.kind for sample in samples for token in sample.tokens)
    leaked = [Counter(token.kind for score in row.scores for token in score.leaked) for row in rows]
    lines = [f"| value | planted | {' | '.join(row.tool for row in rows)} |", "| --- | --- |" + " --- |" * len(rows)]
    lines += [
        f"| {kind} | {count} | {' | '.join(str(counter[kind]) for counter in leaked)} |"
        for kind, count in sorted(planted.items())
    ]
    return "\n".join(lines)
