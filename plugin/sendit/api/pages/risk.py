"""*Risk* of a project: whom of its released patients the retained attributes single out. The route of the API, too.

A report reads every released study, which takes seconds where there are many. So each is kept, and shown as long as the
journal has not changed; then it is still shown, with its time, while a newer one is made.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Annotated, Literal, TypeAlias

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from sendit.api.csv_text import CSV, CSV_CONTENT, attachment, lines, wants_csv
from sendit.api.pages.glance import Glance
from sendit.api.pages.shell import Sources
from sendit.api.problems import NOT_FOUND, problem
from sendit.api.roles import Viewer
from sendit.api.schemas import RiskAnswer
from sendit.deidentify.options import Option
from sendit.journal.lists.counts import PROJECT
from sendit.pipeline.batch import Pipeline

_K = Annotated[int, Query(ge=2, le=1000, description="smallest class in which a patient is not singled out")]
_L = Annotated[
    int, Query(alias="l", ge=2, le=1000, description="smallest number of different sensitive values in a class")
]
_SHOWN = 50
#: Seconds until the page looks again whether the first report is there.
_AGAIN = 4
#: Project, k and l.
_Wanted: TypeAlias = tuple[str, int, int]
#: So many reports are kept.
_KEPT = 50
#: Seconds to wait for a newer report. A project whose last one took longer is not waited for.
_PATIENCE = 0.1


def add(app: FastAPI, sources: Sources) -> None:
    """Add the page at /sendit/projects/NAME/risk, and /api/projects/NAME/risk."""
    reports = RiskReports(sources.pipeline)

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
        *,
        fresh: Annotated[bool, Query(description="wait for a report of the journal as it is now")] = False,
        form: Annotated[Literal["json", "csv"] | None, Query(alias="format")] = None,
    ) -> Response | RiskAnswer:
        """Return whom of the released patients the retained attributes single out (k-anonymity, l-diversity).

        If the journal has changed since the last report, that one is returned while a newer one is made, unless the
        newer one is there at once: see `as_of` and `current`.
        """
        answer = reports.current(name, k, diverse) if fresh else reports.latest(name, k, diverse)
        if wants_csv(request, form):
            return StreamingResponse(as_csv(answer), media_type=CSV, headers=attachment("risk.csv"))
        return answer

    @app.get("/projects/{name}/risk", include_in_schema=False)
    def get_risk_page(request: Request, name: str, _viewer: Viewer, k: _K = 5, diverse: _L = 2) -> HTMLResponse:
        page, report = sources.shell.page, reports.at_once(name, k, diverse)
        if report is None:
            return page(request, "risk_first.html", "projects", refresh=_AGAIN, project=name)
        return page(request, "risk.html", "projects", refresh=0, risk=report, shown=_SHOWN)


@dataclass(frozen=True, slots=True)
class _Report:
    """A report, and the state of journal and configuration that it was made of."""

    answer: RiskAnswer
    state: tuple[str, frozenset[Option] | None]
    seconds: float  # that it took to make


class RiskReports:
    """Reports of projects: the last ones, and newer ones where the journal has changed."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._lock = threading.Lock()
        self._kept: dict[_Wanted, Glance[_Report]] = {}

    def latest(self, project: str, k: int, diverse: int) -> RiskAnswer:
        """Return the last report, or the newer one that the journal asks for if it is made in a moment.

        Raises the problem 404 if neither configuration nor journal knows the project, as `current` does.
        """
        reports = self._of((project, k, diverse))
        state, report = self._state(project), reports.last
        if report is None or report.state != state:
            slow = report is not None and report.seconds > _PATIENCE
            report, state = reports.first(0.0 if slow else _PATIENCE), self._state(project)
        return report.answer.model_copy(update={"current": report.state == state})

    def at_once(self, project: str, k: int, diverse: int) -> RiskAnswer | None:
        """Return the same; None if the first report takes longer than a moment to make."""
        reports = self._of((project, k, diverse))
        return None if reports.last is None and reports.now() is None else self.latest(project, k, diverse)

    def current(self, project: str, k: int, diverse: int) -> RiskAnswer:
        """Return a report of the journal as it is now, however long it takes to make."""
        reports = self._of((project, k, diverse))
        report = reports.last
        if report is None or report.state != self._state(project):
            report = reports.anew()
        return report.answer

    def _of(self, wanted: _Wanted) -> Glance[_Report]:
        """Return where the reports of such a kind are; the kind that was asked for first makes room."""
        if wanted[0] not in self._pipeline.services.settings.projects and not self._is_in_journal(wanted[0]):
            raise problem(404, f"there is no project '{wanted[0][:64]}'", "GET /sendit/api/projects lists them.")
        with self._lock:
            if wanted not in self._kept and len(self._kept) == _KEPT:
                del self._kept[next(iter(self._kept))]
            return self._kept.setdefault(wanted, Glance(partial(self._make, wanted), fresh=0.0))

    def _is_in_journal(self, project: str) -> bool:
        return any(count.name == project for count in self._pipeline.services.journal.counts.of(PROJECT))

    def _state(self, project: str) -> tuple[str, frozenset[Option] | None]:
        """Return what differs once a report may have to: any change of the journal, or of the project's options."""
        configured = self._pipeline.services.settings.projects.get(project)
        options = None if configured is None else frozenset(configured.options)
        return self._pipeline.services.journal.changes.cursor(), options

    def _make(self, wanted: _Wanted) -> _Report:
        # Here: it loads numpy, which a worker does without until then.
        from sendit.journal.lists.risk import risk_of  # noqa: PLC0415

        project, k, diverse = wanted
        begun, at = monotonic(), datetime.now(UTC)
        state = self._state(project)  # before the studies: a change meanwhile counts as later
        studies, unknown = self._pipeline.services.journal.characteristics.released(project)
        report = risk_of(studies, unknown, k, diverse, state[1])
        answer = RiskAnswer(project=project, as_of=at, current=True, **asdict(report))
        return _Report(answer, state, monotonic() - begun)


def as_csv(risk: RiskAnswer) -> Iterator[str]:
    """Yield the lines of a report as CSV: one table, whose first column says what a row is about."""
    return lines(("part", "of", "values", "patients", "further", "without"), _rows(risk))


def _rows(risk: RiskAnswer) -> Iterator[list[str]]:
    yield ["report", "as of", risk.as_of.isoformat(timespec="seconds"), "", "", ""]
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
