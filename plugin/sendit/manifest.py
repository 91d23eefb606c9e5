"""The receipts of a batch, chained: one that is changed, taken out, put in or moved changes the end of the chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any


def head(receipts: Iterable[Mapping[str, Any]]) -> str:
    """The last digest (SHA-256, hex) of the chain.

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
