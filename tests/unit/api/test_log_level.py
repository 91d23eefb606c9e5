"""The level of the log over the API: who may change it, and that it applies at once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import pytest
from fastapi import FastAPI

from sendit.api.service import configuration
from tests.unit.api.test_roles import CONFIGURED, TOKEN, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    ours = logging.getLogger("sendit")
    level = ours.level
    yield
    ours.setLevel(level)


def test_the_level(tmp_path: Path) -> None:
    app = FastAPI()
    app.state.token, app.state.roles = TOKEN, lambda: CONFIGURED
    configuration.add_routes(app, MagicMock())
    logging.getLogger("sendit").setLevel(logging.INFO)
    with served(app, tmp_path / "s", {"level": "Warning"}) as ask:
        assert ask("GET", "/api/log-level", "eve").body == {"level": "Info"}
        assert ask("POST", "/api/log-level", "eve").status == 403
        assert ask("POST", "/api/log-level", "ada").body == {"level": "Warning"}
    assert logging.getLogger("sendit.worker").getEffectiveLevel() == logging.WARNING
