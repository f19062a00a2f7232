"""Say every refusal the same way: as application/problem+json (RFC 9457)."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pydantic.fields import FieldInfo
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


# What was expected, by the validator's type of an error or else by that type's first word.
_EXPECTED = {
    "missing": "a value",
    "extra_forbidden": "no such field",
    "string": "a string",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "text of {min_length} or more characters",
    "string_too_long": "text of at most {max_length} characters",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "decimal_max_places": "at most {decimal_places} decimal places",
    "finite_number": "a finite number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "bool": "true or false",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "uuid": "a UUID",
    "date": "a date by ISO 8601",
    "datetime": "a date and time by ISO 8601",
    "timezone_aware": "a time with a zone",
    "list": "an array",
    "dict": "an object",
    "model": "an object",
    "too_short": "{min_length} or more items",
    "too_long": "at most {max_length} items",
}


def to_response(problem: Problem) -> Response:
    """Return the HTTP answer that says this problem."""
    body: dict[str, object] = {
        "type": TYPE_PREFIX + _kebab(type(problem).__name__),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        **problem.members,
    }
    if problem.errors:
        body["errors"] = [error._asdict() for error in problem.errors[:ERRORS_MAX]]
    headers = {}
    if problem.challenge:
        headers["WWW-Authenticate"] = problem.challenge
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


def from_validation(errors: Sequence[Mapping[str, Any]], body: object = None) -> Problem:
    """Return the problem that names each field, never what somebody wrote into it.

    Args:
        errors: As pydantic tells them.
        body: The type of the request's body, to say what its fields are; None when unknown.
    """
    fields = [_field_error(error, body) for error in errors[:ERRORS_MAX]]
    if any(error["type"] == "json_invalid" for error in errors):
        return Malformed("The body is not JSON that can be read.", *fields)
    return Rejected("The request does not fit what this route takes.", *fields)


def install(app: FastAPI) -> None:
    """Let the app answer its refusals as problems."""

    def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101 (registered for this type)
        return to_response(error)

    def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 (as above)
        field = getattr(request.scope.get("route"), "body_field", None)
        body = field.field_info.annotation if field else None
        return to_response(from_validation(error.errors(), body))

    def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 (as above)
        return plain(error.status_code, error.detail, error.headers)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)


def pointer(path: Sequence[str | int]) -> str:
    """Return a path into a JSON document as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def expected_by(error: Mapping[str, Any]) -> str:
    """Return the rule that a value broke, in our words and without the value.

    Args:
        error: As pydantic tells it; what a validator of ours raised stands as it is.
    """
    kind = str(error["type"])
    words = _EXPECTED.get(kind) or _EXPECTED.get(kind.partition("_")[0])
    if words is None or kind.startswith("missing_"):
        return str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return words.format_map(error.get("ctx", {}))


def _field_error(error: Mapping[str, Any], body: object) -> FieldError:
    place, *path = error["loc"] or ("body",)
    if error["type"] == "json_invalid":
        return FieldError("", "JSON", f"{error['ctx']['error']} (byte {path[-1]})")
    where = pointer(path) if place == "body" else f"{place} {'.'.join(map(str, path))}"
    # A room may say `missing_...` itself, of a field that another one asks for.
    is_missing = error["type"].startswith("missing")
    expected = expected_by(error) + (_more(error, body, path) if place == "body" else "")
    return FieldError(where, expected, "nothing" if is_missing else _found(error.get("input")))


def _more(error: Mapping[str, Any], body: object, path: Sequence[str | int]) -> str:
    """Return what the body's model adds: its fields, or what a field is."""
    if not path:
        return ""
    fields = _fields_at(body, path[:-1])
    if error["type"] == "extra_forbidden" and fields:
        return f"; there are {', '.join(fields)}"
    field = fields.get(str(path[-1]))
    if error["type"] == "string_pattern_mismatch" and field and field.description:
        return f" ({field.description})"
    return ""


def _fields_at(model: object, path: Sequence[str | int]) -> dict[str, FieldInfo]:
    """Return the fields of the object at a path into a model; none when it has no model."""
    for name in (part for part in path if isinstance(part, str)):
        field = _fields(model).get(name)
        model = field.annotation if field else None
    return _fields(model)


def _fields(model: object) -> dict[str, FieldInfo]:
    """Return a model's fields as they are sent, also of one in a list or beside null."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        return {field.alias or name: field for name, field in model.model_fields.items()}
    return {name: field for part in get_args(model) for name, field in _fields(part).items()}


def _found(value: object) -> str:
    return "null" if value is None else _FOUND.get(type(value), type(value).__name__)


def _respond(
    body: Mapping[str, object], status: int, headers: Mapping[str, str] | None
) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type=MEDIA_TYPE)


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
