"""Requests and answers of the viewer, with the descriptions of the OpenAPI page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from sendit.api.filters import LARGEST, STUDY
from sendit.model import InstanceState
from sendit.pipeline.review.viewing.viewer import MOST_ON_SHEET

#: Substitute of an original value for those who may not see it.
MASKED = "•••"

InstanceNumber = Annotated[
    int, Path(ge=1, le=LARGEST, description="number of the instance in its batch, in the order of listing")
]
FrameNumber = Annotated[int, Path(ge=1, le=LARGEST, description="number of the frame, from 1")]
WhichParameter = Annotated[
    Literal["before", "after"], Query(description="the original (roles REVIEW or LOOK_UP), or the output in staging")
]
WindowParameter = Annotated[
    str | None,
    Query(
        pattern=r"^-?\d{1,9}(\.\d{1,6})?,\d{1,9}(\.\d{1,6})?$",
        description="center,width of the values to show, after the rescale; default: the first of the windows listed",
    ),
]
FirstParameter = Annotated[int, Query(ge=1, le=LARGEST, description="number of the first one")]
SheetCount = Annotated[int, Query(ge=1, le=MOST_ON_SHEET)]


class BoxAnswer(BaseModel):
    """A rectangle in the pixels of the image."""

    x0: int
    y0: int
    x1: int = Field(description="not part of it")
    y1: int = Field(description="not part of it")
    kind: str = Field(description='"masked", "doubtful" (masked, and a person has to look), or "drawn" by a reviewer')
    why: str
    removable: bool = Field(description="text detection found it, or a reviewer drew it: a reviewer may take it away")


class ImageAnswer(BaseModel):
    """An instance of a batch as a reviewer sees it. All identifiers are coded."""

    number: int
    state: InstanceState
    reason: str
    modality: str
    series: str = Field(description="coded SeriesInstanceUID; empty without an output")
    sop_class_uid: str
    pixels: str = Field(description='the status of its pixels, "held", or empty if nothing is known of them')
    how: str
    doubt: str = Field(description="why a person has to look, or empty")
    boxes: list[BoxAnswer]
    has_output: bool = Field(description="its output is in staging, so that it can be looked at")


class ImagesAnswer(BaseModel):
    """The instances of a batch, a page at a time."""

    batch: int
    count: int = Field(description="instances of the batch")
    originals: bool = Field(description="whether you may look at originals")
    images: list[ImageAnswer]


class WindowAnswer(BaseModel):
    """A window: the values from center - width/2 to center + width/2 are shown from black to white."""

    center: float
    width: float
    name: str


class FramesAnswer(BaseModel):
    """Size and windows of an instance, and what a reviewer has to know of it."""

    rows: int
    columns: int
    frames: int
    longest: int = Field(description="longer side of a picture, in pixels; larger frames are reduced to it")
    windows: list[WindowAnswer] = Field(description="the first is the one to begin with; none for colours")
    image: ImageAnswer


class HeaderRow(BaseModel):
    """One element. Of a sequence, the elements of its items follow, one deeper."""

    tag: str = Field(description="(gggg,eeee)")
    keyword: str
    vr: str
    depth: int
    creator: str = Field(description="of a private element: who reserved its block")
    happens: str = Field(description="kept, removed, replaced …; empty if it was not compared")
    decided: str = Field(description="the rule that decided")
    before: str = Field(description=f"the original value, cut; {MASKED} for those who may not see it")
    after: str = Field(description="the value of the output, cut")
    before_length: int | None = Field(description="length of the whole value in bytes, or items; null: none, or masked")
    after_length: int | None


class HeaderAnswer(BaseModel):
    """A header before and after, element by element."""

    originals: bool = Field(description="whether original values are shown")
    planned: bool = Field(description="there is no output: the rows tell what the project's rules would do")
    same_rules: bool = Field(description="false: the project's rules have changed since the output was made")
    rows: list[HeaderRow]


class ProjectLine(BaseModel):
    """Something that a project does, in words."""

    subject: str
    text: str


class ProjectAnswer(BaseModel):
    """A project, or a variant of one."""

    name: str
    digest: str = Field(description="of its rules, as the receipts have it; empty if it was unlinked")
    profile: list[ProjectLine]
    destinations: list[str]
    variants: list[str]
    unlinked: bool


class ProjectsAnswer(BaseModel):
    """All configured projects and variants."""

    projects: list[ProjectAnswer]


class RecipeAnswer(BaseModel):
    """A file of rules."""

    name: str
    text: str


class RulesVersion(BaseModel):
    """Rules that batches were de-identified by."""

    digest: str
    first_used_at: datetime | None = Field(description="null: configured, and not used yet")
    current: bool


class ProjectDetail(ProjectAnswer):
    """A project with its rules."""

    recipes: list[RecipeAnswer]
    versions: list[RulesVersion] = Field(description="the newest first")
    residual_risk: list[str] = Field(description="what random reviews showed under the present rules, by kind")
    residual_risk_before: list[str] = Field(description="and under earlier ones")


class ChangeAnswer(BaseModel):
    """A setting that differs."""

    name: str
    old: Any
    new: Any


class RulesDifferenceAnswer(BaseModel):
    """Differences between two versions of a project's rules."""

    old: str
    new: str
    changes: list[ChangeAnswer]
    texts: str = Field(description="recipes and functions as a unified difference")


class PreviewRequest(BaseModel):
    """A study of the local Orthanc."""

    model_config = ConfigDict(extra="forbid")

    study: Annotated[str, Field(pattern=STUDY, description="Orthanc's identifier")]
    instance: int = Field(default=1, ge=1, le=LARGEST, description="number of the instance in the study")


class PreviewAnswer(BaseModel):
    """Preview of a project's de-identification of an instance. Nothing of it is kept."""

    instance: int
    instances: int = Field(description="instances of the study")
    outcome: str = Field(description="released, rejected, or quarantined")
    reason: str
    notes: list[str] = Field(description="how the values shown differ from those of a batch")
    originals: bool
    rows: list[HeaderRow]
