"""Promise an event inside the transaction that makes it true; the relay hands it on later."""

from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.message import Message
from sqlalchemy import text

from leadloop.database import Work
from leadloop.events import Envelope, encode, key_of, route_of

RELAY = "relay"


class Promise(NamedTuple):
    """An event to hand on, and the event that caused it (None for a request of a person).

    The trace goes on from the cause; without one from `traceparent`, or the unit of work's.
    """

    event: Message
    cause: Envelope[Message] | None = None
    traceparent: str = ""


# The rows are read back in the order given, so ids follow the order of the promises. Ids are
# drawn while the lead's row is locked: per lead, the order of ids is the order of commits.
_INSERT = text("""
INSERT INTO outbox (event_id, topic, key, type, time, traceparent, value)
SELECT e, t, k, y, :now, p, v
FROM unnest(CAST(:event_ids AS uuid[]), CAST(:topics AS text[]), CAST(:keys AS text[]),
            CAST(:types AS text[]), CAST(:traceparents AS text[]), CAST(:values AS bytea[]))
     WITH ORDINALITY AS promised (e, t, k, y, p, v, position)
ORDER BY position
""")


async def promise(work: Work, promises: Sequence[Promise]) -> list[Envelope[Message]]:
    """Write the events into the outbox, in this order; return them as they will travel."""
    envelopes = [_envelope(work, promised) for promised in promises]
    if envelopes:
        await work.connection.write(
            _INSERT,
            {
                "now": work.now,
                "event_ids": [e.id for e in envelopes],
                "topics": [e.topic for e in envelopes],
                "keys": [e.key for e in envelopes],
                "types": [e.type for e in envelopes],
                "traceparents": [e.traceparent for e in envelopes],
                "values": [e.value for e in envelopes],
            },
        )
        work.wakes.add(RELAY)
    return envelopes


def _envelope(work: Work, promised: Promise) -> Envelope[Message]:
    """Give a promised event its id, its route and the trace it continues."""
    event, cause, traceparent = promised
    route = route_of(type(event))
    return Envelope(
        id=work.ids.new(work.now),
        topic=route.topic,
        key=key_of(event),
        type=route.type_name,
        time=work.now,
        traceparent=cause.traceparent if cause else traceparent or work.traceparent,
        event=event,
        value=encode(event),
    )
