"""Dates and times moved."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendit.deidentify.dates import shifted


@pytest.mark.parametrize(
    ("vr", "value", "moved"),
    [
        ("DA", "20200301", "20200223"),
        ("DA", "2020.03.01", "2020.02.23"),
        ("DA", "202003", "202002"),
        ("DA", "2020", "2019"),
        ("DA", "20200301\\20200302", "20200223\\20200224"),
        ("DA", "", ""),
        ("DT", "20200301", "20200223"),
        ("DT", "2020", "2019"),
        ("DT", "2020+0100", "2019+0100"),
        ("DT", "2020030110", "2020022310"),
        ("DT", "20200301101112.123456-0500", "20200223101112.123456-0500"),
        ("TM", "101112.5", "101112.5"),
        ("TM", "10:11:12", "10:11:12"),
        ("TM", "10", "10"),
    ],
)
def test_moved_by_a_week(vr: str, value: str, moved: str) -> None:
    """Seven days back; precision, form, time of day and zone stay."""
    assert shifted(vr, value, -7) == moved


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("DA", "20200301-20200302"),
        ("DA", "20200230"),
        ("DA", "yesterday"),
        ("DA", "00010101"),
        ("DA", "20200301\\soon"),
        ("DA", "2020-03-01"),
        ("DA", "850307"),
        ("DT", "8503"),
        ("DT", "202003011"),
        ("DT", "20200301256199"),
        ("DT", "20200301+1500"),
        ("DT", "20200301 Smith"),
        ("TM", "2500"),
        ("TM", "noon"),
        ("TM", "101112-111213"),
    ],
)
def test_what_is_no_date(vr: str, value: str) -> None:
    """Has no answer: the caller falls back to the profile."""
    assert shifted(vr, value, -7) is None


@given(
    st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(-3640, 0)
)
def test_intervals_stay(first: date, second: date, days: int) -> None:
    """Two dates of one patient are as far apart as they were."""
    moved = [shifted("DA", f"{day:%Y%m%d}", days) or "" for day in (first, second)]
    a, b = (date(int(text[:4]), int(text[4:6]), int(text[6:])) for text in moved)
    assert b - a == second - first
    assert a == first + timedelta(days=days)


@given(st.sampled_from(["DA", "DT", "TM"]), st.text())
def test_what_is_no_date_comes_to_nothing(vr: str, value: str) -> None:
    """Whatever stands there, what comes out has the characters of dates and times, or is nothing."""
    moved = shifted(vr, value, -364)
    assert moved is None or re.fullmatch(r"[0-9.:+\- \\]*", moved)
