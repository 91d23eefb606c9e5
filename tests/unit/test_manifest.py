"""The chain of receipts."""

from __future__ import annotations

from itertools import permutations

from sendit import manifest

RECEIPTS = [{"sop_instance_uid": f"2.25.{number}", "actions": {"X": number}} for number in range(3)]


def test_every_change_shows() -> None:
    """A receipt changed, left out, put in or moved gives another end; the order of keys does not."""
    end = manifest.head(RECEIPTS)
    others = [manifest.head(RECEIPTS[:2]), manifest.head([*RECEIPTS, {}]), manifest.head([])]
    others += [manifest.head([*RECEIPTS[:2], {**RECEIPTS[2], "actions": {"X": 9}}])]
    others += [manifest.head(order) for order in permutations(RECEIPTS) if list(order) != RECEIPTS]
    assert len({end, *others}) == len(others) + 1
    assert manifest.head([dict(reversed(list(receipt.items()))) for receipt in RECEIPTS]) == end
    assert len(end) == 64
