"""The verdict of a project's Release rule on one batch.

The share and the devices are digests under the project's key: the same on every machine, and nobody who sends a study
can tell whether it will be reviewed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from sendit import keyring
from sendit.config.variants import key_owner
from sendit.journal.release.gate import NO_WISH, ReviewWish
from sendit.pipeline.projects import KEYS

if TYPE_CHECKING:
    from sendit.config.project import ReviewRule
    from sendit.config.schema import Settings
    from sendit.model import Batch
    from sendit.orthanc.client import Source

_SHARE, _DEVICE = b"sendit review share\0", b"sendit review device\0"


def wish_of(settings: Settings, source: Source, batch: Batch) -> ReviewWish:
    """Return what the batch's project wants a person to see of it.

    Raises:
        Retry: Orthanc does not answer, and the rule asks for devices.
    """
    name = batch.project or ""
    rule = settings.projects[name].release.review if name in settings.projects else None
    if rule is None:
        return NO_WISH
    key = keyring.load_key(settings.data_directory / KEYS, key_owner(settings.projects, name), create=False)
    return ReviewWish(
        everything=rule.everything,
        chosen=rule.share is not None and is_chosen(key, name, batch.study, rule.share),
        modalities=frozenset(rule.modality or ()),
        text_found=rule.text_found,
        first_of_device=rule.first_of_device or 0,
        devices=_devices(rule, source, key, batch.study),
        persons=rule.persons,
    )


def is_chosen(key: bytes, project: str, study: str, share: float) -> bool:
    """Return whether a study is one of the share (percent) that is reviewed."""
    digest = hmac.new(key, _SHARE + f"{project}\0{study}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8]) / 2**64 < share / 100


def _devices(rule: ReviewRule, source: Source, key: bytes, study: str) -> frozenset[str]:
    """Return the devices of a study as keyed digests; none if one of them cannot be told."""
    if rule.first_of_device is None:
        return frozenset()
    names = source.devices(study)
    if not names or not all(any(name) for name in names):
        return frozenset()
    digests = (hmac.new(key, _DEVICE + "\0".join(name).encode(), hashlib.sha256) for name in names)
    return frozenset(digest.hexdigest() for digest in digests)
