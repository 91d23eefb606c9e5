"""What `sendit doctor` looks at, and what it says to mend. It changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sendit import configuration, data_directory, keyring, settings
from sendit.api.server import socket_path
from sendit.client import Client
from sendit.crosswalk import key_folder
from sendit.destination_states import PATIENCE, Questions
from sendit.destinations import open_destination
from sendit.errors import Misconfigured, SendItError
from sendit.identities import open_source
from sendit.journal import Journal
from sendit.journal.cutting import Cut
from sendit.journal.database import JOURNAL_FILE, NotMade
from sendit.model import family
from sendit.orthanc_config import OrthancConfig
from sendit.pixel_tools import check_text_detection
from sendit.projects import KEYS, recipes_of
from sendit.settings import Option, Project, Settings
from sendit.variants import key_owner


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    says: str
    cure: str = ""


def examine(path: Path) -> Iterator[Finding]:
    """Everything that can be looked at from outside; what follows from a wrong configuration is left out."""
    try:
        document = configuration.read(path)
        loaded, orthanc = settings.load(document)
    except Misconfigured as error:
        yield Finding("configuration", False, f"{error.place}: {error.problem}", error.cure)
        return
    yield Finding("configuration", True, str(path))
    folder = path if path.is_dir() else path.parent
    checks = [
        ("data directory", lambda: _directory(loaded)),
        ("disk", lambda: _disk(loaded)),
        ("database", lambda: _database(loaded)),
        *((f"project {name}", _project(loaded, name, folder)) for name in loaded.projects),
        *((f"destination {name}", _destination(loaded, orthanc, name)) for name in loaded.destinations),
        *((f"WatchedFolders[{i}]", _watched(loaded, i)) for i in range(len(loaded.watched_folders))),
        ("worker", lambda: _worker(loaded)),
    ]
    for what, check in checks:
        yield _find(what, check)


def _find(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except Misconfigured as error:
        return Finding(what, False, f"{error.place}: {error.problem}", error.cure)
    except SendItError as error:
        return Finding(what, False, str(error))
    except PermissionError as error:  # a folder of another user: the keys, a watched folder, the data directory
        return Finding(what, False, f"{error.filename} cannot be read ({error.strerror})", "Run as Orthanc's user.")


def _directory(loaded: Settings) -> str:
    if not loaded.data_directory.exists():
        raise Misconfigured(
            data_directory.PLACE, f"{loaded.data_directory} does not exist", "Orthanc makes it at its start."
        )
    data_directory.prepare(loaded.data_directory)
    return str(loaded.data_directory)


def _disk(loaded: Settings) -> str:
    usage = shutil.disk_usage(loaded.data_directory if loaded.data_directory.exists() else "/")
    staged = sum(file.stat().st_size for file in (loaded.data_directory / "staging").glob("*/*"))
    pictures = sum(file.stat().st_size for file in (loaded.data_directory / "pictures").glob("*/*"))
    journal = sum(file.stat().st_size for file in loaded.data_directory.glob(f"{JOURNAL_FILE}*"))
    kept = {"staging": staged, "pictures": pictures, "journal": journal}
    sizes = ", ".join(f"{name} {size / 2**20:.1f} MiB" for name, size in kept.items())
    room = f"{usage.free / 2**30:.1f} GiB free; {sizes}"
    if usage.free < data_directory.LITTLE_ROOM:
        raise Misconfigured(data_directory.PLACE, room, "Make room, or move DataDirectory to a larger disk.")
    return room


def _database(loaded: Settings) -> str:
    file = loaded.data_directory / JOURNAL_FILE
    if loaded.database == "sqlite" and not file.exists():
        return "SQLite; made at the first start"
    try:
        journal = Journal.open(loaded.database, loaded.data_directory, upgrade=False)
    except NotMade:
        return "PostgreSQL answers; its tables are made at the first start"
    try:
        total = sum(journal.batches.count_by_state().values())
    finally:
        journal.close()
    return f"{'SQLite' if loaded.database == 'sqlite' else 'PostgreSQL'}, {total} batches"


@contextmanager
def _journal(loaded: Settings) -> Iterator[Journal | None]:
    """None if there is none yet, or it cannot be asked: what there is to say of that, the database's check says."""
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
            if journal is not None and (cut := journal.cutting.of(name)):
                return _cut(loaded, name, cut)
            known = None if journal is None else journal.facts.key_fingerprint(owner)
            sealed_with = None if journal is None else journal.crosswalk.fingerprint(owner)
        recipes_of(loaded.projects[name], name, folder)
        pixels = _pixels(loaded.projects[name])
        codes = open_source(loaded.projects[name].identities, f"{settings.place_of(family(name))}.Identities")
        also = f"; {codes.check()}" if codes else ""
        says = _key(loaded.data_directory / KEYS, owner, known, "its key")
        if loaded.projects[name].crosswalk:
            says += "; " + _key(key_folder(loaded), owner, sealed_with, "its crosswalk's key")
        return f"its recipes are right; {says}{also}; {pixels}"

    return check


def _pixels(project: Project) -> str:
    if Option.CLEAN_PIXEL_DATA not in project.options:
        return settings.PIXELS_PASS
    looked_at = project.pixels.detect_text
    if looked_at == "Off":
        return "text in pixels is not looked for (DetectText is Off): where a rule does not help, studies are held"
    check_text_detection()
    return "text in pixels is looked for " + ("in all images" if looked_at == "All" else "where an image may carry it")


def _key(directory: Path, name: str, known: str | None, what: str) -> str:
    path = directory / f"{name}.key"
    if known is None and not path.exists():
        return f"{what} is made at the first start"
    found = keyring.fingerprint(keyring.load_key(directory, name, create=False))
    if known is not None and found != known:
        raise Misconfigured(str(path), f"this is not {what} that was used before", "Put it back from your backup.")
    return f"{what} {found}"


def _cut(loaded: Settings, name: str, cut: Cut) -> str:
    keys = [folder / f"{name}.key" for folder in (loaded.data_directory / KEYS, key_folder(loaded))]
    there = [path for path in keys if path.exists()]
    if there or not cut.complete:
        problem = f"{there[0]} is there again" if there and cut.complete else "that did not come to its end"
        cure = f"Run: sendit cut-ties --project {name} --reason …"
        raise Misconfigured(f"its ties were cut on {cut.at:%Y-%m-%d}", problem, cure)
    return f"its ties were cut on {cut.at:%Y-%m-%d}: it has no key, and takes no studies (they fail and say so)"


def _destination(loaded: Settings, orthanc: OrthancConfig, name: str) -> Callable[[], str]:
    def check() -> str:
        settings_ = loaded.destinations[name]
        if not settings_.enabled:
            return "paused: it is not enabled"
        questions = Questions()
        asked = questions.begin(name, lambda: open_destination(name, settings_, orthanc).check())
        answer = questions.answer(asked, PATIENCE)
        if answer.error is not None:
            raise answer.error
        return "reachable, and lets us in"

    return check


def _watched(loaded: Settings, index: int) -> Callable[[], str]:
    def check() -> str:
        path = loaded.watched_folders[index].path
        if not path.is_dir():
            raise Misconfigured(f"SendIt.WatchedFolders[{index}].Path", "there is no such folder", "Make or mount it.")
        return str(path)

    return check


def _worker(loaded: Settings) -> str:
    health = Client(socket_path(loaded.data_directory), timeout=10).call("GET", "/api/health")
    if health["status"] != "ok":
        raise Misconfigured("worker", "; ".join(health["problems"]), "Its log says more.")
    return f"version {health['version']} answers"
