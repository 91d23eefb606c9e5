"""Differences between a project's present rules and those that a batch was made by, attribute by attribute.

The former rules are compiled from what the journal keeps of them. It tells names of attributes and rules, no value.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sendit.deidentify.options import Option
from sendit.deidentify.plan import ENGINE_VERSION, Handling
from sendit.deidentify.recipes.custom_functions import FunctionsText
from sendit.deidentify.recipes.parser import RecipeText
from sendit.errors import Misconfigured
from sendit.pipeline.pool.processes import ProjectSpec, compiled
from sendit.pipeline.review.viewing.processes import RuleChange, RulesLook, Unavailable, changed_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sendit.pipeline.context import Services
    from sendit.pipeline.review.viewing.processes import File, ViewingPool

#: So many originals are read for a preview.
_MOST_READ = 20


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """Attributes that the present rules treat in another way."""

    changes: tuple[tuple[RuleChange, int], ...] = ()  # each with the number of instances
    instances: int = 0  # that were read
    note: str = ""  # why nothing, or not all, is told


def rule_changes(
    services: Services, pool: ViewingPool, project: str, digests: Collection[str], originals: Sequence[File]
) -> RuleChanges:
    """Return what the present rules of a project would change in originals.

    Args:
        services: with the journal, which keeps former rules.
        pool: reads the originals.
        project: whose rules.
        digests: of the rules that the instances were de-identified by; the first that differ are compared.
        originals: the instances.

    Raises:
        Retry: the local Orthanc does not answer.
    """
    ready = services.deidentification.projects.get(project)
    if ready is None:
        return RuleChanges(note="the project is not configured, or was unlinked")
    kept = {one.digest: one.content for one in services.journal.facts.rules(project)}
    before = next((digest for digest in sorted(digests) if digest != ready.plan_digest), None)
    if before is None:
        return RuleChanges(note="the rules are the same")
    if before not in kept:
        return RuleChanges(note="the former rules are not kept")
    former = _former(ready.spec, kept[before], before)
    if isinstance(former, str):
        return RuleChanges(note=former)
    step = max(1, -(-len(originals) // _MOST_READ))
    counts: Counter[RuleChange] = Counter()
    read = 0
    for file in originals[::step]:
        counted = pool.run(changed_rules, RulesLook(former, ready.spec, file))
        if not isinstance(counted, Unavailable):
            read += 1
            counts.update(counted)
    same_engine = kept[before].get("engine") == ENGINE_VERSION
    note = "" if same_engine else "the former rules are read as this version of SendIt does"
    changes = sorted(counts.items(), key=lambda one: (one[0].tag.lstrip("> "), one[0].tag, one[0].before, one[0].after))
    return RuleChanges(tuple(changes), read, note)


def _former(present: ProjectSpec, content: Mapping[str, Any], digest: str) -> ProjectSpec | str:
    """Return what former rules are compiled from, or why they cannot be. A former Python file is not run again."""
    functions = next((text for text in present.recipes if isinstance(text, FunctionsText)), None)
    now = None if functions is None else {"name": functions.name, "text": functions.text}
    if content.get("functions") not in (None, now):
        return "the project's Python file has changed, and the former one is not run again"
    recipes: list[RecipeText] = [RecipeText(one["name"], one["text"]) for one in content["recipes"]]
    if content.get("functions") is not None and functions is not None:
        recipes.append(functions)
    try:
        handling: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in content["handling"].items()
        }
        former = replace(
            present,
            options=tuple(Option(one) for one in content["options"]),
            recipes=tuple(recipes),
            safe_private=tuple(content["safe_private"]),
            handling=Handling(**handling),
        )
        same = compiled(former).digest == digest
    except (Misconfigured, KeyError, TypeError, ValueError):
        return "this version of SendIt cannot read the former rules"
    if not same and content.get("engine") == ENGINE_VERSION:
        return "the former rules cannot be made again from what is kept of them"
    return former
