"""Variants of a project: the same studies, de-identified in another way for other destinations.

A variant is worked as a project of its own, named "<project>@<variant>", which `schema.load` puts among the projects.
What is routed to the project is routed to its variants, too.
"""

from __future__ import annotations

from collections.abc import Mapping

from sendit.config.project import Project
from sendit.config.schema import Settings
from sendit.model import VARIANT_MARK, family


def family_of(settings: Settings, project: str) -> list[str]:
    """Return the project and its variants, whichever of them is named, as far as they are configured."""
    return [name for name in settings.projects if family(name) == family(project)]


def projects_proper(settings: Settings) -> list[str]:
    """Return the projects, without the variants: what a person names."""
    return [name for name in settings.projects if family(name) == name]


def key_owner(projects: Mapping[str, Project], name: str) -> str:
    """Return the project whose key codes the studies and whose crosswalk records them: itself or its base project."""
    base, _, variant = name.partition(VARIANT_MARK)
    if not variant or base not in projects or variant not in projects[base].variants:
        return name
    return name if projects[base].variants[variant].own_pseudonyms else base
