"""Check a configuration and its surroundings for `sendit doctor`. Nothing is changed."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sendit import keyring
from sendit.client import Client, socket_path
from sendit.config.file import check_permissions, read_configuration
from sendit.config.project import PIXELS_PASS, Project
from sendit.config.roles import EVERYBODY, GROUP, PERMISSION
from sendit.config.schema import Option, Settings, load
from sendit.config.variants import key_owner
from sendit.destinations import open_destination
from sendit.doctor import surroundings
from sendit.errors import Misconfigured, SendItError
from sendit.journal import Journal
from sendit.journal.database import JOURNAL_FILE, NotMade, check_pages
from sendit.logs.traces import open_sender
from sendit.orthanc import certificates
from sendit.pipeline.backups.high_water import examine as examine_mark
from sendit.pipeline.backups.high_water import refuse_missing
from sendit.pipeline.pool.pixel_tools import check_text_detection
from sendit.pipeline.projects import KEYS, open_codes, recipes_of
from sendit.pipeline.readback.destination_status import PATIENCE, StatusChecks
from sendit.pseudonyms.crosswalk import key_folder
from sendit.storage import data_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from sendit.config.orthanc import OrthancConfig
    from sendit.config.types import TracingSettings
    from sendit.journal.unlinking import Unlinked

#: Below these limits a day's studies may push each other out of Orthanc while they arrive.
_FEW_PATIENTS, _FEW_MEGABYTES = 1000, 100_000


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check."""

    name: str
    ok: bool
    message: str
    remedy: str = ""
    warning: bool = False  # it works, and an operator should know


def _failure(name: str, message: str, remedy: str = "") -> CheckResult:
    return CheckResult(name, ok=False, message=message, remedy=remedy)


def examine(path: Path) -> Iterator[CheckResult]:
    """Yield the result of every check that is possible from outside; none after an invalid configuration."""
    try:
        document = read_configuration(path)
        loaded, orthanc = load(document)
    except Misconfigured as error:
        yield _failure("configuration", f"{error.place}: {error.problem}", error.remedy)
        return
    yield CheckResult("configuration", ok=True, message=str(path))
    folder = path if path.is_dir() else path.parent
    checks: list[tuple[str, Callable[[], str]]] = [
        ("permissions", lambda: _permissions(path, loaded)),
        ("keys of Orthanc", lambda: surroundings.check_spelling(document)),
        ("access", lambda: surroundings.check_access(document)),
        ("plugin", lambda: surroundings.check_plugin(document, folder, loaded)),
        ("shared memory", surroundings.check_shared_memory),
        ("data directory", lambda: _directory(loaded)),
        ("disk", lambda: _disk(loaded)),
        ("database", lambda: _database(loaded)),
        ("order of the projects", lambda: surroundings.check_order(loaded)),
        ("Orthanc's limits", lambda: _limits(orthanc)),
        ("certificates", lambda: certificates.check(orthanc)),
        *((f"project {name}", _project(loaded, name, folder)) for name in loaded.projects),
        *((f"destination {name}", _destination(loaded, orthanc, name)) for name in loaded.destinations),
        *((f"WatchedFolders[{i}]", _watched(loaded, i)) for i in range(len(loaded.watched_folders))),
        *(("traces", partial(_traces, one)) for one in (loaded.tracing,) if one is not None),
        ("worker", lambda: _worker(loaded)),
    ]
    for name, check in checks:
        yield _run(name, check)
    yield _roles(document, loaded)
    yield from _not_applied(loaded)


def _run(name: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, ok=True, message=check())
    except Misconfigured as error:
        problem = error.problem if error.place == name else f"{error.place}: {error.problem}"
        return _failure(name, problem, error.remedy)
    except SendItError as error:
        return _failure(name, str(error))
    except PermissionError as error:  # a folder of another user: the keys, a watched folder, the data directory
        return _failure(name, f"{error.filename} cannot be read ({error.strerror})", "Run as Orthanc's user.")


def _roles(document: Mapping[str, Any], loaded: Settings) -> CheckResult:
    """Say who may do what, and warn where everybody may do everything, or a named user cannot be told."""
    if loaded.roles is None:
        problem = "NOBODY IS NAMED: every user of Orthanc may release, recall, and see originals"
        return CheckResult("roles", ok=True, message=problem, remedy="Name users in SendIt.Roles.", warning=True)
    named = {role: set(getattr(loaded.roles, role)) for role in type(loaded.roles).model_fields}
    users = set().union(*named.values()) - {EVERYBODY}
    checked = document.get("AuthenticationEnabled", document.get("RemoteAccessAllowed", False))
    profiles = surroundings.has_profiles(document)
    claims = sorted(one for one in users if one.startswith((PERMISSION, GROUP)))
    if claims and (checked or not profiles):
        problem = (
            f"nobody has {', '.join(claims)}: users have permissions and groups only with the authorization plugin"
        )
        remedy = "Name users; or set Authorization.WebServiceRootUrl, and AuthenticationEnabled to false."
        return CheckResult("roles", ok=True, message=problem, remedy=remedy, warning=True)
    if users and not checked and not profiles:
        problem = "SendIt.Roles names users, but Orthanc asks for no password: it cannot tell who a user is"
        remedy = "Set AuthenticationEnabled to true, or name * only."
        return CheckResult("roles", ok=True, message=problem, remedy=remedy, warning=True)
    if checked and (unknown := sorted(users - set(document.get("RegisteredUsers", {})))):
        problem = (
            f"RegisteredUsers has no {', '.join(unknown)}: this is right only if another plugin authenticates them"
        )
        return CheckResult("roles", ok=True, message=problem, remedy="Check the spelling.", warning=True)
    counts = ", ".join(f"{role.replace('_', ' ')} {_how_many(names)}" for role, names in named.items())
    return CheckResult("roles", ok=True, message=counts)


def _how_many(names: Collection[str]) -> str:
    if EVERYBODY in names:
        return "everybody"
    return f"{len(names)} user{'s' * (len(names) != 1)}" if names else "nobody"


def _permissions(path: Path, loaded: Settings) -> str:
    check_permissions(path, data_directory.owners(loaded.data_directory))
    return "no other user may change it"


def _traces(settings: TracingSettings) -> str:
    open_sender(settings.url, settings.headers, settings.certificate_authority).stop()
    return f"they go to {urlsplit(settings.url).hostname}"


def _directory(loaded: Settings) -> str:
    if not loaded.data_directory.exists():
        return f"{loaded.data_directory} will be created at the first start"
    data_directory.prepare(loaded.data_directory)
    return str(loaded.data_directory)


def _disk(loaded: Settings) -> str:
    usage = shutil.disk_usage(loaded.data_directory if loaded.data_directory.exists() else "/")
    staged = sum(file.stat().st_size for file in (loaded.staging_directory / "staging").glob("*/*"))
    previews = sum(file.stat().st_size for file in (loaded.staging_directory / "pictures").glob("*/*"))
    journal = sum(file.stat().st_size for file in loaded.data_directory.glob(f"{JOURNAL_FILE}*"))
    parts = {"staging": staged, "previews": previews, "journal": journal}
    sizes = ", ".join(f"{name} {size / 2**20:.1f} MiB" for name, size in parts.items())
    room = f"{usage.free / 2**30:.1f} GiB free; {sizes}"
    if usage.free < data_directory.LITTLE_ROOM:
        raise Misconfigured(data_directory.PLACE, room, "Free some space, or move DataDirectory to a larger disk.")
    return room


def _limits(orthanc: OrthancConfig) -> str:
    """Check Orthanc's storage limits.

    Raises:
        Misconfigured: a busy day can reach a limit before SendIt has processed what arrived.
    """
    if not orthanc.recycling:
        return "Orthanc does not delete studies by itself"
    few = 0 < orthanc.most_patients < _FEW_PATIENTS
    small = 0 < orthanc.most_megabytes < _FEW_MEGABYTES
    if few or small:
        place = "MaximumPatientCount" if few else "MaximumStorageSize"
        problem = f"{orthanc.recycling}: Orthanc deletes the oldest patients, even if their studies wait for SendIt"
        remedy = "Raise it, set it to 0, or set MaximumStorageMode to Reject (Orthanc 1.11.3 and newer)."
        raise Misconfigured(place, problem, remedy)
    return f"{orthanc.recycling}: Orthanc then deletes the oldest patients; a study not yet processed becomes FAILED"


def _database(loaded: Settings) -> str:
    refuse_missing(loaded.database, loaded.data_directory)
    file = loaded.data_directory / JOURNAL_FILE
    if loaded.database == "sqlite" and not file.exists():
        return "SQLite; will be created at the first start"
    try:
        journal = Journal.open(loaded.database, loaded.data_directory, upgrade=False)
    except NotMade:
        return "PostgreSQL responds; its tables will be created at the first start"
    try:
        if loaded.database == "sqlite":
            check_pages(journal.engine, file)
            _refuse_read_only(file)
        examine_mark(journal, loaded.data_directory)
        total = sum(journal.counts.by_state().values())
    finally:
        journal.close()
    kind = "SQLite" if loaded.database == "sqlite" else "PostgreSQL"
    return f"{kind}, {total} batches; it is not behind its high-water mark"


def _refuse_read_only(file: Path) -> None:
    """Raise Misconfigured if the journal can be read, and not be written."""
    if not os.access(file, os.W_OK):
        raise Misconfigured(str(file), "the journal cannot be written", "Check its owner, its mode and its disk.")


@contextmanager
def _journal(loaded: Settings) -> Iterator[Journal | None]:
    """Yield the journal; None if there is none yet, or it cannot be opened, which the check of the database reports."""
    if loaded.database == "sqlite" and not (loaded.data_directory / JOURNAL_FILE).exists():
        yield None
        return
    try:
        journal = Journal.open(loaded.database, loaded.data_directory, upgrade=False)
    except SendItError:
        yield None
        return
    try:
        yield journal
    finally:
        journal.close()


def _project(loaded: Settings, name: str, folder: Path) -> Callable[[], str]:
    owner = key_owner(loaded.projects, name)

    def check() -> str:
        with _journal(loaded) as journal:
            if journal is not None and (unlinked := journal.unlinking.of(name)):
                return _unlinked(loaded, name, unlinked)
            recorded = None if journal is None else journal.facts.key_fingerprint(owner)
            sealed_with = None if journal is None else journal.crosswalk.fingerprint(owner)
        recipes_of(loaded.projects[name], name, folder, data_directory.owners(loaded.data_directory))
        pixels = _pixels(loaded.projects[name])
        codes = open_codes(loaded, name)
        also = f"; {codes.check()}" if codes else ""
        keys = _key(loaded.data_directory / KEYS, owner, recorded, "its key")
        if loaded.projects[name].crosswalk:
            keys += "; " + _key(key_folder(loaded), owner, sealed_with, "its crosswalk's key")
        return f"its recipes are valid; {keys}{also}; {pixels}"

    return check


def _pixels(project: Project) -> str:
    if Option.CLEAN_PIXEL_DATA not in project.options:
        return PIXELS_PASS
    scope = project.pixels.detect_text
    if scope == "Off":
        return "text in pixels is not searched for (DetectText is Off): without a rule that decides, studies are held"
    check_text_detection()
    return "text in pixels is searched for " + ("in all images" if scope == "All" else "where an image may contain it")


def _key(directory: Path, name: str, recorded: str | None, label: str) -> str:
    path = directory / f"{name}.key"
    if recorded is None and not path.exists():
        return f"{label} will be created at the first start"
    fingerprint = keyring.fingerprint(keyring.load_key(directory, name, create=False))
    if recorded is not None and fingerprint != recorded:
        problem = f"{label} is not the one that was used before"
        raise Misconfigured(str(path), problem, "Restore it from your backup.")
    return f"{label} {fingerprint}"


def _unlinked(loaded: Settings, name: str, unlinked: Unlinked) -> str:
    keys = [folder / f"{name}.key" for folder in (loaded.data_directory / KEYS, key_folder(loaded))]
    remaining = [path for path in keys if path.exists()]
    text = f"it was permanently unlinked on {unlinked.at:%Y-%m-%d}"
    if remaining or not unlinked.complete:
        restored = f"{remaining[0]} exists again" if remaining and unlinked.complete else ""
        remedy = f"Run: sendit unlink --project {name} --reason …"
        raise Misconfigured(text, restored or "that was not completed", remedy)
    return f"{text}: it has no key and accepts no studies (their batches fail with this reason)"


def _destination(loaded: Settings, orthanc: OrthancConfig, name: str) -> Callable[[], str]:
    def check() -> str:
        settings_ = loaded.destinations[name]
        if not settings_.enabled:
            return "paused: Enabled is false"
        questions = StatusChecks()
        question = questions.begin(name, lambda: open_destination(name, settings_, orthanc).check())
        answer = questions.answer(question, PATIENCE)
        if answer.error is not None:
            raise answer.error
        return "reachable, access granted"

    return check


def _watched(loaded: Settings, index: int) -> Callable[[], str]:
    def check() -> str:
        path = loaded.watched_folders[index].path
        if not path.is_dir():
            raise Misconfigured(
                f"SendIt.WatchedFolders[{index}].Path", "there is no such folder", "Create or mount it."
            )
        return str(path)

    return check


def _worker(loaded: Settings) -> str:
    if not data_directory.was_used(loaded.data_directory):
        return "SendIt has not been started yet: start Orthanc"
    health = Client(socket_path(loaded.data_directory), timeout=10).call("GET", "/api/health")
    if health["status"] != "ok":
        raise Misconfigured(
            "worker", "; ".join(health["problems"]), "Run: sendit status. Orthanc's log has the details."
        )
    return f"version {health['version']} responds"


def _not_applied(loaded: Settings) -> Iterator[CheckResult]:
    """Warn where the files were changed since SendIt has read them: what was examined is not what runs."""
    if not data_directory.was_used(loaded.data_directory):
        return
    try:
        worker = Client(socket_path(loaded.data_directory), timeout=10)
        seen = worker.call("POST", "/api/reload", {"preview": True})
    except SendItError:  # the check of the worker, or of the configuration, says it
        return
    if changes := [*seen["changes"], *seen["restart_needed"]]:
        remedy = "Restart Orthanc." if seen["restart_needed"] else "Run: sendit reload"
        message = f"SendIt runs with an older configuration than its files have: {'; '.join(changes)}"
        yield CheckResult("changes", ok=True, message=message, remedy=remedy, warning=True)
