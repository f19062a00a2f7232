"""From a request to what is kept of it: one arrival a message; and back, to read it again."""

from collections.abc import Mapping, Sequence

from leadloop.errors import FieldError, Problem, Rejected, Unauthorized
from leadloop.ids import Ids
from services.intake.handlers import Arrival
from services.intake.message import Item, Request, Unusable
from services.intake.senders.sender import digest_of, read
from services.intake.sources import Source
from services.intake.store import Kept

_GONE = FieldError("", "a message where one was before", "nothing")


def receive(source: Source, request: Request, ids: Ids, traceparent: str) -> list[Arrival]:
    """Return the arrivals of a request that is proven to be its source's.

    Raises:
        Unauthorized: It is not proven.
        Malformed: The body is no JSON.
        Rejected: The body is not what this source sends, or its one item can't be used.
    """
    refusal = source.sender.verify(request, request.received_at)
    if refusal is not None:
        raise Unauthorized(f"This is not proven to come from {source.name}.", refusal)
    payload = read(source.sender, request)
    first = payload.items[0] if payload.items else None
    if payload.is_single and isinstance(first, Unusable):
        raise Rejected("The body can't be used as it is.", first.error)
    return _arrivals(source, request, payload.items, ids, traceparent)


def read_again(sources: Mapping[str, Source], kept: Kept, traceparent: str = "") -> Arrival:
    """Return a capture's arrival as its source is configured now."""
    return Arrival(kept, _item_again(sources, kept), traceparent, is_stored=True)


def _arrivals(
    source: Source, request: Request, items: Sequence[Item], ids: Ids, traceparent: str
) -> list[Arrival]:
    headers = {
        name: request.headers[name]
        for name in source.sender.kept_headers
        if name in request.headers
    }
    payload_id = ids.new(request.received_at) if len(items) > 1 else None
    return [
        Arrival(
            Kept(
                capture_id=ids.new(request.received_at),
                recurrence=_recurrence(source.name, item.dedupe_key),
                source=source.name,
                received_at=request.received_at,
                position=position,
                payload_id=payload_id,
                raw=request.body,
                headers=headers,
            ),
            item,
            traceparent,
        )
        for position, item in enumerate(items)
    ]


def _recurrence(source: str, dedupe_key: str) -> str:
    """Return the same UUID for the same message of a source (RFC 9562, version 8)."""
    digest = digest_of((source, dedupe_key))
    version, variant = "8", "a"
    return (
        f"{digest[:8]}-{digest[8:12]}-{version}{digest[13:16]}"
        f"-{variant}{digest[17:20]}-{digest[20:]}"
    )


def _item_again(sources: Mapping[str, Source], kept: Kept) -> Item:
    """Return what a kept message says; an error when its source can't tell any more."""
    source = sources.get(kept.source)
    if source is None:
        return Unusable("", FieldError("source", "a configured source", "none of this name"))
    request = Request(kept.headers, kept.raw, kept.received_at)
    try:
        items = read(source.sender, request).items
    except Problem as problem:
        return Unusable("", problem.errors[0] if problem.errors else _GONE)
    return items[kept.position] if kept.position < len(items) else Unusable("", _GONE)
