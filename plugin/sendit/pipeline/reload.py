"""Take over a changed configuration: check all of it, say what it changes, then let the plugin restart the worker.

The worker is restarted because that is what every kill has tested: whatever is under way is resumed, and no part of the
process keeps something of the former configuration (docs/decisions/0025-reload.md). Whatever would be refused is
found before: the section, recipes, lists and keys are read as a start reads them.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sendit.config import changes
from sendit.config.file import check_permissions, read_configuration
from sendit.config.masking import masked_section
from sendit.config.schema import SECTION, load
from sendit.destinations import open_destination
from sendit.errors import Misconfigured
from sendit.journal.audit import Act
from sendit.model import BatchState
from sendit.pipeline.projects import check_projects, recipes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sendit.config.orthanc import OrthancConfig
    from sendit.config.schema import Settings
    from sendit.journal import Journal
    from sendit.pipeline.context import Services

#: Keys beside "SendIt" that SendIt uses as the files have them now. For Orthanc itself they need a restart.
_ALSO = ("OrthancPeers", "DicomModalities")


@dataclass(frozen=True, slots=True)
class Reload:
    """A configuration that can be taken over, and what that means.

    Attributes:
        keys: the keys of the configuration for the next worker.
        changes: what changes, in words.
        restart_needed: keys that differ and are read only when Orthanc starts.
        fixed: those of them that forbid to take over the rest before.
        warnings: what an operator should know before.
    """

    keys: Mapping[str, Any] = field(repr=False)
    changes: list[str]
    restart_needed: list[str]
    fixed: list[str]
    warnings: list[str]

    @property
    def possible(self) -> bool:
        """Return whether there is something to take over, and nothing forbids it."""
        return bool(self.changes) and not self.fixed


class Reloader:
    """Reads the configuration again, for a worker that runs with an older one.

    Args:
        services: those that run.
        running: the configuration that they run with, as the plugin gave it.
        orthanc: what was read from it.
        path: the file or folder that Orthanc was started with.
        importing: returns how many imports run that a restart would interrupt.
        restart: ends this worker, and lets the plugin start another one with these keys; None: an older plugin cannot.
    """

    def __init__(
        self,
        services: Services,
        running: Mapping[str, Any],
        orthanc: OrthancConfig,
        path: Path,
        importing: Callable[[], int],
        restart: Callable[[Mapping[str, Any]], None] | None,
    ) -> None:
        self._services = services
        self._running = running
        self._orthanc = orthanc
        self._path = path
        self._folder = path if path.is_dir() else path.parent
        self._importing = importing
        self._restart = restart
        self._lock = threading.Lock()
        self._begun = False

    def configuration(self) -> dict[str, Any]:
        """Return the section "SendIt" that applies now, with its defaults and without its secrets."""
        return masked_section(self._services.settings)

    def look(self) -> Reload:
        """Read and check the files as they are now; change nothing.

        Raises:
            Misconfigured: they would be refused; the running configuration stays.
        """
        check_permissions(self._path)
        written = read_configuration(self._path)
        keys: dict[str, Any] = {SECTION: written.get(SECTION), **{key: written.get(key, {}) for key in _ALSO}}
        if keys[SECTION] is None:
            raise Misconfigured(SECTION, "orthanc.json has no such section any more", "Add it again.")
        # Orthanc's own keys count as Orthanc was started with them.
        settings, orthanc = load({**self._running, **keys})
        check_projects(settings, self._services.journal, self._folder)
        for name, one in settings.destinations.items():
            open_destination(name, one, orthanc)  # connects to nothing
        before = self._services.settings
        fixed = changes.fixed(before, settings)
        return Reload(
            keys=keys,
            changes=[
                *changes.compare(before, settings),
                *self._changed_recipes(settings),
                *changes.of_peers(self._orthanc, orthanc),
            ],
            restart_needed=[
                *fixed,
                *changes.of_orthanc(self._orthanc, type(orthanc).read({**self._running, **written})),
            ],
            fixed=fixed,
            warnings=list(consequences(self._services.journal, before, settings)),
        )

    def begin(self, reload: Reload, actor: str, reason: str, *, interrupt_imports: bool) -> None:
        """Record the reload, and forbid a second one. `restart` has to follow.

        Raises:
            Misconfigured: it is not possible now.
        """
        if self._restart is None:
            problem = "sendit_plugin.py is older than this SendIt, and cannot restart its worker"
            raise Misconfigured("PythonScript", problem, "Install the new one, then restart Orthanc.")
        if not interrupt_imports and (running := self._importing()):
            problem = f"{running} import{'s' * (running > 1)} would be interrupted"
            raise Misconfigured("reload", problem, "Wait for its end, or allow it (--interrupt-imports).")
        with self._lock:
            if self._begun:
                raise Misconfigured("reload", "another reload has begun", "Try again in a moment.")
            self._begun = True
        try:
            act = Act(actor, "reload", reason=reason, details={"changes": reload.changes})
            self._services.journal.audit.record(act)
        except Exception:
            self._begun = False
            raise

    def restart(self, reload: Reload) -> None:
        """Let the plugin start a worker with the configuration that was found; return at once."""
        # Not in this thread: it may be one of the API's, for whose end the API would wait.
        assert self._restart is not None
        threading.Thread(target=self._restart, args=(reload.keys,), name="reload", daemon=True).start()

    def _changed_recipes(self, settings: Settings) -> Iterator[str]:
        """Yield the projects whose files have other contents under the same names."""
        for name, project in settings.projects.items():
            ready = self._services.deidentification.projects.get(name)
            before = self._services.settings.projects.get(name)
            if ready is None or before is None:
                continue
            old = {recipe.name: recipe for recipe in ready.spec.recipes}
            for recipe in recipes_of(project, name, self._folder):
                if recipe.name in old and recipe != old[recipe.name]:
                    yield f"project {name}: {recipe.name} has changed"


def consequences(journal: Journal, before: Settings, after: Settings) -> Iterator[str]:
    """Yield what becomes of batches whose project or destination goes."""
    waiting = Counter(batch.project for batch in journal.batches.unfinished())
    for name in before.projects:
        if name in after.projects:
            continue
        if count := waiting[name]:
            yield f"project {name} is removed: {count} of its batches that are not sent yet will fail"
        if journal.batches.in_queue(BatchState.REVIEW, name):
            yield f"project {name} is removed: batches of it wait for a review, and cannot be accepted without it"
    deliveries = Counter(delivery.destination for delivery in journal.deliveries.open())
    for name in before.destinations:
        if name not in after.destinations and (count := deliveries[name]):
            yield f"destination {name} is removed: {count} of its deliveries that are not made yet will fail"
