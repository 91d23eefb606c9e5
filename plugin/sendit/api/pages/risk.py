"""*Risk* of a project: whom of its released patients the retained attributes single out. The route of the API, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from sendit.api.csv_text import CSV, CSV_CONTENT, attachment, lines, wants_csv
from sendit.api.pages.shell import Sources
from sendit.api.problems import NOT_FOUND, problem
from sendit.api.roles import Viewer
from sendit.api.schemas import RiskAnswer
from sendit.pipeline.batch import Pipeline

_K = Annotated[int, Query(ge=2, le=1000, description="smallest class in which a patient is not singled out")]
_L = Annotated[
    int, Query(alias="l", ge=2, le=1000, description="smallest number of different sensitive values in a class")
]
_SHOWN = 50


def add(app: FastAPI, sources: Sources) -> None:
    """Add the page at /sendit/projects/NAME/risk, and /api/projects/NAME/risk."""

    @app.get(
        "/api/projects/{name}/risk",
        tags=["projects"],
        response_model=RiskAnswer,
        responses={**NOT_FOUND, 200: {"content": CSV_CONTENT}},
    )
    def get_risk(
        request: Request,
        name: str,
        _viewer: Viewer,
        k: _K = 5,
        diverse: _L = 2,
        form: Annotated[Literal["json", "csv"] | None, Query(alias="format")] = None,
    ) -> Response | RiskAnswer:
        """Return whom of the released patients the retained attributes single out (k-anonymity, l-diversity)."""
        answer = answer_of(sources.pipeline, name, k, diverse)
        if wants_csv(request, form):
            return StreamingResponse(as_csv(answer), media_type=CSV, headers=attachment("risk.csv"))
        return answer

    @app.get("/projects/{name}/risk", include_in_schema=False)
    def get_risk_page(request: Request, name: str, _viewer: Viewer, k: _K = 5, diverse: _L = 2) -> HTMLResponse:
        return sources.shell.page(
            request,
            "risk.html",
            "projects",
            refresh=0,
            risk=answer_of(sources.pipeline, name, k, diverse),
            shown=_SHOWN,
        )


def answer_of(pipeline: Pipeline, name: str, k: int, diverse: int) -> RiskAnswer:
    """Return the report of a project; raise the problem 404 if neither configuration nor journal knows it."""
    # Here: it loads numpy, which a worker does without until then.
    from sendit.journal.lists.risk import risk_of  # noqa: PLC0415

    project = pipeline.services.settings.projects.get(name)
    studies, unknown = pipeline.services.journal.characteristics.released(name)
    if project is None and not studies and not unknown:
        raise problem(404, f"there is no project '{name[:64]}'", "GET /sendit/api/projects lists them.")
    report = risk_of(studies, unknown, k, diverse, None if project is None else set(project.options))
    return RiskAnswer(project=name, **asdict(report))


def as_csv(risk: RiskAnswer) -> Iterator[str]:
    """Yield the lines of a report as CSV: one table, whose first column says what a row is about."""
    return lines(("part", "of", "values", "patients", "further", "without"), _rows(risk))


def _rows(risk: RiskAnswer) -> Iterator[list[str]]:
    for name, number in (
        ("patients", risk.patients),
        (f"singled out (k = {risk.k})", risk.singled_out),
        ("in a class of their own", risk.unique),
    ):
        yield ["all attributes", name, "", str(number), "", ""]
    for one in risk.combinations:
        yield ["combination", " + ".join(one.attributes), "", str(one.patients), str(one.further), ""]
    for rare in risk.classes:
        yield ["class", " + ".join(rare.values), " | ".join(rare.values.values()), str(rare.patients), "", ""]
    for driver in risk.drivers:
        yield ["attribute", driver.attribute, str(driver.values), str(driver.alone), "", str(driver.without)]
    for effect in risk.options:
        yield ["option", effect.option, " + ".join(effect.attributes), "", "", str(effect.without)]
    for diversity in risk.diversity:
        yield [f"diversity (l = {risk.diverse})", diversity.attribute, "", str(diversity.patients), "", ""]
    if risk.unknown:
        yield ["studies", "of which nothing is known", "", str(risk.unknown), "", ""]
