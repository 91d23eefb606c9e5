"""The former version of a batch at a destination makes room for the present one."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from sendit.errors import Misconfigured, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.destinations.base import Destination
    from sendit.model import Discrepancy, Receipt, Shipment, StagedInstance


def by_study(shipment: Shipment) -> Iterator[Shipment]:
    """Yield the parts of a shipment, each of one coded study: other rules may have given other UIDs."""
    ordered = sorted(shipment.staged_instances, key=_study)
    for _, part in groupby(ordered, key=_study):
        yield replace(shipment, staged_instances=list(part))


def _study(staged: StagedInstance) -> str:
    return staged.receipt.study_instance_uid


def remove_former(destination: Destination, former: Shipment, present: Shipment) -> list[Discrepancy]:
    """Remove a former version, unless it is what the present one is; return what could not be removed.

    Raises:
        Misconfigured: something of it cannot be removed there, and the present version does not go over it.
    """
    if _contents(former) == _contents(present):
        return []
    left = [problem for part in by_study(former) for problem in destination.recall(part)]
    over = {staged.receipt.sop_instance_uid for staged in present.staged_instances}
    lasting = [one for one in left if one.sop_instance_uid not in over]
    if lasting:
        problem = (
            f"{counted(len(lasting), 'instance')} of the former version cannot be removed from '{destination.name}'"
        )
        remedy = "Remove them there by their coded UIDs, then: sendit retry."
        raise Misconfigured(f"batch {present.batch_id}", f"{problem}: {lasting[0].problem}", remedy)
    return left


def _contents(shipment: Shipment) -> set[tuple[str, str]]:
    receipts: Iterator[Receipt] = (staged.receipt for staged in shipment.staged_instances)
    return {(receipt.sop_instance_uid, receipt.output_sha256) for receipt in receipts}
