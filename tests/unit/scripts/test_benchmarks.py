"""The command line of the benchmarks runs what is named and nothing else."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from benchmarks import __main__ as command

if TYPE_CHECKING:
    import argparse


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Three benchmarks that only note that they ran: one keeps its limit, one takes an option, one misses its limit."""
    ran: list[object] = []

    def note(what: object, good: bool = True) -> bool:
        ran.append(what)
        return good

    def add_options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=3)

    modules = {
        "good": SimpleNamespace(main=lambda: note("good")),
        "rounds": SimpleNamespace(main=lambda options: note(options.rounds), add_options=add_options),
        "slow": SimpleNamespace(main=lambda: note("slow", False)),
    }
    for name, module in modules.items():
        module.__doc__ = "Measures."
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", module)
    monkeypatch.setattr(command, "BENCHMARKS", {name: f"benchmarks.{name}" for name in modules})
    monkeypatch.setattr(command, "_subject", lambda _: "Measures.")
    return ran


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["good"], 0, ["good"]),
        (["slow"], 1, ["slow"]),
        (["slow", "good"], 1, ["slow", "good"]),
        (["rounds", "--rounds", "5"], 0, [5]),
        (["all"], 1, ["good", 3, "slow"]),
    ],
)
def test_what_is_named_runs(ran: list[object], arguments: list[str], code: int, expected: list[object]) -> None:
    """With its options, and in the order of the command line."""
    assert command.main(arguments) == code
    assert ran == expected


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--help"], 0),
        (["good", "--help"], 0),
        (["other"], 2),
        (["good", "other"], 2),
        (["good", "--rounds", "5"], 2),
        (["rounds", "--runds", "5"], 2),
        (["good", "rounds", "--rounds", "5"], 2),
    ],
)
def test_nothing_runs_by_accident(ran: list[object], arguments: list[str], code: int) -> None:
    """Whatever is not understood ends before the first benchmark."""
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert (ended.value.code, ran) == (code, [])


def test_the_help_lists_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    """By its name, with the first line of its module."""
    with pytest.raises(SystemExit):
        command.main(["--help"])
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    listed = {line[0]: line[1] for line in lines if len(line) == 2 and line[0] in command.BENCHMARKS}
    assert set(listed) == set(command.BENCHMARKS)
    assert all(subject.endswith((".", "?", "`.", "`")) for subject in listed.values())
