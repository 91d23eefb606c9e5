"""A series that was looked at ahead is written down once, with the result; nothing else is changed by that."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from sendit.deidentify.pixels.regions import Region
from sendit.model import LOOK_DUE, LOOKED_AT, Instance, InstanceState, Receipt
from sendit.pipeline.deidentify import Deidentification
from sendit.pipeline.pool.processes import Result
from sendit.pipeline.pool.series_look import SeriesLook
from sendit.storage.staging import Staging
from tests.journal.test_journal import receipt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BATCH = cast("Any", SimpleNamespace(id=3, study="s"))


def _result(name: str, series: str) -> Result:
    one = replace(receipt(f"2.25.{ord(name)}"), series_instance_uid=series, output_sha256=name * 64)
    return Result(name, replace(one, pixels={**one.pixels, "series": LOOK_DUE}))


RESULTS = [_result("a", "2.25.1"), _result("b", "2.25.1"), _result("c", "2.25.2")]
TEXT = (Region(1, 2, 3, 4),)


def _after(folder: Path, looks: Mapping[str, list[SeriesLook | None]], released: int = 0) -> dict[str, Any]:
    """What the receipts say of their series, by instance, where ahead the parts of its series were looked at."""
    asked: dict[str, dict[str, str]] = {}

    def look_of(study: str, series: str, digests: dict[str, str]) -> list[tuple[None, SeriesLook | None]]:
        asked[series] = digests
        return [(None, look) for look in looks.get(series, ())]

    batches = SimpleNamespace(instances=lambda *_: [None] * released)
    stage = cast(
        "Any",
        SimpleNamespace(
            _journal=SimpleNamespace(batches=batches), _staging=Staging(folder), ahead=SimpleNamespace(look_of=look_of)
        ),
    )
    after = Deidentification._looked_at_ahead(stage, BATCH, RESULTS)
    assert asked == ({} if released else {"2.25.1": {"a": "a" * 64, "b": "b" * 64}, "2.25.2": {"c": "c" * 64}})
    return {one.name: one.outcome.pixels["series"] for one in after if isinstance(one.outcome, Receipt)}


def test_a_series_without_text(tmp_path: Path) -> None:
    """Also one in several parts; its look is kept first, so that a kill changes nothing of it."""
    looks: dict[str, list[SeriesLook | None]] = {"2.25.1": [SeriesLook(("a",)), SeriesLook(("b",))]}
    assert _after(tmp_path, looks) == {"a": LOOKED_AT, "b": LOOKED_AT, "c": LOOK_DUE}
    kept = SeriesLook.read(Staging(tmp_path).look(3, "2.25.1"), ["a", "b"])
    assert kept == SeriesLook(("a", "b"))
    assert not Staging(tmp_path).look(3, "2.25.2").exists()


def test_an_image_with_text_is_still_due(tmp_path: Path) -> None:
    looks: dict[str, list[SeriesLook | None]] = {"2.25.1": [SeriesLook(("a", "b"), {"b": TEXT})]}
    assert _after(tmp_path, looks) == {"a": LOOKED_AT, "b": LOOK_DUE, "c": LOOK_DUE}


@pytest.mark.parametrize("released", [0, 1])
def test_a_look_that_is_not_whole_is_left_to_the_batch(tmp_path: Path, released: int) -> None:
    """A part was not looked at; or the batch has other outputs already, which may be of the series."""
    parts = [SeriesLook(("a",)), SeriesLook(("b",)) if released else None]
    assert _after(tmp_path, {"2.25.1": parts}, released) == dict.fromkeys("abc", LOOK_DUE)
    assert not Staging(tmp_path).look(3, "2.25.1").exists()


def test_after_a_kill_the_rest_of_a_batch_has_the_same_look(tmp_path: Path) -> None:
    """Some outcomes were written, the others are made anew by the batch: of these alone, another part would be seen."""
    _after(tmp_path, {"2.25.1": [SeriesLook(("a", "b"), {"b": TEXT})]})

    def nobody(*_: object) -> Any:
        raise AssertionError("the series is looked at again")

    [rest] = [Instance(3, "b", InstanceState.RELEASED, None, cast("Receipt", one.outcome)) for one in RESULTS[1:2]]
    pool = SimpleNamespace(look_at_series=lambda series: map(nobody, series))
    stage = cast("Any", SimpleNamespace(_staging=Staging(tmp_path), ahead=SimpleNamespace(look_of=nobody), _pool=pool))
    assert list(Deidentification._looks(stage, BATCH, [rest], {})) == [SeriesLook(("a", "b"), {"b": TEXT})]
