"""When a destination's window is open: over midnight, in its time zone, and when the clocks change."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sendit.config.destination import Window
from sendit.pipeline.window import Cores, opens_at

if TYPE_CHECKING:
    from pathlib import Path


def window(opens: str, closes: str, zone: str | None = "UTC") -> Window:
    return Window.model_validate({"From": opens, "To": closes, "TimeZone": zone})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-03-02T08:59:59", "2026-03-02T09:00"),
        ("2026-03-02T09:00:00", None),
        ("2026-03-02T16:59:59", None),
        ("2026-03-02T17:00:00", "2026-03-03T09:00"),
    ],
)
def test_a_window_of_one_day(now: str, opening: str | None) -> None:
    """From is included, To is not; afterwards it opens the next day."""
    assert opens_at(window("09:00", "17:00"), utc(now)) == (utc(opening) if opening else None)


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-03-02T19:59:59", "2026-03-02T20:00"),
        ("2026-03-02T20:00:00", None),
        ("2026-03-03T00:00:00", None),
        ("2026-03-03T05:59:59", None),
        ("2026-03-03T06:00:00", "2026-03-03T20:00"),
    ],
)
def test_a_window_over_midnight(now: str, opening: str | None) -> None:
    """Open in the evening and in the morning after it."""
    assert opens_at(window("20:00", "06:00"), utc(now)) == (utc(opening) if opening else None)


def test_the_time_zone_counts() -> None:
    """20:00 in Tokyo is 11:00 UTC; in New York it is 01:00 UTC of the next day in winter."""
    now = utc("2026-01-15T10:30")
    assert opens_at(window("20:00", "22:00", "Asia/Tokyo"), now) == utc("2026-01-15T11:00")
    assert opens_at(window("20:00", "22:00", "America/New_York"), now) == utc("2026-01-16T01:00")


def test_the_clocks_change() -> None:
    """20:00 in Berlin is 19:00 UTC in winter and 18:00 UTC in summer, from the day of the change on."""
    berlin = window("20:00", "22:00", "Europe/Berlin")
    assert opens_at(berlin, utc("2026-03-28T12:00")) == utc("2026-03-28T19:00")
    assert opens_at(berlin, utc("2026-03-28T22:00")) == utc("2026-03-29T18:00")
    assert opens_at(berlin, utc("2026-10-24T21:00")) == utc("2026-10-25T19:00")


def test_the_hour_that_comes_twice_is_open_twice_and_the_one_left_out_opens_nothing() -> None:
    """02:30 in Berlin: twice on 25 October 2026, never on 29 March 2026."""
    night = window("02:00", "03:00", "Europe/Berlin")
    assert opens_at(night, utc("2026-10-25T00:30")) is None
    assert opens_at(night, utc("2026-10-25T01:30")) is None
    assert opens_at(night, utc("2026-03-29T00:59:59")) is not None
    assert opens_at(night, utc("2026-03-29T01:00")) == utc("2026-03-30T00:00")


def test_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TimeZone, the machine's own counts."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert opens_at(window("20:00", "22:00", None), utc("2026-01-15T10:30")) == utc("2026-01-15T11:00")
        assert opens_at(window("20:00", "22:00", None), utc("2026-01-15T11:30")) is None
    finally:
        monkeypatch.undo()
        time.tzset()


#: /proc/stat of two cores: user, nice, system, idle, waiting, interrupts, soft ones, stolen; then those of guests.
_STATISTICS = "cpu  {0} {1} {2} {3} {4} {5} {6} {7} 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 1 1 1 1 1 1 1 1 0 0\nintr 9\n"


def at(file: Path, *ticks: int) -> None:
    file.write_text(_STATISTICS.format(*ticks))


def test_cores_that_are_idle(tmp_path: Path) -> None:
    """Or do what gives way; of the last tenth of a second to second."""
    file = tmp_path / "stat"
    at(file, 1000, 1000, 1000, 1000, 0, 0, 0, 0)
    cores = Cores(file)
    at(file, 1019, 1000, 1000, 1000, 0, 0, 0, 0)  # too short a time to tell
    assert cores.free() == 0
    at(file, 1020, 1030, 1010, 1030, 6, 1, 2, 1)  # 34 of 100 ticks of both
    assert cores.free() == pytest.approx(2 * 0.66)
    at(file, 1020, 1030, 1010, 1040, 6, 1, 2, 1)
    assert cores.free() == pytest.approx(2 * 0.66)
    at(file, 1020, 1030, 1010, 1300, 6, 1, 2, 1)  # of the past
    assert cores.free() == 0
    at(file, 1040, 1030, 1010, 1300, 6, 1, 2, 1)
    assert cores.free() == 0
    at(file, 1040, 1030, 1010, 1340, 6, 1, 2, 1)
    assert cores.free() == 2


@pytest.mark.parametrize("text", ["", "cpu  1 2 three\n", None])
def test_a_system_that_does_not_tell_of_its_cores(tmp_path: Path, text: str | None) -> None:
    """None is known to be idle."""
    if text is not None:
        (tmp_path / "stat").write_text(text)
    assert Cores(tmp_path / "stat").free() == 0
