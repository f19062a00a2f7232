"""Read lists page by page, from a cursor on, so that new items shift nothing."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import BaseModel

from leadloop.errors import FieldError, Malformed

PAGE_MAX = 200
_CURSOR_LENGTH_MAX = 1_000
# Before and after every id: where a list that is sorted by id begins.
LEAST_ID = str(UUID(int=0))
GREATEST_ID = str(UUID(int=2**128 - 1))

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items of a page.")]
Cursor = Annotated[
    str | None, Query(description="`next` of the page before.", max_length=_CURSOR_LENGTH_MAX)
]

T = TypeVar("T")
R = TypeVar("R")


class Page(BaseModel, Generic[T]):
    """Part of a list; `next` leads to the following part and is null at the end."""

    items: list[T]
    next: str | None = None


def encode_cursor(*parts: str) -> str:
    """Return a cursor that holds the sort key of a page's last item."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def next_of(rows: Sequence[R], limit: int, cursor_of: Callable[[R], str]) -> str | None:
    """Return the cursor behind a page, None when it is the last one.

    Args:
        rows: What was found when one row more was asked for than the page shows.
        limit: How many the page shows.
        cursor_of: Says where a row stands in the list.
    """
    return cursor_of(rows[limit - 1]) if len(rows) > limit else None


def decode_cursor(cursor: str, parts: int) -> tuple[str, ...]:
    """Return what `encode_cursor` put in.

    Raises:
        Malformed: It is no cursor of this list, with as many parts.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        found = None
    is_sound = isinstance(found, list) and all(isinstance(part, str) for part in found)
    if not is_sound or len(found) != parts:
        raise _not_a_cursor()
    return tuple(found)


def place_in(cursor: str | None, parts: int, read: Callable[..., R], first: R) -> R:
    """Return where a page begins: `first` without a cursor, else what `read` makes of it.

    Args:
        cursor: As it was asked for. An empty one is no cursor, so not the first page either.
        parts: How many parts a cursor of this list has.
        read: Takes the parts; a ValueError says that they make no sense.
        first: Where the first page begins.

    Raises:
        Malformed: It is no cursor of this list.
    """
    if cursor is None:
        return first
    found = decode_cursor(cursor, parts)
    try:
        return read(*found)
    except ValueError as error:
        raise _not_a_cursor() from error


def id_in(cursor: str | None) -> str | None:
    """Return the id in the cursor of a list that is sorted by id; None on the first page.

    Raises:
        Malformed: It holds none.
    """
    return place_in(cursor, 1, as_id, None)


def as_id(part: str) -> str:
    """Return the id that a part of a cursor is.

    Raises:
        ValueError: It is none.
    """
    return str(UUID(part))


def _not_a_cursor() -> Malformed:
    error = FieldError("query cursor", "`next` of a page of this list", "other text")
    return Malformed("The cursor is not one of this list.", error)
