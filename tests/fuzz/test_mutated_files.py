"""Mutated files through the real `sendit deidentify`: a few hundred always, 100,000 with the slow tests."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from tests.fuzz import run
from tests.fuzz.audit import found_in
from tests.fuzz.corpus import PLANTED, seeds
from tests.fuzz.mutate import MUTATORS, mutated
from tests.fuzz.run import HANG_SECONDS, LARGEST, Figures

if TYPE_CHECKING:
    from pathlib import Path


def _check(figures: Figures, files: int) -> None:
    assert figures.files == sum(figures.outcomes.values()) == files
    assert (figures.crashes, figures.faults, figures.leaks) == ([], [], {})
    assert figures.longest < HANG_SECONDS
    assert figures.largest < LARGEST


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_few_hundred() -> None:
    """Nothing crashes, hangs, grows or leaks; some are released, so there is something to audit."""
    figures = run.fuzz(500, first=1_000_000)
    _check(figures, 500)
    assert figures.outcomes["released"] > 50


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_a_hundred_thousand(tmp_path: Path) -> None:
    """As docs/benchmarks/robustness.md has them."""
    _check(run.fuzz(100_000, keep=tmp_path / "kept"), 100_000)


def test_the_same_number_is_the_same_file() -> None:
    """In any run; and mutators do what they are there for: hardly two files are alike."""
    corpus = seeds()
    made = [mutated(number, corpus) for number in range(300)]
    assert made == [mutated(number, corpus) for number in range(300)]
    assert len(set(made)) > 290
    assert len(set(MUTATORS)) >= 13


def test_the_corpus_has_all_compressions() -> None:
    """And every file holds what is planted."""
    corpus = dict(seeds())
    whole = b"".join(corpus.values())
    syntaxes = ("1.2", "1.2.1", "1.2.1.99", "1.2.2", "1.2.5", "1.2.4.50", "1.2.4.51", "1.2.4.70", "1.2.4.80",
                "1.2.4.90", "1.2.4.91", "1.2.1.98", "1.2.8.1")  # fmt: skip
    assert [uid for uid in syntaxes if b"1.2.840.10008." + uid.encode() not in whole] == []
    assert {name for name, content in corpus.items() if set(found_in(content)) != {t.lower() for t in PLANTED}} == set()


def test_the_auditor_reads() -> None:
    """What stands there plainly, in UTF-16, in capitals, deflated."""

    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflater.compress(b"x" * 50 + b"Quixworth") + deflater.flush()
    for content in (b"..QUIXWORTH..", "Quixworth".encode("utf-16-le"), bytes(128) + b"DICM" + packed):
        assert found_in(content) == ["quixworth"]
    assert found_in(b"nothing") == []
