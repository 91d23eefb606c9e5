"""Routes of passports: those of a batch, the public keys, what was recalled, and the program that verifies."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field

import sendit_verify
from sendit.api.csv_text import attachment
from sendit.api.problems import CHANGING, NOT_FOUND, problem
from sendit.api.queries import Views
from sendit.api.roles import Administrator, Viewer
from sendit.api.schemas import Number, Reason
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.passport.document import fingerprint
from sendit.pipeline.passport.issue import Passports
from sendit.pipeline.passport.keys import pem

ProjectName = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,128}$")]
_PROGRAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/x-python": {}}, "description": "a Python program"}}


class PassportAnswer(BaseModel):
    """A passport as it was delivered; docs/passport.md describes the document."""

    destination: str
    issued_at: datetime
    passport: dict[str, Any] = Field(description="the document: format, manifest, keys, signature")


class PassportsAnswer(BaseModel):
    """The passports of a batch."""

    batch: int
    passports: list[PassportAnswer]


class PassportKeyAnswer(BaseModel):
    """A public key of a project's passports."""

    number: int = Field(description="from 1; each key but the first was signed by the one before it")
    made: str
    fingerprint: str = Field(description="SHA-256 of the 32 bytes of the key")


class PassportKeysAnswer(BaseModel):
    """The public keys of a project's passports, oldest first; the last one signs."""

    project: str = Field(description="whose key it is: a variant may sign with that of its project")
    keys: list[PassportKeyAnswer]
    pem: str = Field(description="all of them, for sendit-verify --key")


class RotateRequest(BaseModel):
    """Reason for a new key."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field(min_length=1)


def add_routes(app: FastAPI, pipeline: Pipeline, views: Views) -> None:
    """Add /api/batches/{id}/passport and /api/passport/."""
    passports = pipeline.passports
    stored = pipeline.services.journal.passports

    @app.get("/api/batches/{batch_id}/passport", tags=["passports"], responses=NOT_FOUND)
    def get_passports(batch_id: Number, _viewer: Viewer) -> PassportsAnswer:
        """Return the passports of a batch, one for each destination that got one."""
        views.existing(batch_id)
        answers = [
            PassportAnswer(destination=one.destination, issued_at=one.issued_at, passport=json.loads(one.content))
            for one in stored.of(batch_id).values()
        ]
        return PassportsAnswer(batch=batch_id, passports=answers)

    @app.get("/api/passport/verifier", tags=["passports"], response_class=Response, responses=_PROGRAM)
    def get_verifier(_viewer: Viewer) -> Response:
        """Return `sendit-verify`: one file, which needs Python 3.9 or later and the package cryptography."""
        name = attachment("sendit_verify.py")
        return Response(Path(sendit_verify.__file__).read_bytes(), media_type="text/x-python", headers=name)

    @app.get("/api/passport/keys/{project}", tags=["passports"], responses=NOT_FOUND)
    def get_keys(project: ProjectName, _viewer: Viewer) -> PassportKeysAnswer:
        """Return the public keys of a project's passports: give `pem` to recipients, by another way than the data."""
        return _keys(passports, project)

    @app.post("/api/passport/keys/{project}/rotate", tags=["passports"], responses={**NOT_FOUND, **CHANGING})
    def post_rotate(project: ProjectName, request: RotateRequest, actor: Administrator) -> PassportKeysAnswer:
        """Replace the key that signs a project's passports. The old key signs the new one, and is destroyed."""
        _keys(passports, project)
        passports.keys.rotate(project, actor, request.reason)
        return _keys(passports, project)

    @app.get("/api/passport/revocations/{project}", tags=["passports"], responses={**NOT_FOUND, 409: CHANGING[409]})
    def get_revocations(project: ProjectName, _viewer: Viewer) -> dict[str, Any]:
        """Return the signed list of the studies that a project has recalled, to be given to recipients."""
        _keys(passports, project)
        listed: dict[str, Any] = json.loads(passports.revocations(project))
        return listed


def _keys(passports: Passports, project: str) -> PassportKeysAnswer:
    keys = passports.keys.public(project)
    if not keys:
        raise _unknown(project)
    answers = [PassportKeyAnswer(number=k.number, made=k.made, fingerprint=fingerprint(k.public)) for k in keys]
    return PassportKeysAnswer(project=passports.keys.owner(project), keys=answers, pem=pem(keys))


def _unknown(project: ProjectName) -> HTTPException:
    remedy = "A key is made when a project with a destination that gets passports is configured."
    return problem(404, f"no project '{project}' signs passports", remedy)
