"""Projects of the configuration: which one a study belongs to, and what each needs to work (recipes read, keys loaded).

What is missing or wrong stops SendIt at its start, with its place; nothing is waved through (law 1).
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

from sendit import keyring
from sendit.config import permissions
from sendit.config.masking import masked
from sendit.config.project import PIXELS_PASS, CsvList, IdentityService, Match, Project
from sendit.config.schema import Option, Settings, code_fault, place_of
from sendit.config.variants import key_owner
from sendit.deidentify import FunctionsText, RecipeText, compile_plan
from sendit.deidentify.plan import ENGINE_VERSION, Handling
from sendit.deidentify.profile.table import EDITION
from sendit.errors import Misconfigured
from sendit.model import family
from sendit.pipeline.pool.processes import ProjectSpec, compiled
from sendit.pseudonyms import CodeSource, open_source, unknown_stops
from sendit.pseudonyms.crosswalk import Crosswalk, key_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from sendit.journal import Journal
    from sendit.orthanc.client import StudyFacts

log = logging.getLogger(__name__)

KEYS = "keys"
#: Below it, the keys that sign passports.
PASSPORT_KEYS = "passport"


@dataclass(frozen=True, slots=True)
class ReadyProject:
    """A project that batches can be de-identified for."""

    name: str
    spec: ProjectSpec  # what the pool's processes need: plan, and where the key lies
    key_fingerprint: str
    rules_digest: str = ""  # as long as it is the same, what was de-identified before is what would be now
    codes: CodeSource | None = None  # where pseudonyms come from, if not from the key
    unknown_stops: bool = False  # a patient whom `codes` does not know
    crosswalk: Crosswalk | None = None
    ahead: bool = True  # instances may be de-identified before their study is complete; no service is asked for it

    @property
    def plan_digest(self) -> str:
        """Return the digest of the plan, as the receipts of its instances have it."""
        return compiled(self.spec).digest

    def rules(self) -> dict[str, Any]:
        """Return everything that the plan was compiled from, ready for JSON."""
        functions = next((text for text in self.spec.recipes if isinstance(text, FunctionsText)), None)
        return {
            "edition": EDITION,
            "engine": ENGINE_VERSION,
            "options": [str(option) for option in self.spec.options],
            "safe_private": list(self.spec.safe_private),
            "handling": {name: _plain(value) for name, value in asdict(self.spec.handling).items()},
            "recipes": [{"name": text.name, "text": text.text} for text in self.spec.recipes if text is not functions],
            "functions": None if functions is None else {"name": functions.name, "text": functions.text},
        }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def recipes_of(project: Project, name: str, folder: Path, owners: Collection[int] = ()) -> list[RecipeText]:
    """Read the project's recipes and its Python file; relative paths start at `folder`.

    Args:
        project: its settings.
        name: name of the project.
        folder: folder of the recipes.
        owners: users who may own them besides root and ourselves.

    Raises:
        Misconfigured: one is not there, is wrong (the place names the line), or others may change it.
    """
    place = place_of(name)
    recipes = []
    for index, recipe in enumerate(project.recipes):
        here = f"{place}.Recipes[{index}]"
        text = read_text(folder / recipe, here, "recipe", recipe)
        permissions.check(folder / recipe, here, "recipe", owners)
        recipes.append(RecipeText(recipe, text))
    if project.functions is not None:
        recipes.append(functions_of(folder / project.functions, f"{place}.Functions", project.functions, owners))
    try:
        compile_plan(project.options, recipes, project.safe_private)
    except Misconfigured as error:
        raise Misconfigured(f"{place}, {error.place}", error.problem, error.remedy) from None
    return recipes


def handling_of(project: Project) -> Handling:
    """Return which instances a project takes, and its way with text in pixels and with what an output lacks."""
    accept, pixels = project.accept, project.pixels
    return Handling(
        modalities=tuple(accept.modalities or ()),
        sop_classes=tuple(accept.sop_classes or ()),
        detect_text=pixels.detect_text,
        on_text=pixels.on_text,
        slide_labels=pixels.slide_labels,
        deidentified=accept.deidentified,
        on_lost_meaning=project.on_lost_meaning,
        keep=tuple(sorted(set(pixels.keep))),
    )


def read_text(path: Path, place: str, kind: str, name: str) -> str:
    """Read a file that the configuration names.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        remedy = f"It is looked for as {path}."
        raise Misconfigured(place, f"the {kind} '{name}' cannot be read ({reason})", remedy) from None


def functions_of(path: Path, place: str, name: str, owners: Collection[int] = ()) -> FunctionsText:
    """Read the project's Python file. SendIt runs it, so no one else may be able to change it."""
    text = read_text(path, place, "Python file", name)
    permissions.check(path, place, "Python file", owners)
    return FunctionsText(name, text)


def prepare_projects(settings: Settings, journal: Journal, folder: Path) -> Mapping[str, ReadyProject]:
    """Prepare all configured projects, except unlinked ones, which cannot code anything any more."""
    ready = {}
    for name, project in settings.projects.items():
        if unlinked := journal.unlinking.of(name):
            log.warning("%s", unlinked.refusal(place_of(name), name))
        else:
            ready[name] = _prepare(name, project, journal, folder, settings)
            if Option.CLEAN_PIXEL_DATA not in project.options:
                log.warning("%s: %s", place_of(name), PIXELS_PASS)
    return ready


def open_codes(settings: Settings, name: str) -> CodeSource | None:
    """Open the source of the project's pseudonyms, None if its key makes them. Codes that cannot be sent are refused.

    Raises:
        Misconfigured: a list is not there, or wrong.
    """
    place = f"{place_of(family(name))}.Identities"
    return open_source(settings.projects[name].identities, place, partial(code_fault, settings, name))


def open_crosswalk(settings: Settings, journal: Journal, name: str) -> Crosswalk:
    """Open the crosswalk of a project, configured or not."""
    project = settings.projects.get(name)
    # A list without a column for the issuer is of one authority; a service may know that two issuers mean one person.
    identities = project.identities if project is not None else None
    exact = isinstance(identities, CsvList) and identities.columns.issuer_of_patient_id is not None
    owner = key_owner(settings.projects, name)
    return Crosswalk(journal, key_folder(settings), owner, issuer_counts=exact)


def check_projects(settings: Settings, journal: Journal, folder: Path) -> None:
    """Check that `prepare_projects` would succeed. Nothing is created: a project may still be refused.

    Raises:
        Misconfigured: a recipe, a list of pseudonyms, or a key is not there, or is wrong.
    """
    for name, project in settings.projects.items():
        if journal.unlinking.of(name):
            continue
        recipes_of(project, name, folder)
        open_codes(settings, name)
        owner = key_owner(settings.projects, name)
        if (settings.data_directory / KEYS / f"{owner}.key").exists() or _known_keys(journal, name, owner):
            _key(settings, journal, name, owner)
        if project.crosswalk and journal.crosswalk.fingerprint(owner) is not None:
            open_crosswalk(settings, journal, name).prepare()


def _known_keys(journal: Journal, name: str, owner: str) -> set[str]:
    return {print_ for print_ in map(journal.facts.key_fingerprint, {name, owner}) if print_ is not None}


def _key(settings: Settings, journal: Journal, name: str, owner: str) -> str:
    """Return the fingerprint of the project's key, which is made if it was never used.

    Raises:
        Misconfigured: it is missing, or is not the one that its studies were coded with.
    """
    keys, known = settings.data_directory / KEYS, _known_keys(journal, name, owner)
    fingerprint = keyring.fingerprint(keyring.load_key(keys, owner, create=not known))
    if known - {fingerprint}:
        raise Misconfigured(
            place_of(name),
            f"the key {keys / (owner + '.key')} is not the one that its studies were coded with",
            "Restore the right key from your backup, or give the project another name to start over.",
        )
    return fingerprint


def _prepare(name: str, project: Project, journal: Journal, folder: Path, settings: Settings) -> ReadyProject:
    recipes: Sequence[RecipeText] = recipes_of(project, name, folder)
    owner = key_owner(settings.projects, name)
    fingerprint = _key(settings, journal, name, owner)
    spec = ProjectSpec(
        options=tuple(project.options),
        recipes=tuple(recipes),
        key_directory=settings.data_directory / KEYS,
        project=owner,
        safe_private=tuple(project.safe_private),
        handling=handling_of(project),
        issuers_part=project.issuers_part_patients,
    )
    crosswalk = open_crosswalk(settings, journal, name) if project.crosswalk else None
    if crosswalk is not None:
        crosswalk.prepare()
    return ReadyProject(
        name=name,
        spec=spec,
        key_fingerprint=fingerprint,
        rules_digest=_rules(spec, project, fingerprint),
        codes=open_codes(settings, name),
        unknown_stops=unknown_stops(project.identities),
        crosswalk=crosswalk,
        ahead=not isinstance(project.identities, IdentityService),
    )


def _rules(spec: ProjectSpec, project: Project, fingerprint: str) -> str:
    """Return a digest of all that determines the outputs of a project, besides the lists and services themselves."""
    parts = [ENGINE_VERSION, spec.options, spec.recipes, spec.safe_private, spec.handling, spec.issuers_part]
    parts += [spec.project, fingerprint, project.crosswalk, masked(project.identities)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def taken_of(settings: Settings, project: str) -> dict[str, Sequence[str] | None]:
    """Return the destinations of a project, each with the modalities that alone it takes; None: all."""
    return {name: settings.destinations[name].modalities for name in settings.projects[project].destinations}


def project_of(facts: StudyFacts, projects: Mapping[str, Project]) -> str | None:
    """Return the first project, in the configuration's order, whose Match applies to the study; None if none does."""
    return next((name for name, p in projects.items() if p.match is not None and _fits(facts, p.match)), None)


def _fits(facts: StudyFacts, match: Match) -> bool:
    """Return whether every key that is given applies; an empty Match applies to every study."""
    if match.modality is not None and not facts.modalities & set(match.modality):
        return False
    return (
        _one_of(facts.called_aet, match.called_aet)
        and _one_of(facts.calling_aet, match.calling_aet)
        and _one_of(facts.description, match.study_description)
    )


def _one_of(value: str, patterns: str | list[str] | None) -> bool:
    if patterns is None:
        return True
    return any(fnmatchcase(value.strip(), p) for p in ([patterns] if isinstance(patterns, str) else patterns))
