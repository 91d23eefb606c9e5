"""The benchmark of the vocabulary in small, and what it counts with."""

from __future__ import annotations

import pytest

from benchmarks.vocabulary import run

pytestmark = pytest.mark.long


def test_no_common_family_name_stays() -> None:
    """Of forty languages, alone and within a description."""
    listed = run.surnames()
    assert len(listed) >= 40
    for language, names in listed.items():
        assert run.left_of(names, around=run.AROUND[:3]).left == {}, language


def test_the_benchmark_sees_a_name_that_stays() -> None:
    """A word that is known."""
    assert run.left_of(["Liver"]).left


def test_most_of_the_lists_stays() -> None:
    """In whole instances; docs/benchmarks/vocabulary.md has the figures."""
    for which, least in (("built on", 0.995), ("held out", 0.92)):
        found = run.kept(which)
        count, lost = sum(one.values for one in found.values()), sum(len(one.lost) for one in found.values())
        assert count > 1300
        assert lost < (1 - least) * count, [pair for one in found.values() for pair in one.lost]
