"""The receipts of a batch, chained: one that is changed, taken out, put in or moved changes the end of the chain."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.model import InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def receipts_of(c: sa.Connection, batch_id: int) -> list[tuple[str, dict[str, Any]]]:
    """Return Orthanc's identifier and the stored receipt of each released instance, in the order of the chain."""
    i = t.instances.c
    released = i.state.in_([InstanceState.RELEASED, InstanceState.SENT])
    query = sa.select(i.instance, i.receipt).where((i.batch_id == batch_id) & released).order_by(i.id)
    return [(instance, receipt) for instance, receipt in c.execute(query)]


def head(receipts: Iterable[Mapping[str, Any]]) -> str:
    """Return the last digest (SHA-256, hex) of the chain.

    Each is that of the one before it (64 hexadecimal digits; none before the first) and of the receipt as canonical
    JSON: ASCII, keys sorted, no spaces.

    Args:
        receipts: as the journal holds them, in the order in which the instances were listed.
    """
    digest = ""
    for receipt in receipts:
        text = json.dumps(receipt, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256((digest + text).encode("ascii")).hexdigest()
    return digest
