"""The projects of the configuration, made ready to work: their recipes read, their keys at hand.

What is missing or wrong stops SendIt at its start, with its place; nothing is waved through (law 1).
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sendit import keyring
from sendit.crosswalk import Crosswalk, key_folder
from sendit.deidentify import FunctionsText, RecipeText, compile_plan
from sendit.deidentify.plan import Handling
from sendit.deidentify_pool import ProjectSpec
from sendit.errors import Misconfigured
from sendit.identities import CodeSource, open_source, unknown_stops
from sendit.journal import Journal
from sendit.model import family
from sendit.settings import PIXELS_PASS, CsvList, Option, Project, Settings, place_of
from sendit.variants import key_owner

log = logging.getLogger(__name__)

KEYS = "keys"


@dataclass(frozen=True, slots=True)
class ReadyProject:
    """A project that batches can be de-identified for."""

    name: str
    spec: ProjectSpec  # what the pool's processes need: plan, and where the key lies
    key_fingerprint: str
    plan_digest: str
    codes: CodeSource | None = None  # where pseudonyms come from, if not from the key
    unknown_stops: bool = False  # a patient whom `codes` does not know
    crosswalk: Crosswalk | None = None


def recipes_of(project: Project, name: str, folder: Path) -> list[RecipeText]:
    """The texts of its recipes, and of its Python file; relative paths start at `folder`.

    Raises:
        Misconfigured: one is not there, or is wrong; the place names the line.
    """
    place = place_of(name)
    found = [
        RecipeText(recipe, read_text(folder / recipe, f"{place}.Recipes[{index}]", "recipe", recipe))
        for index, recipe in enumerate(project.recipes)
    ]
    if project.functions is not None:
        found.append(functions_of(folder / project.functions, f"{place}.Functions", project.functions))
    try:
        compile_plan(project.options, found, project.safe_private)
    except Misconfigured as error:
        raise Misconfigured(f"{place}, {error.place}", error.problem, error.cure) from None
    return found


def read_text(path: Path, place: str, kind: str, name: str) -> str:
    """The text of a file that the configuration names.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        cure = f"It is looked for as {path}."
        raise Misconfigured(place, f"the {kind} '{name}' cannot be read ({reason})", cure) from None


def functions_of(path: Path, place: str, name: str) -> FunctionsText:
    """The project's Python file. What stands in it is run by SendIt, so nobody else may be able to change it."""
    text = read_text(path, place, "Python file", name)
    if path.stat().st_mode & stat.S_IWOTH:
        raise Misconfigured(place, f"everybody may write to '{name}'", f"Change that: chmod o-w {path}")
    return FunctionsText(name, text)


def prepare_projects(settings: Settings, journal: Journal, folder: Path) -> Mapping[str, ReadyProject]:
    """All of the configuration's projects; those whose ties were cut are left out, they code nothing any more."""
    ready = {}
    for name, project in settings.projects.items():
        if cut := journal.cutting.of(name):
            log.warning("%s", cut.refusal(place_of(name), name))
        else:
            ready[name] = _prepare(name, project, journal, folder, settings)
            if Option.CLEAN_PIXEL_DATA not in project.options:
                log.warning("%s: %s", place_of(name), PIXELS_PASS)
    return ready


def open_crosswalk(settings: Settings, journal: Journal, name: str) -> Crosswalk:
    """The crosswalk of a project, configured or not."""
    project = settings.projects.get(name)
    # A list without a column for the issuer is of one authority; a service may know that two issuers mean one person.
    identities = project.identities if project is not None else None
    exact = isinstance(identities, CsvList) and identities.columns.issuer_of_patient_id is not None
    owner = key_owner(settings.projects, name)
    return Crosswalk(journal, key_folder(settings), owner, issuer_counts=exact)


def _prepare(name: str, project: Project, journal: Journal, folder: Path, settings: Settings) -> ReadyProject:
    keys = settings.data_directory / KEYS
    recipes: Sequence[RecipeText] = recipes_of(project, name, folder)
    owner = key_owner(settings.projects, name)
    known = {fp for fp in map(journal.facts.key_fingerprint, {name, owner}) if fp is not None}
    key = keyring.load_key(keys, owner, create=not known)
    fingerprint = keyring.fingerprint(key)
    if known - {fingerprint}:
        raise Misconfigured(
            place_of(name),
            f"the key {keys / (owner + '.key')} is not the one that its studies were coded with",
            "Put the right key back from your backup, or give the project another name to start anew.",
        )
    private = tuple(project.safe_private)
    handling = Handling.of(project)
    spec = ProjectSpec(tuple(project.options), tuple(recipes), keys, owner, private, handling)
    crosswalk = open_crosswalk(settings, journal, name) if project.crosswalk else None
    if crosswalk is not None:
        crosswalk.prepare()
    return ReadyProject(
        name=name,
        spec=spec,
        key_fingerprint=fingerprint,
        plan_digest=compile_plan(project.options, recipes, private, handling).digest,
        codes=open_source(project.identities, f"{place_of(family(name))}.Identities"),
        unknown_stops=unknown_stops(project.identities),
        crosswalk=crosswalk,
    )
