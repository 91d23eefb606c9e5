"""Sources of the views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sendit.api.pages.shell import Shell
from sendit.api.queries import Views
from sendit.pipeline.actions import Actions
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.readback.destination_status import DestinationState
from sendit.pipeline.watching.alarms.keeper import Keeper
from sendit.pipeline.watching.pulls import Pulling


@dataclass(frozen=True, slots=True)
class Sources:
    """The pipeline with its journal, and what the API answers from."""

    pipeline: Pipeline
    views: Views
    shell: Shell
    destinations: Callable[[], list[DestinationState]]
    pulling: Pulling
    actions: Actions
    keeper: Keeper | None  # None: no alarms are configured
