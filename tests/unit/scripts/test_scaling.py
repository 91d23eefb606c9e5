"""The simulation of days: it keeps what queues are known to do."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from benchmarks.scaling import DAY, FLAT, Cost, Scenario, arrivals, enough, replay

COST = Cost(500e3, 0.01, 0.02, 0.03, 0.01, 0.002, 5.0, 10.0, 1.0, 4e3, 1e3)


def test_a_day_has_its_studies_in_its_hours() -> None:
    """By day ten times as many as at night."""
    times = arrivals(Scenario("", 10_000, 1, DAY), random.Random(1))
    hours = [int(at // 3600) for at in times]
    assert len(times) == 10_000
    assert times == sorted(times)
    assert hours.count(9) > 5 * hours.count(3)


def test_one_worker_at_half_its_load() -> None:
    """Busy for half of the time; with ten workers, for a twentieth, and nothing waits any more."""
    a_study = 100 * COST.at_work(8)
    half = Scenario("", int(86_400 * 0.5 / a_study), 100, FLAT)
    one, ten = replay(half, COST, 1), replay(half, COST, 10)
    assert one.busy == pytest.approx(0.5, rel=0.05)
    assert ten.busy == pytest.approx(0.05, rel=0.05)
    assert one.longest_queue > ten.longest_queue
    assert ten.median < one.median


def test_too_few_workers_do_not_end_with_the_day() -> None:
    """Twice the load of one: the other half waits until the next day is over."""
    twice = Scenario("", int(86_400 * 2 / (100 * COST.at_work(8))), 100, FLAT)
    assert replay(twice, COST, 1).drained == pytest.approx(24, rel=0.1)
    assert enough(twice, COST).slowest <= 600


def test_the_main_process_ends_what_more_cores_bring() -> None:
    """It has one core, however many the machine has."""
    assert COST.at_work(2) == pytest.approx(0.03)
    assert COST.at_work(8) == COST.at_work(64) == 0.02
    assert replace(COST, main=0.001).at_work(64) < 0.001 + 0.0001
