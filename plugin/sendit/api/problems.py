"""Errors of the API: problem details (RFC 9457) with the remedy, whatever raised them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from sendit.api.guard import ProblemResponse, add_headers, problem_details
from sendit.api.schemas import Problem
from sendit.errors import Misconfigured, Retry

#: The pages that stand for those which do not exist, and for those that the user may not see; below /sendit/.
MISSING, REFUSED = "missing", "refused"
#: Possible answers of a route, by status.
Responses = dict[int | str, dict[str, Any]]

#: Possible everywhere. 400 and 401 are Orthanc's; 503 and 504 are the plugin's, if the worker does not answer.
ALWAYS: Responses = {
    400: {"model": Problem, "description": "the request cannot be parsed"},
    401: {"description": "Orthanc requires a user and a password"},
    403: {"model": Problem, "description": "the user lacks the role, or the request comes from a page of another site"},
    422: {"model": Problem, "description": "an invalid value, or an unknown parameter"},
    503: {"model": Problem, "description": "SendIt is not running, or something it needs is unavailable"},
    504: {"model": Problem, "description": "SendIt does not answer in time"},
}
#: Also possible for requests that change something.
CHANGING: Responses = {
    409: {"model": Problem, "description": "not possible in the present state"},
    415: {"model": Problem, "description": "the body is not JSON, or not declared as JSON"},
}
NOT_FOUND: Responses = {404: {"model": Problem}}
_REFERENCE = {"$ref": "#/components/schemas/Problem"}


def problem(status: int, detail: str, remedy: str, **members: Any) -> HTTPException:
    """Return an error to raise.

    Args:
        status: of HTTP.
        detail: what happened.
        remedy: what to do about it.
        members: further members of the answer, for programs.
    """
    return HTTPException(status, {"detail": detail, "cure": remedy, **members})


def no_batch(batch_id: int) -> HTTPException:
    """Return the error for a batch that does not exist."""
    return problem(404, f"there is no batch {batch_id}", "GET /sendit/api/batches lists them.")


def refuse_unknown_parameters(request: Request) -> None:
    """Refuse query parameters that would be ignored: `?project=CT1` is no filter, and would return all projects.

    Raises:
        HTTPException: 422.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    names = list(_parameters(route.dependant))
    for name in request.query_params:
        if name not in names:
            remedy = f"Parameters here: {', '.join(names)}." if names else "This address has no parameters."
            raise problem(422, f"there is no query parameter of this name: {name[:64]}", remedy)


def _parameters(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        model = field.field_info.annotation  # a class: each of its fields is a parameter
        yield from model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else (field.alias,)
    for one in dependant.dependencies:
        yield from _parameters(one)


def _answer(
    request: Request, status: int, detail: str, remedy: str, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    """Return a problem as JSON; below a page's address as text for a person (Orthanc sends no HTML with an error).

    A person in a browser is led to a page from which there is a way on: by a link to what is no longer there, an
    address that was mistyped, or one that they may not see.
    """
    path = request.url.path.removeprefix(str(request.scope.get("root_path", "")))
    if path == "/api" or path.startswith("/api/"):
        return ProblemResponse(problem_details(status, detail, remedy, **members), status, headers)
    if request.method == "GET" and "text/html" in request.headers.get("accept", "") and status in (403, 404, 422):
        page = f"{REFUSED}?roles={','.join(members.get('roles', ()))}" if status == 403 else MISSING
        return RedirectResponse("../" * (path.strip("/").count("/")) + quote(page, safe="?=,"), 303)
    return PlainTextResponse(f"{detail[:1].upper()}{detail[1:]}.\n{remedy}\n", status, headers)


#: Problem and remedy where no route takes a request.
_UNROUTED = {
    404: ("there is nothing at this address", "/sendit/api/docs describes all addresses."),
    405: ("this address does not take this method", "/sendit/api/docs describes all addresses."),
}


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    return _answer(request, 422, f"{place}: {message}", "See /sendit/api/docs.")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    members: dict[str, Any] = (
        dict(error.detail) if isinstance(error.detail, dict) else {}
    )  # of `problem`; else another library's words
    if not members and error.status_code in _UNROUTED:
        members = dict(zip(("detail", "cure"), _UNROUTED[error.status_code], strict=True))
    detail, remedy = str(members.pop("detail", error.detail)), str(members.pop("cure", ""))
    return _answer(request, error.status_code, detail, remedy, error.headers, **members)


async def _misconfigured(request: Request, error: Exception) -> Response:
    assert isinstance(error, Misconfigured)
    return _answer(request, 409, f"{error.place}: {error.problem}", error.remedy)


async def _retry(request: Request, error: Exception) -> Response:
    return _answer(request, 503, str(error), "Try again later.")


async def _unexpected(request: Request, _: Exception) -> Response:
    answer = _answer(request, 500, "unexpected fault of SendIt", "See Orthanc's log.")
    add_headers(answer.headers)  # this answer is made outside of all middleware
    return answer


def translate_errors(app: FastAPI) -> None:
    """Let every error of the application be answered as a problem, and its OpenAPI description say so."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StarletteHTTPException, _http_error)  # the base of FastAPI's own
    app.add_exception_handler(Misconfigured, _misconfigured)
    app.add_exception_handler(Retry, _retry)
    app.add_exception_handler(Exception, _unexpected)
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        for response in _responses(document):
            content = response.get("content", {})
            if content.get("application/json", {}).get("schema") == _REFERENCE:
                content[ProblemResponse.media_type] = content.pop("application/json")
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change the description


def _responses(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        for operation in path.values():
            yield from operation["responses"].values()
