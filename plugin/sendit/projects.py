"""The projects of the configuration, made ready to work: their recipes read, their keys at hand.

What is missing or wrong stops SendIt at its start, with its place; nothing is waved through (law 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sendit import keyring
from sendit.deidentify import RecipeText, compile_plan
from sendit.deidentify_pool import ProjectSpec
from sendit.errors import Misconfigured
from sendit.identities import CodeSource, open_source
from sendit.journal import Journal
from sendit.settings import Keyed, Project, Settings

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


def recipes_of(project: Project, name: str, folder: Path) -> list[RecipeText]:
    """The texts of its recipes; relative paths start at `folder`.

    Raises:
        Misconfigured: one is not there, or is wrong; the place names the line.
    """
    found = []
    for index, recipe in enumerate(project.recipes):
        place = f"SendIt.Projects.{name}.Recipes[{index}]"
        try:
            text = (folder / recipe).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            cure = f"It is looked for as {folder / recipe}."
            raise Misconfigured(place, f"the recipe '{recipe}' cannot be read ({reason})", cure) from None
        found.append(RecipeText(recipe, text))
    try:
        compile_plan(project.options, found, project.safe_private)
    except Misconfigured as error:
        raise Misconfigured(f"SendIt.Projects.{name}, {error.place}", error.problem, error.cure) from None
    return found


def prepare_projects(settings: Settings, journal: Journal, folder: Path) -> Mapping[str, ReadyProject]:
    """All of the configuration's projects."""
    keys = settings.data_directory / KEYS
    return {name: _prepare(name, project, journal, folder, keys) for name, project in settings.projects.items()}


def _prepare(name: str, project: Project, journal: Journal, folder: Path, keys: Path) -> ReadyProject:
    recipes: Sequence[RecipeText] = recipes_of(project, name, folder)
    known = journal.facts.key_fingerprint(name)
    key = keyring.load_key(keys, name, create=known is None)
    fingerprint = keyring.fingerprint(key)
    if known is not None and known != fingerprint:
        raise Misconfigured(
            f"SendIt.Projects.{name}",
            f"the key {keys / (name + '.key')} is not the one that its studies were coded with",
            "Put the right key back from your backup, or give the project another name to start anew.",
        )
    private = tuple(project.safe_private)
    spec = ProjectSpec(tuple(project.options), tuple(recipes), keys, name, private)
    return ReadyProject(
        name=name,
        spec=spec,
        key_fingerprint=fingerprint,
        plan_digest=compile_plan(project.options, recipes, private).digest,
        codes=open_source(project.identities, f"SendIt.Projects.{name}.Identities"),
        unknown_stops=not isinstance(project.identities, Keyed) and project.identities.unknown == "Stop",
    )
