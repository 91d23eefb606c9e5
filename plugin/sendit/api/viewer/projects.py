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
    ProjectLine,
    ProjectsAnswer,
    RecipeAnswer,
    RulesDifferenceAnswer,
    RulesVersion,
)
from sendit.config.project import PIXELS_PASS, CsvList, IdentityService, Keyed, Project
from sendit.deidentify.options import Option
from sendit.deidentify.profile.table import EDITION
from sendit.errors import counted
from sendit.journal.audit import LOOK, Act
from sendit.model import VARIANT_MARK, family
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.review.viewing.processes import Unavailable
from sendit.pipeline.review.viewing.viewer import InstanceViewer

if TYPE_CHECKING:
    from sendit.config.schema import Settings

_DIGEST = Query(pattern="^[0-9a-f]{64}$", description="digest of a version")

_RETAINED = {
    Option.RETAIN_PATIENT_CHARACTERISTICS: "age, sex, size, weight and what else describes the patient without a name",
    Option.RETAIN_DEVICE_IDENTITY: "serial numbers and names of devices",
    Option.RETAIN_INSTITUTION_IDENTITY: "name and address of the institution",
    Option.CLEAN_DESCRIPTORS: "descriptions and comments, without words that may name somebody",
    Option.CLEAN_STRUCTURED_CONTENT: "the content of structured reports, cleaned",
    Option.CLEAN_GRAPHICS: "overlays and graphics, cleaned",
}


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
            variants=[variant for variant in self.names() if family(variant) == name and VARIANT_MARK in variant],
            unlinked=ready is None,
        )

    def detail(self, name: str) -> ProjectDetail:
        """Return a project with its rules."""
        answer = self.answer(name)
        content = self.versions(name).get(answer.digest, {})
        recipes = [RecipeAnswer(**file) for file in _files(content)]
        residual = self._pipeline.services.journal.reviews.residual(name)
        return ProjectDetail(
            **answer.model_dump(),
            recipes=recipes,
            versions=self._listed(name, answer.digest),
            residual_risk=[risk.sentence() for risk in residual if risk.plan_sha256 == answer.digest],
            residual_risk_before=[risk.sentence() for risk in residual if risk.plan_sha256 != answer.digest],
        )

    def versions(self, name: str) -> dict[str, Mapping[str, Any]]:
        """Return the content of all known rules of a project, by digest; those that are configured first."""
        ready = self._pipeline.services.deidentification.projects.get(name)
        current = {} if ready is None else {ready.plan_digest: ready.rules()}
        kept = self._pipeline.services.journal.facts.rules(name)
        return {**current, **{version.digest: version.content for version in kept if version.digest not in current}}

    def _listed(self, name: str, current: str) -> list[RulesVersion]:
        kept = self._pipeline.services.journal.facts.rules(name)
        versions = [
            RulesVersion(digest=version.digest, first_used_at=version.first_used_at, current=version.digest == current)
            for version in kept
        ]
        if current and not any(version.current for version in versions):
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

    def preview(self, name: str, request: PreviewRequest, viewer: InstanceViewer, actor: str) -> PreviewAnswer:
        """De-identify an instance in memory, and record that somebody looked at it."""
        notes, services = self.notes(name), self._pipeline.services
        study = services.source.study(request.study)
        instances = [] if study is None else services.source.instances(study)
        if not instances:
            raise problem(404, f"Orthanc has no study {request.study}", "Copy its identifier from Orthanc Explorer.")
        if request.instance > len(instances):
            raise problem(
                404, f"the study has {counted(len(instances), 'instance')}", "Give the number of one of them."
            )
        preview = viewer.preview(name, instances[request.instance - 1])
        if isinstance(preview, Unavailable):
            raise problem(409, f"the instance cannot be de-identified for a look: {preview.reason}", "Try another one.")
        subject = f"study {request.study}, instance {request.instance}"
        services.journal.audit.record(Act(actor, LOOK, project=name, subject=subject, details={"what": "preview"}))
        return PreviewAnswer(
            instance=request.instance,
            instances=len(instances),
            outcome=preview.refused or "released",
            reason=preview.reason,
            notes=notes,
            originals=True,
            rows=header_rows(preview.rows, originals=True),
        )


def add_routes(app: FastAPI, viewer: InstanceViewer, projects: Projects) -> None:
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
        return projects.preview(name, request, viewer, actor)


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
        earlier, later = before.get(name), after.get(name)
        if earlier == later:
            continue
        if isinstance(earlier, list) and isinstance(later, list) and sorted(earlier) != sorted(later):
            earlier, later = (
                [item for item in earlier if item not in later],
                [item for item in later if item not in earlier],
            )
        yield ChangeAnswer(name=name, old=earlier, new=later)


def _settings(content: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: content.get(name) for name in ("edition", "engine", "options", "safe_private")}
    order = [file["name"] for file in _files(content)]
    return {**plain, **content.get("handling", {}), "files": order}


def _texts(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    before, after = ({file["name"]: file["text"] for file in _files(content)} for content in (old, new))
    lines: list[str] = []
    for name in dict.fromkeys((*before, *after)):
        texts = (before.get(name, "").splitlines(), after.get(name, "").splitlines())
        lines += difflib.unified_diff(*texts, f"before/{name}", f"after/{name}", lineterm="")
    return "\n".join(lines)


def profile_of(settings: Settings, name: str, project: Project) -> list[ProjectLine]:
    """Return what a project does in words: what it removes and retains, dates, pixels, pseudonyms, release."""
    return [ProjectLine(subject=subject, text=text) for subject, text in _lines(settings, name, project)]


def _lines(settings: Settings, name: str, project: Project) -> Iterator[tuple[str, str]]:
    options = set(project.options)
    yield "Studies", _matched(project, name)
    yield (
        "Removed",
        f"everything that the Basic Profile of PS3.15 {EDITION} removes, and every attribute that no rule keeps",
    )
    retained = [text for option, text in _RETAINED.items() if option in options]
    yield "Retained", "; ".join(["what images need to be shown and measured", *retained])
    yield "Dates", _dates(options)
    yield "UIDs", "stay as they are" if Option.RETAIN_UIDS in options else "are replaced by codes under the key"
    yield "Private attributes", _private(project, options)
    yield "Pixels", _pixels(project, options)
    yield "Pseudonyms", _pseudonyms(project)
    yield "Recipes", ", ".join(project.recipes) or "none: the profile and its options decide alone"
    yield "Crosswalk", "is kept, encrypted" if project.crosswalk else "is not kept: nobody can look originals up"
    yield "Destinations", ", ".join(f"{name} ({settings.destinations[name].type})" for name in project.destinations)
    yield "Release", _release(project)
    delete = project.after_delivery == "DeleteOriginals"
    yield "Originals", "are deleted once every destination was read back" if delete else "stay in Orthanc"


def _matched(project: Project, name: str) -> str:
    if "@" in name:
        return f"those of the project {name.partition('@')[0]}, in another way"
    if project.match is None:
        return "those of its watched folders and imports alone"
    keys = project.match.model_dump(by_alias=True, exclude_none=True)
    if not keys:
        return "all that no project before it takes"
    parts = [f"{key} {' or '.join(value) if isinstance(value, list) else value}" for key, value in keys.items()]
    return "those with " + ", and ".join(parts)


def _dates(options: set[Option]) -> str:
    if Option.RETAIN_LONGITUDINAL_FULL_DATES in options:
        return "stay as they are"
    if Option.RETAIN_LONGITUDINAL_MODIFIED_DATES in options:
        return "are moved back by whole weeks: by the same number for all dates of a patient"
    return "are removed, or replaced where the standard asks for one"


def _private(project: Project, options: set[Option]) -> str:
    if Option.RETAIN_SAFE_PRIVATE not in options:
        return "are removed"
    lists = ", ".join(project.safe_private)
    return "are removed, except those of the standard's table of safe ones" + (f", and of {lists}" if lists else "")


def _pixels(project: Project, options: set[Option]) -> str:
    if Option.CLEAN_PIXEL_DATA not in options:
        return PIXELS_PASS
    pixels = project.pixels
    searched = {
        "Off": "text is not searched for: what may contain some is held, unless a rule says where it stands",
        "All": "text and barcodes are searched for in all images",
        "Risky": "text and barcodes are searched for where an image may contain some",
    }[pixels.detect_text]
    then = "they are made black" if pixels.on_text == "Mask" else "they are made black, and a person has to look"
    kept = f"; what stays: {', '.join(pixels.keep).lower()}" if pixels.keep else ""
    return searched if pixels.detect_text == "Off" else f"{searched}; {then}{kept}"


def _pseudonyms(project: Project) -> str:
    source = project.identities
    if isinstance(source, CsvList):
        return "from a list; " + _unknown(source.unknown)
    if isinstance(source, IdentityService):
        return "from a service; " + _unknown(source.unknown)
    return "computed under the project's key (HMAC-SHA256)"


def _unknown(unknown: str) -> str:
    held = "the study of a patient whom it does not know is held"
    return held if unknown == "Stop" else "a patient whom it does not know gets one computed under the key"


def _release(project: Project) -> str:
    rule = project.release.review
    if rule is None:
        looks = project.pixels.on_text == "Review" and project.pixels.detect_text != "Off"
        return "at once" + ("; what has text in its pixels once a person has accepted it" if looks else "")
    chosen = [
        f"{rule.share:g} % of the studies, chosen at random" if rule.share is not None else "",
        f"studies with {' or '.join(rule.modality)}" if rule.modality is not None else "",
        "studies in whose pixels text was found" if rule.text_found else "",
        f"the first {rule.first_of_device} of each device" if rule.first_of_device is not None else "",
    ]
    which = "every study" if rule.everything else "; ".join(filter(None, chosen))
    people = "a person has" if rule.persons == 1 else f"{rule.persons} people have"
    return f"once {people} accepted it: {which}" + ("" if rule.everything else "; all others at once")
