"""orthanc-config/orthanc-explorer-2.json: buttons in the format of Orthanc Explorer 2, which lead to SendIt's pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urljoin, urlsplit

import json5
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.routing import Match

from sendit.api.pages.study import MOST_STUDIES, Selection
from sendit.api.roles import Role, needs_of
from tests.unit.api.test_roles import make

FILE = Path(__file__).parents[3] / "orthanc-config" / "orthanc-explorer-2.json"
STUDIES = ["0123abcd-0123abcd-0123abcd-0123abcd-0123abcd", "89abcdef-89abcdef-89abcdef-89abcdef-89abcdef"]
#: Where the application of Orthanc Explorer 2 is, with its default Root.
APPLICATION = "http://orthanc:8042/ui/app/index.html"


class Button(BaseModel):
    """A GET button as the default configuration of Orthanc Explorer 2 describes it."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["GET"] = Field(alias="HttpMethod")
    name: Annotated[str, Field(alias="Id", pattern=r"^[a-z][a-z0-9-]*$")]
    tooltip: Annotated[str, Field(alias="Tooltip", min_length=1)]
    icon: Annotated[str, Field(alias="Icon", pattern=r"^bi bi-[a-z0-9-]+$")]
    target: Literal["_blank"] = Field(alias="Target")
    url: Annotated[str, Field(alias="Url")]


class Buttons(BaseModel):
    """Its levels: "bulk-studies" since 1.9.2, the others since 1.8.0."""

    model_config = ConfigDict(extra="forbid")

    study: list[Button]
    series: list[Button]
    instance: list[Button]
    bulk: list[Button] = Field(alias="bulk-studies")


def shipped() -> Buttons:
    document: dict[str, Any] = json5.loads(FILE.read_text("utf-8"))
    [section] = document.values()
    assert [*document] == ["OrthancExplorer2"]
    assert [*section] == ["UiOptions"]  # all else stays as the site has it
    assert [*section["UiOptions"]] == ["CustomButtons"]
    return Buttons.model_validate(section["UiOptions"]["CustomButtons"])


def filled_in(button: Button) -> str:
    """Return the address that a press opens, below the server."""
    url = button.url.replace("{UUID}", STUDIES[0]).replace("{CommaSeparatedUUIDs}", ",".join(STUDIES))
    assert "{" not in url, "Orthanc Explorer 2 would write 'undefined', or a value of the patient, for it"
    return urljoin(APPLICATION, url)


def test_the_format() -> None:
    """Every key is one of Orthanc Explorer 2's; each button has an id of its own, and takes no identifying value."""
    buttons = shipped()
    every = [*buttons.study, *buttons.bulk]
    assert [one.tooltip for one in buttons.study] == ["Open in SendIt", "De-identify now"]
    assert len({one.name for one in every}) == len(every) == 3
    assert all("{UUID}" in one.url for one in buttons.study)
    assert all("{CommaSeparatedUUIDs}" in one.url for one in buttons.bulk)


@pytest.mark.parametrize("button", [*shipped().study, *shipped().bulk], ids=lambda one: one.name)
def test_each_button_opens_a_page_that_viewers_may_see(button: Button) -> None:
    """The address is that of a page; nothing is changed by opening it."""
    path = urlsplit(filled_in(button)).path
    assert path.startswith("/sendit/studies")
    scope = {"type": "http", "method": "GET", "path": path.removeprefix("/sendit"), "headers": []}
    routes = [one for one in make().routes if isinstance(one, APIRoute) and one.matches(scope)[0] is Match.FULL]
    assert [one.methods for one in routes] == [{"GET"}]
    assert [needs.roles for needs in needs_of(routes[0])] == [(Role.VIEW,)]


def test_what_the_button_of_several_hands_over() -> None:
    """Is what the page takes: each study, and no more than an address can hold."""
    [button] = shipped().bulk
    given = parse_qs(urlsplit(filled_in(button)).query)
    assert Selection.model_validate(given).study == STUDIES
    assert len(",".join(STUDIES[:1] * MOST_STUDIES)) < 12_000
    for wrong in (STUDIES[:1] * (MOST_STUDIES + 1), ["undefined"]):
        with pytest.raises(ValidationError):
            Selection.model_validate({"study": ",".join(wrong)})
