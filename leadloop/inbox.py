"""Handle each event once: its mark and its effects are committed together.

A batch is one transaction. When it fails it is split until the event that can't be handled is
alone; that one is parked with its error, and the rest goes through.
"""

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import structlog
from google.protobuf.message import Message
from sqlalchemy import text

from leadloop import metrics
from leadloop.database import Database, Work, is_unreachable
from leadloop.errors import Retry
from leadloop.events import Envelope, route_of
from leadloop.logs import traces
from leadloop.records import (
    Promised,
    Record,
    Unreadable,
    header,
    to_envelope,
    to_record,
    type_of,
)
from leadloop.tracing import trace_id

log = structlog.get_logger()

G = TypeVar("G", bound=Hashable)

# A handler takes events of its type, in order for each lead, inside an open transaction. One
# that is named for several types gets them together.
# (Any: a handler names the one event type that it takes; the table below pairs the two.)
Handler = Callable[[Work, Sequence[Envelope[Any]]], Awaitable[None]]
Handlers = Mapping[type[Message], Handler]

PARKED_MAX = 100
PARKED_WINDOW = timedelta(hours=1)
ERROR_LENGTH_MAX = 2_000
# PostgreSQL's class of errors for data (its manual, appendix A).
_WRONG_VALUE = "22"


class TooManyParked(Exception):
    """So many events could not be handled that the fault is likely ours: stop and look."""


# Of two consumers with the same event, the second waits here for the first one's commit.
_MARK = text("""
INSERT INTO inbox (event_id, handled_at)
SELECT DISTINCT id, CAST(:now AS timestamptz) FROM unnest(CAST(:ids AS uuid[])) AS id
ORDER BY id
ON CONFLICT (event_id) DO NOTHING
RETURNING CAST(event_id AS text)
""")

_PARK = text("""
INSERT INTO parked (event_id, topic, key, type, time, traceparent, value, error, parked_at)
VALUES (CAST(:event_id AS uuid), :topic, :key, :type, :time, :traceparent, :value, :error, :now)
ON CONFLICT (event_id) DO NOTHING
""")


_UNPARK = text("""
DELETE FROM parked WHERE event_id = ANY(CAST(:ids AS uuid[]))
RETURNING CAST(event_id AS text), topic, key, type, time, traceparent, value
""")

_UNMARK = text("DELETE FROM inbox WHERE event_id = ANY(CAST(:ids AS uuid[]))")


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as the parked table keeps it: as it came."""

    event_id: str
    topic: str
    key: str
    type: str
    time: datetime
    traceparent: str
    value: bytes


class Inbox:
    """Brings records to one service's handlers, each event once."""

    def __init__(
        self,
        database: Database,
        handlers: Handlers,
        *,
        service: str,
        repeatable: Collection[type[Message]] = (),
    ) -> None:
        """Handle the event types in `handlers`; all others are passed by.

        Args:
            database: Where marks, parked events and effects go.
            handlers: What to do with events, by type.
            service: Its name, a label of the metrics.
            repeatable: Types whose handlers change nothing the second time. They are not
                marked: a mark costs as much as the row that makes it needless.
        """
        self._database = database
        self._service = service
        self._handlers = {route_of(kind).type_name: take for kind, take in handlers.items()}
        self._repeatable = {route_of(kind).type_name for kind in repeatable}
        self._parked_at: deque[datetime] = deque()

    async def handle(self, records: Sequence[Record]) -> None:
        """Handle a batch, or park what can never work.

        Raises:
            Retry: Something it needs is away; the whole batch may be handed over again.
            TooManyParked: More events than the limit were parked within the window.
        """
        started = perf_counter()
        envelopes = await self._read([r for r in records if type_of(r) in self._handlers])
        if envelopes:
            await self._handle_or_split(envelopes)
            _tell(envelopes, perf_counter() - started)
        self._note_moved()

    def _note_moved(self) -> None:
        """Say that the consumer made a pass, also one that found nothing."""
        self._database.note_moved(metrics.CONSUMER)
        moved = metrics.LOOP_MOVED.labels(self._service, metrics.CONSUMER)
        moved.set(self._database.clock.now().timestamp())

    async def _handle_in(self, work: Work, envelopes: Sequence[Envelope[Message]]) -> None:
        """Mark and handle the events that were not handled before."""
        once = [one.id for one in envelopes if one.type not in self._repeatable]
        unseen = await _mark(work, once) if once else set()
        unseen.update(one.id for one in envelopes if one.type in self._repeatable)
        first = _first_of_each(envelopes, unseen)
        for handle, events in in_waves(first, lambda one: self._handlers[one.type]):
            await handle(work, events)
        for type_name, count in Counter(one.type for one in first).items():
            metrics.EVENTS_HANDLED.labels(self._service, type_name).inc(count)

    async def _read(self, records: Sequence[Record]) -> list[Envelope[Message]]:
        """Decode the records; those that are no events are parked under their own id."""
        envelopes = []
        for record in records:
            try:
                envelopes.append(to_envelope(record))
            except Unreadable as error:
                await self._park(self._as_found(record), error)
        return envelopes

    async def _handle_or_split(self, envelopes: Sequence[Envelope[Message]]) -> None:
        """Handle a batch in one transaction; on a fault, its halves; alone, park it."""
        try:
            async with self._database.transaction() as work:
                await self._handle_in(work, envelopes)
        except Exception as error:
            if isinstance(error, Retry) or is_unreachable(error):
                raise
            if len(envelopes) == 1:
                await self._park(_kept(envelopes[0]), error)
                return
            middle = len(envelopes) // 2
            await self._handle_or_split(envelopes[:middle])
            await self._handle_or_split(envelopes[middle:])

    async def retry(self, event_ids: Sequence[str]) -> int:
        """Take events out of the parked ones and handle them again, all or none; count them.

        Raises:
            Exception: Whatever keeps one of them from being handled; all stay parked then.
        """
        async with self._database.transaction() as work:
            rows = await work.connection.execute(_UNPARK, {"ids": list(event_ids)})
            envelopes = [to_envelope(_record(Kept(*row))) for row in rows]
            await work.connection.execute(_UNMARK, {"ids": [e.id for e in envelopes]})
            await self._handle_in(work, sorted(envelopes, key=lambda e: (e.time, e.id)))
        return len(envelopes)

    def _as_found(self, record: Record) -> Kept:
        """Keep a record that is no event, under an id of its own when it has none."""
        now = self._database.clock.now()
        event_id = header(record, "ce_id")
        try:
            event_id = str(UUID(event_id))
        except ValueError:
            event_id = self._database.ids.new(now)
        trace = header(record, "traceparent")
        return Kept(
            event_id, record.topic, record.key, type_of(record), now, trace, record.value
        )

    async def _park(self, kept: Kept, error: Exception) -> None:
        """Keep an event that can't be handled, with its error; stop when there are too many."""
        async with self._database.transaction() as work:
            if not await _mark(work, [kept.event_id]):
                return
            row = {**asdict(kept), "error": reason_of(error), "now": work.now}
            await work.connection.execute(_PARK, row)
        metrics.PARKED.labels(self._service, kept.topic).inc()
        log.error(
            "event.parked",
            event_id=kept.event_id,
            trace_id=trace_id(kept.traceparent),
            type=kept.type,
            exc_info=error,
        )
        self._count_parked(work.now)

    def _count_parked(self, now: datetime) -> None:
        """Stop the service when parking has become the rule."""
        self._parked_at.append(now)
        while self._parked_at[0] < now - PARKED_WINDOW:
            self._parked_at.popleft()
        if len(self._parked_at) > PARKED_MAX:
            raise TooManyParked(
                f"expected at most {PARKED_MAX} parked events in {PARKED_WINDOW}, "
                f"found {len(self._parked_at)} in {self._service}"
            )


def reason_of(error: Exception) -> str:
    """Say what keeps an event from being handled, without the values of its rows.

    PostgreSQL repeats them in its DETAIL, and in the message when a value itself is wrong.
    """
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(_WRONG_VALUE) or isinstance(error, asyncpg.InterfaceError):
        return f"{type(error).__name__} {state}: a value that its column can't hold".strip()
    said = str(error).partition("\nDETAIL:")[0]
    return f"{type(error).__name__}: {said}"[:ERROR_LENGTH_MAX]


def in_waves(
    envelopes: Sequence[Envelope[Message]], group_of: Callable[[Envelope[Message]], G]
) -> list[tuple[G, list[Envelope[Message]]]]:
    """Group events for one handler call each, keeping the order within each key.

    An event joins the earliest wave of its group that does not stand before a wave that holds
    an earlier event of its key. A handler of several types gets them together: what reads all
    types alike, such as a timeline, is then written with one statement instead of one a type.
    """
    waves: list[tuple[G, list[Envelope[Message]]]] = []
    places_of: dict[G, list[int]] = {}
    last_of_key: dict[str, int] = {}
    for envelope in envelopes:
        floor = last_of_key.get(envelope.key, 0)
        group = group_of(envelope)
        places = places_of.setdefault(group, [])
        place = next((index for index in places if index >= floor), len(waves))
        if place == len(waves):
            waves.append((group, []))
            places.append(place)
        waves[place][1].append(envelope)
        last_of_key[envelope.key] = place
    return waves


def _tell(envelopes: Sequence[Envelope[Message]], seconds: float) -> None:
    """Say one line for a batch."""
    log.info(
        "batch.handled",
        events=len(envelopes),
        duration_ms=round(seconds * 1000, 1),
        **traces(envelope.traceparent for envelope in envelopes),
    )


async def _mark(work: Work, event_ids: Sequence[str]) -> set[str]:
    """Write the inbox rows; return the ids that had none."""
    values = {"ids": list(event_ids), "now": work.now}
    return set(await work.connection.scalars(_MARK, values))


def _first_of_each(
    envelopes: Sequence[Envelope[Message]], unseen: set[str]
) -> list[Envelope[Message]]:
    """Return the events with an unseen id, each once, in order."""
    waiting = set(unseen)
    fresh = []
    for envelope in envelopes:
        if envelope.id in waiting:
            waiting.discard(envelope.id)
            fresh.append(envelope)
    return fresh


def _kept(envelope: Envelope[Message]) -> Kept:
    """Return an event as the parked table keeps it."""
    return Kept(
        envelope.id,
        envelope.topic,
        envelope.key,
        envelope.type,
        envelope.time,
        envelope.traceparent,
        envelope.value,
    )


def _record(kept: Kept) -> Record:
    """Return the record that a parked event came as."""
    return to_record(Promised(0, **asdict(kept)), kept.topic)
