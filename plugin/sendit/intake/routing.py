"""Which project a study belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from sendit.settings import Match, Project
from sendit.source import StudyFacts


def project_of(facts: StudyFacts, projects: Mapping[str, Project]) -> str | None:
    """The first project whose Match fits, in the order of the configuration; None if none does."""
    return next((name for name, p in projects.items() if p.match is not None and fits(facts, p.match)), None)


def fits(facts: StudyFacts, match: Match) -> bool:
    """Every key that is given must fit; an empty Match fits every study."""
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
