"""Say every refusal the same way: as application/problem+json (RFC 9457)."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from leadloop.errors import FieldError, Malformed, Problem, Rejected

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:leadloop:problem:"
# Nobody mends more fields at once, and a list of a million wrong items must not answer as one.
ERRORS_MAX = 50

SCHEMA: dict[str, object] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "examples": [TYPE_PREFIX + "conflict"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "expected", "found"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON Pointer into the body, or a place and a name.",
                    },
                    "expected": {"type": "string"},
                    "found": {"type": "string"},
                },
            },
        },
    },
}
# For FastAPI(responses=...): every route may answer so.
RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A refusal (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": SCHEMA}},
    }
}

_FOUND = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
    bytes: "text that is not JSON",
}


def to_response(problem: Problem) -> Response:
    """Return the HTTP answer that says this problem."""
    body: dict[str, object] = {
        "type": TYPE_PREFIX + _kebab(type(problem).__name__),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = [error._asdict() for error in problem.errors[:ERRORS_MAX]]
    headers = {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.retry_after_seconds is not None:
        headers["Retry-After"] = str(problem.retry_after_seconds)
    return _respond(body, problem.status, headers)


def plain(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer for a status that needs no type of its own."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return _respond(body, status, headers)


def from_validation(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """Return the problem that names each field, never what somebody wrote into it."""
    fields = [_field_error(error) for error in errors[:ERRORS_MAX]]
    if any(error["type"] == "json_invalid" for error in errors):
        return Malformed("The body is not JSON that can be read.", *fields)
    return Rejected("The request does not fit what this route takes.", *fields)


def install(app: FastAPI) -> None:
    """Let the app answer its refusals as problems."""

    def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101 (registered for this type)
        return to_response(error)

    def on_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 (as above)
        return to_response(from_validation(error.errors()))

    def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 (as above)
        return plain(error.status_code, error.detail, error.headers)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)


def pointer(path: Sequence[str | int]) -> str:
    """Return a path into a JSON document as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    place, *path = error["loc"] or ("body",)
    if error["type"] == "json_invalid":
        return FieldError("", "JSON", f"{error['ctx']['error']} (byte {path[-1]})")
    where = pointer(path) if place == "body" else f"{place} {'.'.join(map(str, path))}"
    found = "nothing" if error["type"] == "missing" else _found(error.get("input"))
    return FieldError(where, _expected(error), found)


def _expected(error: Mapping[str, Any]) -> str:
    """Return the validator's sentence; only its rule, so without what it found."""
    sentence = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return "a value" if error["type"] == "missing" else sentence


def _found(value: object) -> str:
    return "null" if value is None else _FOUND.get(type(value), type(value).__name__)


def _respond(
    body: Mapping[str, object], status: int, headers: Mapping[str, str] | None
) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type=MEDIA_TYPE)


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
