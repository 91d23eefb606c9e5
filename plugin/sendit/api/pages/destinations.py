"""*Destinations*: whether each answers, and what waits for it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from sendit.api.pages.glance import Glance
from sendit.api.pages.shell import Sources
from sendit.api.queries import destination_answer
from sendit.api.roles import Viewer
from sendit.journal.lists.pauses import Paused


def add(app: FastAPI, sources: Sources) -> None:
    """Add the page at /sendit/destinations."""
    settings, shell = sources.pipeline.services.settings, sources.shell
    pauses = sources.pipeline.services.journal.pauses
    states = Glance(sources.destinations, fresh=5, patience=1)

    @app.get("/destinations", include_in_schema=False)
    def get_destinations_page(request: Request, _viewer: Viewer) -> HTMLResponse:
        answers = states.now()
        return shell.page(
            request,
            "destinations.html",
            "destinations",
            refresh=2 if answers is None else 4,
            destinations=None if answers is None else [destination_answer(one) for one in answers],
            names=list(settings.destinations),
            pauses=pauses.all(),
            paused={pause.name for pause in pauses.all() if pause.kind is Paused.DESTINATION},
            everything=any(pause.kind is Paused.EVERYTHING for pause in pauses.all()),
        )
