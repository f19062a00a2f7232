"""The kinds of fields that feedback takes, each with its checks: words, texts, moments."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

WORD_MAX = 200
TEXT_MAX = 4_000


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
