"""What the routes of feedback share: checked words, moments, and answers in plain text."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Request
from fastapi.responses import PlainTextResponse
from pydantic import AfterValidator, Field

WORD_MAX = 200
TEXT_MAX = 4_000
# Documented beside the JSON that the models describe.
TEXT_TOO: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}


def _printable(value: str) -> str:
    """Refuse control characters: PostgreSQL keeps no NUL, and nobody can read the others."""
    if any(not (char.isprintable() or char in "\n\t") for char in value):
        raise ValueError("text without control characters")
    return value.strip()


def utc(value: datetime) -> datetime:
    """Return a moment in UTC; one without a zone is taken for UTC."""
    try:
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a moment between the years 1 and 9999") from error


Printable = AfterValidator(_printable)
# A name, an id, a code: one to so many characters.
Word = Annotated[str, Field(min_length=1, max_length=WORD_MAX), Printable]
MaybeWord = Annotated[str, Field(max_length=WORD_MAX), Printable]
Text = Annotated[str, Field(max_length=TEXT_MAX), Printable]
Moment = Annotated[datetime, AfterValidator(utc)]


def wants_text(request: Request) -> bool:
    """Say whether the caller prefers plain text over JSON: it names text before JSON."""
    accept = request.headers.get("accept", "")
    text, json = accept.find("text/plain"), accept.find("application/json")
    return text >= 0 and (json < 0 or text < json)


def as_text(content: str) -> PlainTextResponse:
    """Return a page of plain text."""
    return PlainTextResponse(content)
