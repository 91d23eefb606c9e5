"""The options that say which batches are meant: the same for a list and for an action on many."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeAlias, get_type_hints
from urllib.parse import urlencode

import typer

from sendit.client import Client
from sendit.config.guesses import did_you_mean
from sendit.model import BatchState, DeliveryState

Command: TypeAlias = Callable[..., None]
_DAY = ["%Y-%m-%d"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A filter as the options name it: each field is an option."""

    project: Annotated[str | None, typer.Option("--project", help="Only batches of this project.")] = None
    state: Annotated[
        list[BatchState] | None,
        typer.Option(
            "--state",
            case_sensitive=False,
            metavar="STATE",
            help="Only batches in this state, as `sendit batches` shows it; may be repeated.",
        ),
    ] = None
    modality: Annotated[str | None, typer.Option("--modality", help="Only batches with this modality.")] = None
    destination: Annotated[str | None, typer.Option("--destination", help="Only batches for this destination.")] = None
    delivery: Annotated[
        list[DeliveryState] | None,
        typer.Option(
            "--delivery",
            case_sensitive=False,
            metavar="STATE",
            help="Only batches with a delivery in this state, as `sendit batch` shows it; may be repeated.",
        ),
    ] = None
    opened_from: Annotated[
        datetime | None,
        typer.Option("--opened-from", formats=_DAY, help="Only batches that came in on this day or later."),
    ] = None
    opened_to: Annotated[
        datetime | None,
        typer.Option("--opened-to", formats=_DAY, help="Only batches that came in on this day or earlier."),
    ] = None
    ended_from: Annotated[
        datetime | None,
        typer.Option("--ended-from", formats=_DAY, help="Only batches that ended on this day or later."),
    ] = None
    ended_to: Annotated[
        datetime | None,
        typer.Option("--ended-to", formats=_DAY, help="Only batches that ended on this day or earlier."),
    ] = None
    coded: Annotated[
        str | None, typer.Option("--coded", help="Only batches with this coded PatientID, or coded StudyInstanceUID.")
    ] = None
    study: Annotated[
        str | None, typer.Option("--study", help="Only batches of this study: Orthanc's identifier of the original.")
    ] = None
    why: Annotated[str | None, typer.Option("--why", help="Only batches whose reason contains this text.")] = None

    def as_dict(self) -> dict[str, Any]:
        """Return what limits anything, as the API takes it."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values["reason"] = values.pop("why")
        days = {name: value.date().isoformat() for name, value in values.items() if isinstance(value, datetime)}
        return {name: value for name, value in {**values, **days}.items() if value}

    def as_query(self, **more: Any) -> str:
        """Return it as the query of an address, with further parameters; those that are None are left out."""
        given = {name: value for name, value in more.items() if value is not None}
        values = {**self.as_dict(), **given}
        return urlencode({name: ",".join(one) if isinstance(one, list) else one for name, one in values.items()})


def nothing_matches(chosen: Chosen, worker: Client) -> str:
    """Return what is said where no batch matches: also that a name of the filter is none that is configured."""
    said = "No batch matches."
    if chosen.project is None and chosen.destination is None:
        return said
    health = worker.call("GET", "/api/health")
    for kind, name in (("project", chosen.project), ("destination", chosen.destination)):
        known = health[f"{kind}s"]
        if name is not None and name not in known:
            said += f" No {kind} is called {name}. {did_you_mean(name, known)}".rstrip()
    return said


def filtered(*, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Give a command the options of a filter in the place of its parameter `chosen`, which it gets made of them.

    Typer reads the options of a command from its signature, so they are written into that.
    """
    hints = get_type_hints(Chosen, include_extras=True)
    names = [name for name in Chosen.__slots__ if name not in without]
    options = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hints[n]) for n in names]

    def decorate(command: Command) -> Command:
        own = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for one in inspect.signature(command, eval_str=True).parameters.values()
        ]
        place = [one.name for one in own].index("chosen")
        shown = [*own[:place], *options, *own[place + 1 :]]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            command(chosen=Chosen(**{name: given.pop(name) for name in names}), **given)

        run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in shown}
        return run

    return decorate
