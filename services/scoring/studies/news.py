"""What a service tells the process of a study, and what that tells back: lines of JSON."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from leadloop.errors import FieldError


@dataclass(frozen=True)
class Order:
    """What a process is to find out.

    Attributes:
        kind: Of the study.
        request: What was asked, JSON, as `study_requests` reads it.
        database_url: Scoring's database.
        memory_mb_max: What it may take.
        against: The agreement in force, as the contract serialises it; None without one.
    """

    kind: str
    request: str
    database_url: str = field(repr=False)
    memory_mb_max: int
    against: bytes | None = None


@dataclass(frozen=True)
class Progress:
    """How far it is.

    Attributes:
        step: What goes on.
        total: 0 while nobody knows.
    """

    step: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Done:
    """What was found.

    Attributes:
        found: The report, see `backtest.shape`.
        page: The same as a page.
        more: What else there is, such as figures or a text.
    """

    # Any: JSON, which the API reads by its models.
    found: Mapping[str, Any]
    page: str
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """Why it can't be found out."""

    detail: str
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class Failed:
    """It broke off, which nobody meant.

    Attributes:
        trace: For those who look for the fault; empty when the process could tell nothing.
    """

    detail: str
    trace: str = ""


Outcome = Done | Refused | Failed
News = Progress | Outcome

_KINDS: Final[dict[str, type[Progress | Done | Failed]]] = {
    "progress": Progress,
    "done": Done,
    "failed": Failed,
}


def line_of(news: News) -> bytes:
    """Write news as a line."""
    kind = type(news).__name__.lower()
    if isinstance(news, Refused):
        errors = [error._asdict() for error in news.errors]
        return _line({kind: {"detail": news.detail, "errors": errors}})
    return _line({kind: news})


def news_of(line: bytes) -> News:
    """Read a line.

    Raises:
        ValueError: It is none of ours.
    """
    said = orjson.loads(line)
    if not isinstance(said, dict) or len(said) != 1:
        raise ValueError("expected one piece of news, found another value")
    [(kind, parts)] = said.items()
    if kind == "refused":
        return Refused(parts["detail"], tuple(FieldError(**one) for one in parts["errors"]))
    if kind not in _KINDS:
        raise ValueError(f"expected news, found {kind!r}")
    return _KINDS[kind](**parts)


def line_of_order(order: Order) -> bytes:
    """Write an order as a line."""
    against = None if order.against is None else base64.b64encode(order.against).decode()
    return _line(
        {
            "kind": order.kind,
            "request": order.request,
            "database_url": order.database_url,
            "memory_mb_max": order.memory_mb_max,
            "against": against,
        }
    )


def order_of(line: bytes) -> Order:
    """Read an order."""
    said = orjson.loads(line)
    against = said.pop("against")
    return Order(**said, against=None if against is None else base64.b64decode(against))


def _line(said: object) -> bytes:
    return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)
