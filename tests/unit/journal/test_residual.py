"""The bound of the residual risk, against published values of Clopper and Pearson."""

from __future__ import annotations

import pytest

from sendit.journal.release.residual import bound


@pytest.mark.parametrize(
    ("missed", "of", "upper"),
    [
        (0, 500, 0.00597),  # 1 - 0.05 ** (1 / 500)
        (0, 1, 0.95),
        (1, 10, 0.39416),  # the 95 % quantile of Beta(2, 9)
        (3, 100, 0.07571),  # of Beta(4, 97)
        (10, 10, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_bound(missed: int, of: int, upper: float) -> None:
    """One-sided, 95 %."""
    assert bound(missed, of) == pytest.approx(upper, abs=5e-5)


def test_many() -> None:
    """A large sample neither overflows nor takes long; the bound is above the share, and near to it."""
    assert 0.01 < bound(1000, 100_000) < 0.0106
