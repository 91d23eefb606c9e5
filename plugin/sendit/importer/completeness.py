"""When something in a watched folder is complete. Pure: it is told what was seen, and when.

The rule, for whatever has a complete name (`naming.is_taken`):

1. A directory without any file is never complete: whoever made it has not begun.
2. Two looks at least SETTLE_SECONDS apart must see the same.
3. A directory that got its name by being renamed is then complete. That is known in two ways: its name was seen before
   with `.tmp` and anything behind it; or its own time of change (ctime, which a rename sets) is newer than the time of
   its last entry and not older than any change in it, all by the file system's own clock.
4. Everything else, so a directory that is filled in place and every loose file, must look the same for QuietSeconds.

Times of files are only compared with each other, never with our clock: that of a network mount may be wrong by hours.
A copy that pauses for longer than QuietSeconds cannot be told from one that has ended; what comes later is then
imported from where it appears, as a directory of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendit.importer.file_names import final_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from sendit.importer.walk import Snapshot

SETTLE_SECONDS = 1.0
#: Loose files that could be taken wait for others that still change for so many QuietSeconds at most.
_PATIENCE = 6
_MOST_PROMISES = 10_000


@dataclass(slots=True)
class _Seen:
    fingerprint: int
    since: float  # seconds of a monotonic clock


@dataclass(slots=True)
class Completeness:
    """Remembers what was seen in one watched folder."""

    quiet_seconds: float
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _promised: set[str] = field(default_factory=set)

    def heard_of(self, name: str) -> None:
        """Note that a name was seen; one that ends in `.tmp` plus anything promises a rename."""
        promised = final_name(name)
        if promised:
            if len(self._promised) >= _MOST_PROMISES:
                self._promised.clear()  # only costs waiting QuietSeconds
            self._promised.add(promised)

    def keep_only(self, names: Collection[str]) -> None:
        """Forget what is no longer in the folder."""
        for name in [n for n in self._seen if n not in names]:
            self.forget(name)

    def forget(self, name: str) -> None:
        """Forget a name that was dealt with; if it comes again, it is something new."""
        self._seen.pop(name, None)
        self._promised.discard(name)

    def is_complete(self, name: str, snapshot: Snapshot, now: float, *, loose: bool = False) -> bool:
        """Look once more, and return whether it is complete by the rule above."""
        quiet = self._quiet(name, snapshot, now)
        if snapshot.files == 0 or quiet < SETTLE_SECONDS:
            return False
        if not loose and (snapshot.renamed or name in self._promised):
            return True
        return quiet >= self.quiet_seconds

    def _quiet(self, name: str, snapshot: Snapshot, now: float) -> float:
        """Return for how many seconds it has looked the same."""
        seen = self._seen.get(name)
        if seen is None or seen.fingerprint != snapshot.fingerprint:
            self._seen[name] = _Seen(snapshot.fingerprint, now)
            return 0.0
        return now - seen.since

    def group(self, complete: Collection[str], loose: Collection[str], now: float) -> bool:
        """Return whether the complete ones of the loose files are taken now, as one import.

        They may belong to one study, so they wait until no other loose file changes either, but not for ever.
        """
        if len(complete) == len(loose):
            return bool(complete)
        oldest = min((self._seen[name].since for name in complete), default=now)
        return now - oldest >= _PATIENCE * self.quiet_seconds
