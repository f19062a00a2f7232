"""The door for webhooks in the API's description: it answers in front of FastAPI."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from leadloop.errors import (
    Malformed,
    NotFound,
    Overloaded,
    Problem,
    Rejected,
    TooLarge,
    Unauthorized,
    UnsupportedMedia,
)
from leadloop.problems import MEDIA_TYPE, SCHEMA

PATH = "/hooks/{source}"

_TAKEN = {
    "title": "Taken",
    "type": "object",
    "description": "How many messages became what, and what is wrong with those kept aside.",
    "properties": {"errors": SCHEMA["properties"]["errors"]},  # type: ignore[index]  # a dict of ours
    "additionalProperties": {"type": "integer"},
    "examples": [{"recorded": 1}],
}
_REFUSALS: dict[type[Problem], str] = {
    Malformed: "The body is no JSON.",
    Unauthorized: "It is not proven to come from the source.",
    NotFound: "There is no source of this name.",
    TooLarge: "The body is larger than the source may send.",
    UnsupportedMedia: "The body is packed, or said to be something else than JSON.",
    Rejected: "Its only message can't be used, or it holds none of what the source sends. "
    "It is kept: `capture_id` and `state` say where.",
    Overloaded: "It is not kept: send it again, after `Retry-After` seconds.",
}


def document_hooks(api: FastAPI) -> None:
    """Describe the door beside the app's own routes."""
    describe = api.openapi

    def openapi() -> dict[str, Any]:
        described = describe()
        described["paths"][PATH] = {"post": _operation()}
        return described

    api.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to add to it


def _operation() -> dict[str, Any]:
    return {
        "tags": ["hooks"],
        "summary": "Take a webhook",
        "description": "Takes what a configured source sends, once it is proven to be from "
        "there by a signature or token of its kind; `/v1/sources` lists them. An answer of 2xx "
        "says that it is committed. A source may be configured to answer 200, 201 or 204 "
        "instead of 202.",
        "operationId": "take_webhook",
        "parameters": [
            {"name": "source", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
        "requestBody": {
            "required": True,
            "description": "In the form of the source.",
            "content": {"application/json": {"schema": {}}},
        },
        "responses": {
            str(HTTPStatus.ACCEPTED.value): {
                "description": "Everything in it is kept.",
                "content": {"application/json": {"schema": _TAKEN}},
            },
            **{str(kind.status): _refusal(why) for kind, why in _REFUSALS.items()},
        },
    }


def _refusal(why: str) -> dict[str, Any]:
    return {"description": why, "content": {MEDIA_TYPE: {"schema": SCHEMA}}}
