"""Routes of projects: what each does, its rules and their versions, and what it would do to a study."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query

from sendit.api.problems import CHANGING, NOT_FOUND, problem
from sendit.api.roles import SeesOriginals
from sendit.api.viewer.images import header_rows
from sendit.api.viewer.looking import Looker
from sendit.api.viewer.schemas import (
    ChangeAnswer,
    PreviewAnswer,
    PreviewRequest,
    ProjectAnswer,
    ProjectDetail,
    ProjectsAnswer,
    RecipeAnswer,
    RulesDifferenceAnswer,
    RulesVersion,
)
from sendit.api.viewer.words import profile_of
from sendit.config.project import Keyed
from sendit.journal.audit import LOOK, Act
from sendit.model import VARIANT_MARK, family
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.review.viewing.processes import Unavailable
from sendit.pipeline.review.viewing.viewer import InstanceViewer

if TYPE_CHECKING:
    from sendit.config.project import Project

_DIGEST = Query(pattern="^[0-9a-f]{64}$", description="digest of a version")


class Projects:
    """The configured projects, and earlier rules from the journal."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def names(self) -> list[str]:
        """Return the projects and variants, in the order of the configuration."""
        return list(self._pipeline.services.settings.projects)

    def project(self, name: str) -> Project:
        """Return the settings of a project; raise the problem 404 if there is none."""
        project = self._pipeline.services.settings.projects.get(name)
        if project is None:
            raise problem(404, f"there is no project '{name[:64]}'", "GET /sendit/api/projects lists them.")
        return project

    def answer(self, name: str) -> ProjectAnswer:
        """Return a project in words."""
        project, services = self.project(name), self._pipeline.services
        ready = services.deidentification.projects.get(name)
        return ProjectAnswer(
            name=name,
            digest=ready.plan_digest if ready is not None else "",
            profile=profile_of(services.settings, name, project),
            destinations=list(project.destinations),
            variants=[one for one in self.names() if family(one) == name and VARIANT_MARK in one],
            unlinked=ready is None,
        )

    def detail(self, name: str) -> ProjectDetail:
        """Return a project with its rules."""
        answer = self.answer(name)
        content = self.versions(name).get(answer.digest, {})
        recipes = [RecipeAnswer(**one) for one in _files(content)]
        residual = self._pipeline.services.journal.reviews.residual(name)
        return ProjectDetail(
            **answer.model_dump(),
            recipes=recipes,
            versions=self._listed(name, answer.digest),
            residual_risk=[one.sentence() for one in residual if one.plan_sha256 == answer.digest],
            residual_risk_before=[one.sentence() for one in residual if one.plan_sha256 != answer.digest],
        )

    def versions(self, name: str) -> dict[str, Mapping[str, Any]]:
        """Return the content of all known rules of a project, by digest; those that are configured first."""
        ready = self._pipeline.services.deidentification.projects.get(name)
        current = {} if ready is None else {ready.plan_digest: ready.rules()}
        kept = self._pipeline.services.journal.facts.rules(name)
        return {**current, **{one.digest: one.content for one in kept if one.digest not in current}}

    def _listed(self, name: str, current: str) -> list[RulesVersion]:
        kept = self._pipeline.services.journal.facts.rules(name)
        versions = [
            RulesVersion(digest=one.digest, first_used_at=one.first_used_at, current=one.digest == current)
            for one in kept
        ]
        if current and not any(one.current for one in versions):
            versions.insert(0, RulesVersion(digest=current, first_used_at=None, current=True))
        return versions

    def difference(self, name: str, old: str, new: str) -> RulesDifferenceAnswer:
        """Return what differs between two versions; raise the problem 404 if one is not known."""
        versions = self.versions(name)
        for digest in (old, new):
            if digest not in versions:
                remedy = f"GET /sendit/api/projects/{name} lists the versions."
                raise problem(404, f"no rules of this project with the digest {digest} are known", remedy)
        return difference_of(old, new, versions)

    def notes(self, name: str) -> list[str]:
        """Return in what a preview differs from a batch."""
        if isinstance(self.project(name).identities, Keyed):
            return []
        return ["Pseudonyms are examples: the list or the service of the project is not asked for a preview."]


def add_routes(app: FastAPI, pipeline: Pipeline, viewer: InstanceViewer, projects: Projects) -> None:
    """Add /api/projects and below."""

    @app.get("/api/projects", tags=["projects"])
    def get_projects(_: Looker) -> ProjectsAnswer:
        """List the projects and their variants: what each does, in words."""
        return ProjectsAnswer(projects=[projects.answer(name) for name in projects.names()])

    @app.get("/api/projects/{name}", tags=["projects"], responses=NOT_FOUND)
    def get_project(name: str, _: Looker) -> ProjectDetail:
        """Return a project with its recipes, and the versions of its rules that batches were de-identified by."""
        return projects.detail(name)

    @app.get("/api/projects/{name}/difference", tags=["projects"], responses=NOT_FOUND)
    def get_difference(
        name: str, _: Looker, old: Annotated[str, _DIGEST], new: Annotated[str, _DIGEST]
    ) -> RulesDifferenceAnswer:
        """Compare two versions of a project's rules: options and handling, recipes and functions."""
        projects.project(name)
        return projects.difference(name, old, new)

    @app.post("/api/projects/{name}/preview", tags=["projects"], responses={**NOT_FOUND, **CHANGING})
    def post_preview(name: str, request: PreviewRequest, actor: SeesOriginals) -> PreviewAnswer:
        """Show what a project would do to an instance of a study in Orthanc, with its original values.

        It is de-identified in memory: no batch, no entry of the crosswalk and no file remains. The look is recorded.
        """
        notes = projects.notes(name)
        source = pipeline.services.source
        study = source.study(request.study)
        instances = [] if study is None else source.instances(study)
        if not instances:
            raise problem(404, f"Orthanc has no study {request.study}", "Copy its identifier from Orthanc Explorer.")
        if request.instance > len(instances):
            raise problem(404, f"the study has {len(instances)} instances", "Give the number of one of them.")
        preview = viewer.preview(name, instances[request.instance - 1])
        if isinstance(preview, Unavailable):
            raise problem(409, f"the instance cannot be de-identified for a look: {preview.reason}", "Try another one.")
        subject = f"study {request.study}, instance {request.instance}"
        pipeline.services.journal.audit.record(
            Act(actor, LOOK, project=name, subject=subject, details={"what": "preview"})
        )
        return PreviewAnswer(
            instance=request.instance,
            instances=len(instances),
            outcome=preview.refused or "released",
            reason=preview.reason,
            notes=notes,
            originals=True,
            rows=header_rows(preview.rows, originals=True),
        )


def difference_of(old: str, new: str, versions: Mapping[str, Mapping[str, Any]]) -> RulesDifferenceAnswer:
    """Return what differs between two versions, by digest."""
    before, after = versions[old], versions[new]
    return RulesDifferenceAnswer(old=old, new=new, changes=list(_changes(before, after)), texts=_texts(before, after))


def _files(content: Mapping[str, Any]) -> list[Mapping[str, str]]:
    functions = content.get("functions")
    return [*content.get("recipes", ()), *([functions] if functions else [])]


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[ChangeAnswer]:
    """Yield the settings that differ; lists as what was taken away and what was added."""
    before, after = _settings(old), _settings(new)
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if one == other:
            continue
        if isinstance(one, list) and isinstance(other, list) and sorted(one) != sorted(other):
            one, other = [item for item in one if item not in other], [item for item in other if item not in one]
        yield ChangeAnswer(name=name, old=one, new=other)


def _settings(content: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: content.get(name) for name in ("edition", "engine", "options", "safe_private")}
    order = [one["name"] for one in _files(content)]
    return {**plain, **content.get("handling", {}), "files": order}


def _texts(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    before, after = ({one["name"]: one["text"] for one in _files(content)} for content in (old, new))
    lines: list[str] = []
    for name in dict.fromkeys((*before, *after)):
        texts = (before.get(name, "").splitlines(), after.get(name, "").splitlines())
        lines += difflib.unified_diff(*texts, f"before/{name}", f"after/{name}", lineterm="")
    return "\n".join(lines)
