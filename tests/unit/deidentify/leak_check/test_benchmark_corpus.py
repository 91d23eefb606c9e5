"""A part of the leak benchmark: nothing planted leaves, what is needed stays, and the scorer sees what there is to see.

`make bench-leaks` runs the whole, and other tools beside SendIt.
"""

from __future__ import annotations

import pydicom
import pytest

from benchmarks.leaks.corpus import PLACES, Sample, corpus
from benchmarks.leaks.scoring import Score, score
from benchmarks.leaks.tools import RESEARCH
from sendit.config.schema import Option
from sendit.deidentify import Plan, compile_plan, deidentify
from sendit.model import Released
from tests.unit.deidentify.samples import IDENTITIES, file_of

pytestmark = pytest.mark.long

_REAL = """CT_small MR_small_bigendian MR_small_implicit SC_rgb_jls_lossy_line image_dfl liver_1frame rtplan rtstruct
    reportsi chrFren chrGreek chrH32 chrKoreanMulti chrX1 chrSQEncoding"""
_MADE = {"generated presentation state", "generated enhanced CT", "generated waveform", "generated ultrasound"}
_NAMES = frozenset(_REAL.split()) | _MADE


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """Files of many kinds, planted."""
    return list(corpus(_NAMES))


@pytest.fixture(scope="module", params=["", " ".join(RESEARCH)], ids=["Basic Profile", "for research"])
def plan(request: pytest.FixtureRequest) -> Plan:
    """The profile, and what a site adds that does research."""
    return compile_plan([Option(name) for name in request.param.split()], [])


def _scores(samples: list[Sample], plan: Plan) -> list[tuple[Sample, Score]]:
    found = []
    for sample in samples:
        outcome = deidentify(sample.planted, plan, IDENTITIES)
        content = b"".join(outcome.chunks) if isinstance(outcome, Released) else None
        found.append((sample, score(sample, content)))
    return found


def test_enough_is_planted(samples: list[Sample]) -> None:
    """More than the 121 places that tools were measured on before."""
    assert len(PLACES) >= 121
    assert len(samples) == len(_NAMES)
    assert min(len(sample.tokens) for sample in samples) > 300


def test_nothing_leaks_and_what_is_needed_stays(samples: list[Sample], plan: Plan) -> None:
    """Every file leaves, without one planted value, with what research needs and its pixels as they were."""
    scores = _scores(samples, plan)
    leaked = [(sample.name, token.place, token.kind) for sample, found in scores for token in found.leaked]
    assert leaked == []
    assert [sample.name for sample, found in scores if not found.released] == []
    assert not [sample.name for sample, found in scores if found.pixels is False]
    assert [(sample.name, path) for sample, found in scores for path in found.missing] == []


def test_the_controls_hold(samples: list[Sample]) -> None:
    """A tool that does nothing leaks everything and keeps everything; one that deletes everything keeps nothing."""
    empty = file_of(pydicom.FileDataset("", {}, file_meta=_meta(), preamble=b"\0" * 128))
    for sample in samples:
        nothing, everything = score(sample, sample.planted), score(sample, empty)
        assert set(nothing.leaked) == set(sample.tokens)
        assert nothing.kept == nothing.needed > 0
        assert (everything.leaked, everything.kept) == ((), 0)


def _meta() -> pydicom.dataset.FileMetaDataset:
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    return meta
