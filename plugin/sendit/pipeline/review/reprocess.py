"""Batches that are DONE, de-identified again by the present rules: what would differ, and the next version."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sendit.errors import Misconfigured
from sendit.model import BatchState, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.model import Batch, Quarantined, Rejected
    from sendit.pipeline.context import Services

#: So many instances are compared for a preview, unless more are asked for.
MOST_COMPARED = 50


@dataclass(frozen=True, slots=True)
class Difference:
    """Changes that the present rules would make in a batch. Nothing of what was computed for it is kept."""

    instances: int  # of the batch, that were sent
    compared: int
    same: int  # their bytes would be the same
    changed: int
    masked_differently: int
    not_sent: Mapping[str, int] = field(default_factory=dict)  # they would be held or rejected: reason → number
    rules_before: tuple[str, ...] = ()  # digests of the rules
    rules_now: tuple[str, ...] = ()
    actions_before: Mapping[str, int] = field(default_factory=dict)  # how often each action was applied
    actions_now: Mapping[str, int] = field(default_factory=dict)


class Reprocessing:
    """Makes further versions of batches."""

    def __init__(self, services: Services, process: Callable[[int, int], None]) -> None:
        self._services = services
        self._journal = services.journal
        self._process = process
        services.staging.forget_trials()

    def begin(self, batch_id: int, actor: str, reason: str) -> bool:
        """Process a batch again that is DONE; False if it is not.

        Its new version goes through review if the project wants that, and then replaces at each destination the one
        that was sent before, under the same pseudonyms.

        Raises:
            Misconfigured: its originals, or its receipts, are gone.
        """
        batch = self._done(batch_id)
        if batch is None:
            return False
        self._check_originals(batch)
        attempt = self._journal.versions.begin(batch_id, actor, reason)
        if attempt is None:
            return False
        self._process(batch_id, attempt)
        return True

    def differences(self, batch_id: int, most: int = MOST_COMPARED) -> Difference | None:
        """Return what would differ, from up to `most` instances, evenly chosen; None if the batch is not DONE.

        Raises:
            Misconfigured: as for `begin`.
            Retry: the local Orthanc, the disk, or the source of pseudonyms fails.
        """
        batch = self._done(batch_id)
        if batch is None:
            return None
        self._check_originals(batch)
        present = {one.orthanc_id: one.receipt for one in self._journal.batches.instances(batch_id)}
        before = {name: receipt for name, receipt in present.items() if receipt is not None and receipt.released}
        step = max(1, -(-len(before) // most))
        chosen = dict(list(before.items())[::step])
        with tempfile.TemporaryDirectory(dir=self._services.staging.trials()) as folder:
            outcomes = self._services.deidentification.tried(batch, list(chosen), Path(folder))
        return _difference(len(before), chosen, outcomes)

    def _done(self, batch_id: int) -> Batch | None:
        batch = self._journal.batches.get(batch_id)
        return batch if batch is not None and batch.state is BatchState.DONE else None

    def _check_originals(self, batch: Batch) -> None:
        if self._journal.retention.pruned_at(batch.id) is None and self._services.source.study(batch.study) is None:
            problem = "its originals are no longer in Orthanc"
            raise Misconfigured(f"batch {batch.id}", problem, "Send its study to Orthanc again.")


def _difference(
    instances: int, before: Mapping[str, Receipt], now: Mapping[str, Receipt | Rejected | Quarantined]
) -> Difference:
    held: Counter[str] = Counter()
    actions_before: Counter[str] = Counter()
    actions_now: Counter[str] = Counter()
    same = changed = masked = 0
    for name, old in before.items():
        new = now[name]
        actions_before.update(old.actions)
        if not isinstance(new, Receipt):
            held[new.reason] += 1
            continue
        actions_now.update(new.actions)
        same += new.output_sha256 == old.output_sha256
        changed += new.output_sha256 != old.output_sha256
        masked += new.pixels.get("regions") != old.pixels.get("regions")
    return Difference(
        instances=instances,
        compared=len(before),
        same=same,
        changed=changed,
        masked_differently=masked,
        not_sent=dict(held),
        rules_before=tuple(sorted({receipt.plan_sha256 for receipt in before.values()})),
        rules_now=tuple(sorted({receipt.plan_sha256 for receipt in now.values() if isinstance(receipt, Receipt)})),
        actions_before=dict(sorted(actions_before.items())),
        actions_now=dict(sorted(actions_now.items())),
    )
