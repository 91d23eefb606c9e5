"""The residual risk that random reviews measure: how often a reviewer found text that was not masked.

A study counts once for each kind of image, however many images it has: they are alike, and not independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import tables as t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendit.journal.release.gate import Staged

#: The bound holds with this confidence.
CONFIDENCE = 0.95
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Residual:
    """Results of reviews for one kind of image under one set of rules."""

    modality: str
    plan_sha256: str
    studies: int  # looked at
    instances: int  # in them
    missed: int  # studies in which text was not masked
    upper: float  # of the share of such studies, with 95 % confidence (Clopper and Pearson, one-sided)

    def sentence(self) -> str:
        """Return it in words."""
        return (
            f"of {self.studies} studies looked at ({self.modality}), {self.missed} with text that was not masked: "
            f"fewer than {100 * self.upper:.2g} % at {100 * CONFIDENCE:.0f} % confidence"
        )


def bound(missed: int, of: int) -> float:
    """Return the upper limit of a share, of which so many were seen (Clopper and Pearson, one-sided, 95 %)."""
    if of == 0 or missed >= of:
        return 1.0
    low, high = missed / of, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(missed, of, middle) > 1 - CONFIDENCE else (low, middle)
    return high


def _at_most(missed: int, of: int, share: float) -> float:
    """Return the probability of at most so many (binomial)."""
    if share >= 1:
        return 0.0
    if share <= 0:
        return 1.0
    log, rest = math.log(share), math.log1p(-share)
    whole = math.lgamma(of + 1)
    terms = (
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * log + (of - k) * rest)
        for k in range(missed + 1)
    )
    return math.fsum(terms)


def note_missed(c: sa.Connection, batch_id: int, rows: Sequence[Staged]) -> None:
    """Note that a reviewer found text in these instances, if the batch was chosen at random."""
    modalities = {str((one.receipt or {}).get("modality", ""))[:16] for one in rows}
    s = t.review_samples.c
    where = (s.batch_id == batch_id) & s.modality.in_(modalities) & sa.not_(s.ended)
    c.execute(sa.update(t.review_samples).where(where).values(missed=True))


def end_samples(c: sa.Connection, batch_id: int) -> None:
    """Count the batch from now on: it was accepted, or rejected."""
    where = t.review_samples.c.batch_id == batch_id
    c.execute(sa.update(t.review_samples).where(where).values(ended=True))
