"""Read lists page by page, from a cursor on, so that new items shift nothing."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import BaseModel

from leadloop.errors import FieldError, Malformed

PAGE_MAX = 200
_CURSOR_LENGTH_MAX = 1_000

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items of a page.")]
Cursor = Annotated[
    str | None, Query(description="`next` of the page before.", max_length=_CURSOR_LENGTH_MAX)
]

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """Part of a list; `next` leads to the following part and is null at the end."""

    items: list[T]
    next: str | None = None


def encode_cursor(*parts: str) -> str:
    """Return a cursor that holds the sort key of a page's last item."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


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
        raise not_a_cursor()
    return tuple(found)


def id_in(cursor: str | None) -> str | None:
    """Return the id in the cursor of a list that is sorted by id; None on the first page.

    Raises:
        Malformed: It holds none.
    """
    if cursor is None:
        return None
    (found,) = decode_cursor(cursor, 1)
    try:
        return str(UUID(found))
    except ValueError as error:
        raise not_a_cursor() from error


def next_after(ids: Sequence[str], limit: int) -> str | None:
    """Return the cursor behind a page, when one more id was found than it shows."""
    return encode_cursor(ids[limit - 1]) if len(ids) > limit else None


def not_a_cursor() -> Malformed:
    """Return the refusal of a cursor whose parts make no sense for its list."""
    error = FieldError("query cursor", "`next` of a page of this list", "other text")
    return Malformed("The cursor is not one of this list.", error)
