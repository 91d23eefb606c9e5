"""Which studies a project's share chooses."""

from __future__ import annotations

from sendit.pipeline.review.rule import is_chosen

_STUDIES = [f"study{number}" for number in range(4000)]


def test_the_share_is_kept_and_reproducible() -> None:
    """About so many; the same ones each time; all at 100 %; a larger share takes the smaller one in."""
    key = bytes(32)
    chosen = {study for study in _STUDIES if is_chosen(key, "irb", study, 5)}
    assert 140 < len(chosen) < 260
    assert chosen == {study for study in _STUDIES if is_chosen(key, "irb", study, 5)}
    assert all(is_chosen(key, "irb", study, 100) for study in _STUDIES)
    assert chosen <= {study for study in _STUDIES if is_chosen(key, "irb", study, 10)}


def test_nobody_can_tell_without_the_key() -> None:
    """Another key, or another project, chooses others."""
    chosen = [is_chosen(bytes(32), "irb", study, 50) for study in _STUDIES]
    for key, project in ((b"\1" * 32, "irb"), (bytes(32), "other")):
        same = sum(is_chosen(key, project, study, 50) == was for study, was in zip(_STUDIES, chosen, strict=True))
        assert 1800 < same < 2200
