"""From a request to what is kept of it: one arrival a message; and back, to read it again."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from leadloop.errors import FieldError, Problem, Rejected, Unauthorized
from leadloop.ids import Ids
from services.intake.handlers import Arrival
from services.intake.message import Ignored, Item, Payload, Request, Unusable
from services.intake.senders.plain import Plain
from services.intake.senders.sender import digest_of, digest_of_bytes, read
from services.intake.sources import Source
from services.intake.store import Kept

_GONE = FieldError("", "a message where one was before", "nothing")


class Parked(Rejected):
    """The only message of a request can't be used as it is, and is kept."""

    def __init__(self, error: FieldError, capture_id: str, state: str) -> None:
        """Name the field at fault and the capture in which the message is kept."""
        kept = f"It is kept as capture {capture_id} and can be read again"
        super().__init__(
            f"The body can't be used as it is. {kept} once its source is configured for it.",
            error,
        )
        self.members = {"capture_id": capture_id, "state": state}


def receive(source: Source, request: Request, ids: Ids, traceparent: str) -> list[Arrival]:
    """Return the arrivals of a request that is proven to be its source's.

    Raises:
        Unauthorized: It is not proven.
        Malformed: The body is no JSON.
    """
    refusal = source.sender.verify(request, request.received_at)
    if refusal is not None:
        raise _unproven(source, refusal)
    payload = read(source.sender, request)
    return _arrivals(source, request, payload, ids, traceparent)


def _unproven(source: Source, refusal: FieldError) -> Unauthorized:
    """Return the refusal; only a token in its usual place is what HTTP has a name for."""
    problem = Unauthorized(f"This is not proven to come from {source.name}.", refusal)
    if not (isinstance(source.sender, Plain) and source.sender.proof.is_bearer):
        problem.challenge = ""
    return problem


def read_again(sources: Mapping[str, Source], kept: Kept) -> Arrival:
    """Return a capture's arrival as its source is configured now."""
    items = _items_again(sources, kept)
    item = items[kept.position] if kept.position < len(items) else Unusable("", _GONE)
    return Arrival(kept, item, stored_as=kept.recurrence)


def read_anew(
    sources: Mapping[str, Source], kept: Kept, ids: Ids, now: datetime, traceparent: str
) -> list[Arrival]:
    """Return the arrivals of a capture that is retried, its own the first.

    There are more when its payload was taken for one message and is read as several now. What
    can be read now is known again like what is read when it comes.
    """
    if kept.payload_id is not None:
        own = read_again(sources, kept)
        return [_renamed(own.kept, own.item, traceparent)]
    first, *others = _items_again(sources, kept) or [Ignored("")]
    payload_id = ids.new(now) if others else None
    return [
        _renamed(kept, first, traceparent),
        *(
            Arrival(
                kept._replace(
                    capture_id=ids.new(now),
                    recurrence=_recurrence_of(kept.source, item),
                    position=position,
                    payload_id=payload_id,
                ),
                item,
                traceparent,
            )
            for position, item in enumerate(others, start=1)
        ),
    ]


def _renamed(kept: Kept, item: Item, traceparent: str) -> Arrival:
    """Return the arrival of a kept message under the recurrence that it has now."""
    is_read = not isinstance(item, Unusable) and item.dedupe_key
    recurrence = _recurrence_of(kept.source, item) if is_read else kept.recurrence
    renamed = kept._replace(recurrence=recurrence)
    return Arrival(renamed, item, traceparent, stored_as=kept.recurrence)


def _arrivals(
    source: Source, request: Request, payload: Payload, ids: Ids, traceparent: str
) -> list[Arrival]:
    items = payload.items
    headers = {
        name: request.headers[name]
        for name in source.sender.kept_headers
        if name in request.headers
    }
    payload_id = ids.new(request.received_at) if len(items) > 1 else None
    # Of a message alone, what can't be read is known again by its very bytes too.
    unread = request.body if payload.is_single else b""
    return [
        Arrival(
            Kept(
                capture_id=ids.new(request.received_at),
                recurrence=_recurrence_of(source.name, item, unread),
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


def _recurrence_of(source: str, item: Item, unread: bytes = b"") -> str:
    """Return the same UUID for the same message of a source (RFC 9562, version 8).

    What can't be read is another than the same once it can, so that whoever sends it again
    after its mapping was mended has it read.
    """
    parts: tuple[str, ...] = (source, item.dedupe_key)
    if isinstance(item, Unusable):
        parts += ("unusable", digest_of_bytes(unread))
    digest = digest_of(parts)
    version, variant = "8", "a"
    return (
        f"{digest[:8]}-{digest[8:12]}-{version}{digest[13:16]}"
        f"-{variant}{digest[17:20]}-{digest[20:]}"
    )


def _items_again(sources: Mapping[str, Source], kept: Kept) -> Sequence[Item]:
    """Return what a kept payload says; an error when its source can't tell any more."""
    source = sources.get(kept.source)
    if source is None:
        error = FieldError("source", "a configured source", "none of this name")
        return _nothing(kept, error)
    request = Request(kept.headers, kept.raw, kept.received_at)
    try:
        return read(source.sender, request).items
    except Problem as problem:
        return _nothing(kept, problem.errors[0] if problem.errors else _GONE)


def _nothing(kept: Kept, error: FieldError) -> Sequence[Item]:
    """Return a payload that can't be read any more, as long as the capture needs it."""
    return [Unusable("", error)] * (kept.position + 1)
