"""Deliver events to webhook endpoints: queued with the event, posted until taken or given up.

No transaction is open during a post: a delivery is leased, the post is made, its result is
recorded. A crash in between lets the lease end, and the delivery goes out again under the same
webhook-id. See `direct` for the short way, which saves the claim.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message

from leadloop import attempt_store, delivery_store, telling
from leadloop.attempts import (
    Delivery,
    Endpoint,
    Result,
    State,
    body_of,
    elapsed_ms,
    headers_of,
    judge,
)
from leadloop.backoff import WEBHOOK_SCHEDULE
from leadloop.connection import Connection
from leadloop.database import Database, Taker, Work
from leadloop.delivery_store import LEASE, Queued, Room, Subscription
from leadloop.direct import Direct
from leadloop.events import Envelope
from leadloop.holding import Holding, Unwritten
from leadloop.posting import TIMEOUT_SECONDS, Post

DELIVERIES = "deliveries"
# Handled rows stay in the index until vacuum. A pass begins to read where the last one ended,
# less what a slow transaction may still add, and reads everything now and then.
COMMITS_WITHIN = timedelta(seconds=5)
READ_ALL_EVERY = timedelta(seconds=30)
# How long a pass waits for its posts before it records what there is: long enough to record
# many at once, short enough that a slow receiver does not hold up the others.
GATHER_SECONDS = 0.02
GATHER_IDLE_SECONDS = 0.1
CLOSE_WITHIN_SECONDS = 5.0
# Deliveries handed over for one endpoint, at least: a multiple of what may be under way.
DIRECT_FACTOR = 8
_GONE = "the receiver answered 410 Gone"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


async def enqueue(
    work: Work,
    envelopes: Sequence[Envelope[Message]],
    received_at: Sequence[datetime | None] | None = None,
) -> None:
    """Queue these events for every endpoint that subscribed to them.

    For an endpoint that is disabled they are kept as failed, to be replayed.

    Args:
        work: The transaction that also promises the events.
        envelopes: The events, in the order to deliver them in.
        received_at: When the message that led to each was captured, for the metric.
    """
    types = {envelope.type for envelope in envelopes}
    if not types or not (wanting := await delivery_store.subscriptions(work.connection, types)):
        return
    taker = work.takers.get(DELIVERIES)
    moments = received_at or [None] * len(envelopes)
    queued = [
        _queued(work, one, envelope, moment, taker)
        for envelope, moment in zip(envelopes, moments, strict=True)
        for one in wanting
        if not one.types or envelope.type in one.types
    ]
    due = [one for one in queued if not one.is_disabled]
    if due:
        if taker is None:
            work.wakes.add(DELIVERIES)
        else:
            work.handed.append((taker, due))
    await delivery_store.insert(work.connection, queued, work.now)


def _queued(
    work: Work,
    subscription: Subscription,
    envelope: Envelope[Message],
    received_at: datetime | None,
    taker: Taker | None,
) -> Queued:
    """Make a delivery, with a lease if the loop of this process keeps a place for it."""
    endpoint_id, _, is_active = subscription
    is_placed = is_active and taker is not None and taker.reserve(endpoint_id)
    return Queued(
        work.ids.new(work.now),
        endpoint_id,
        envelope,
        received_at,
        lease_until=work.now + LEASE if is_placed else None,
        is_disabled=not is_active,
    )


@dataclass(frozen=True)
class Limits:
    """How a loop delivers.

    Attributes:
        at_once: Posts under way in all.
        at_once_each: Posts under way to one endpoint.
        schedule: Waits after the first, second, ... failed attempt; then it is given up.
    """

    at_once: int = 512
    at_once_each: int = 128
    schedule: tuple[timedelta, ...] = WEBHOOK_SCHEDULE


class DeliveryLoop:
    """Posts the deliveries of one service; several replicas may run."""

    name = DELIVERIES
    idle = timedelta(seconds=1)
    gathers = 0

    def __init__(
        self,
        database: Database,
        *,
        service: str,
        post: Post,
        limits: Limits | None = None,
    ) -> None:
        """Deliver what `database` queued.

        Args:
            database: The service's schema.
            service: Its name, a label of the metrics.
            post: Makes one post; `posting.HttpPoster`, or a receiver in this process.
            limits: How many at once, how often.
        """
        self._database = database
        self._service = service
        self._post = post
        self._limits = limits or Limits()
        self._under_way: set[asyncio.Task[None]] = set()
        self._under_way_to: Counter[str] = Counter()
        self._last_of: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._results: list[Result] = []
        self._lows: dict[str, datetime] = {}
        self._read_all_at = _EVER
        self._look_at = _EVER
        self._endpoints: dict[str, Endpoint] = {}
        self._holding = Holding()
        places = DIRECT_FACTOR * self._limits.at_once_each
        self._direct = Direct(places, database.wake_of(self.name).set)
        database.takers[self.name] = self._direct

    async def run_once(self, now: datetime) -> int:
        """Start what is due, record what has ended; return 0 when nothing is left to do.

        Posts to slow receivers stay under way from pass to pass.
        """
        must_look = self._must_look(now)
        if must_look:
            await self._refresh(now)
        claimed = self._begin(self._taken(now))
        if must_look:
            claimed += self._begin(await self._claim(now))
        await self._gather(GATHER_SECONDS if claimed else GATHER_IDLE_SECONDS)
        recorded = await self._record()
        return recorded or len(self._under_way)

    async def next_due(self, now: datetime) -> datetime | None:
        """Return when the next delivery is due, a first attempt or a retry."""
        async with self._database.single() as connection:
            return await delivery_store.next_due(connection, now - COMMITS_WITHIN, now)

    async def close(self) -> None:
        """Let posts under way end, give up on late ones (their leases end), record the rest."""
        self._direct.close()
        self._begin(self._taken(self._database.clock.now()))
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=CLOSE_WITHIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._record()

    def _must_look(self, now: datetime) -> bool:
        """Say whether anything due may wait in the table."""
        return (
            self._direct.must_look
            or now >= self._look_at
            or not all(
                self._direct.is_open(one) or self._holding.is_held(one, now)
                for one in self._endpoints
            )
        )

    async def _refresh(self, now: datetime) -> None:
        """Read which endpoints there are, and their keys."""
        self._look_at = now + self.idle
        async with self._database.single() as connection:
            self._endpoints = await delivery_store.active_endpoints(connection, now)
        self._holding.read(self._endpoints)

    def _taken(self, now: datetime) -> list[tuple[Endpoint, Delivery]]:
        """Return what was handed over directly, as far as there is room."""
        room = {one: self._room(one) for one in self._endpoints}
        taken = self._direct.take(room, self._limits.at_once - len(self._under_way), now)
        # An endpoint that was disabled meanwhile gets nothing; its deliveries have failed.
        return [
            (self._endpoints[one.endpoint_id], one)
            for one in taken
            if one.endpoint_id in self._endpoints
        ]

    async def _claim(self, now: datetime) -> list[tuple[Endpoint, Delivery]]:
        """Lease what is due in the table, as far as there is room."""
        free = self._limits.at_once - len(self._under_way)
        if free <= 0:
            return []
        if now - self._read_all_at >= READ_ALL_EVERY:
            self._lows, self._read_all_at = {}, now
        ready = self._ready(now)
        self._direct.begin_look(ready)
        rooms = self._rooms(ready)
        if not rooms:
            return []
        self._holding.begin_claim(room.endpoint_id for room in rooms)
        async with self._database.transaction() as work:
            due = await delivery_store.lease(
                work.connection, rooms, limit=free, now=now, until=now + LEASE
            )
        self._holding.claim(due)
        self._raise_lows(rooms, due, is_cut=len(due) == free, now=now)
        return [(self._endpoints[delivery.endpoint_id], delivery) for delivery in due]

    def _ready(self, now: datetime) -> list[str]:
        """Return the endpoints of which the table may be read."""
        not_yet = self._holding.returning() | self._holding.drains(self._last_of)
        return [
            one
            for one in self._endpoints
            if one not in not_yet and not self._holding.is_held(one, now)
        ]

    def _rooms(self, endpoints: Iterable[str]) -> list[Room]:
        """Return for which endpoints to read the table, and how many posts each may get.

        What was handed over is older than what is in the table; while any of it waits, it is
        because there is no room.
        """
        rooms = [Room(one, self._room(one), self._lows.get(one, _EVER)) for one in endpoints]
        return [room for room in rooms if room.free > 0]

    def _room(self, endpoint_id: str) -> int:
        """Return how many more posts an endpoint may get now."""
        most = self._holding.at_once(endpoint_id, self._limits.at_once_each)
        return max(most - self._under_way_to[endpoint_id], 0)

    def _raise_lows(
        self, rooms: Sequence[Room], due: Sequence[Delivery], *, is_cut: bool, now: datetime
    ) -> None:
        """Remember how far each endpoint's queue is read."""
        newest = {delivery.endpoint_id: delivery.due_at for delivery in due}
        counts = Counter(delivery.endpoint_id for delivery in due)
        # What goes back since the reading began was not in it.
        returning = self._holding.returning()
        for room in rooms:
            is_all = counts[room.endpoint_id] < room.free and not is_cut
            is_read_up = is_all and room.endpoint_id not in returning
            if is_read_up:
                self._holding.catch_up(room.endpoint_id)
                self._direct.end_look(room.endpoint_id)
            end = now if is_read_up else newest.get(room.endpoint_id)
            if end is not None:
                self._lows[room.endpoint_id] = end - COMMITS_WITHIN

    def _begin(self, claimed: Sequence[tuple[Endpoint, Delivery]]) -> int:
        """Start attempts, in this order; return how many."""
        for endpoint, delivery in claimed:
            self._begin_one(endpoint, delivery)
        return len(claimed)

    def _begin_one(self, endpoint: Endpoint, delivery: Delivery) -> None:
        """Start an attempt, after the one before it about the same lead."""
        lead = (endpoint.id, delivery.lead_id)
        attempt = self._attempt(endpoint, delivery, self._last_of.get(lead))
        task = asyncio.create_task(attempt)
        self._last_of[lead] = task
        self._under_way.add(task)
        self._under_way_to[endpoint.id] += 1

        def ended(task: asyncio.Task[None]) -> None:
            self._under_way_to[endpoint.id] -= 1
            if self._last_of.get(lead) is task:
                del self._last_of[lead]

        task.add_done_callback(ended)

    async def _attempt(
        self, endpoint: Endpoint, delivery: Delivery, before: asyncio.Task[None] | None
    ) -> None:
        """Post once and note the result."""
        clock = self._database.clock
        if before is not None:
            await asyncio.wait([before])
        began = clock.now()
        if began > delivery.lease_until - timedelta(seconds=TIMEOUT_SECONDS):
            # Too much of the lease went by waiting: it is claimed anew, before what is newer.
            self._holding.give_back(delivery)
            return
        if self._holding.must_wait(delivery, began):
            return
        body = body_of(delivery.event_type, delivery.event, delivery.event_time)
        headers = headers_of(delivery, endpoint, body, began)
        answer = await self._post(endpoint.url, headers, body)
        now, schedule = clock.now(), self._limits.schedule
        took = elapsed_ms(began, now)
        result = judge(delivery, answer, now, duration_ms=took, schedule=schedule)
        self._results.append(result)
        if result.state is State.DELIVERED:
            self._holding.grow(endpoint.id, now)
        if result.held_until is not None:
            self._holding.ask(endpoint, result.held_until)
            # The short way is closed by the next look.
            self._direct.look()

    async def _gather(self, seconds: float) -> None:
        """Wait for posts under way, all of them or this long; raise what a task raised."""
        if not self._under_way:
            return
        until = asyncio.ALL_COMPLETED if seconds == GATHER_SECONDS else asyncio.FIRST_COMPLETED
        done, self._under_way = await asyncio.wait(
            self._under_way, timeout=seconds, return_when=until
        )
        for task in done:
            task.result()

    async def _record(self) -> int:
        """Write what has ended; return how many attempts, and deliveries that go back."""
        results, self._results = self._results, []
        held = self._holding.unwritten()
        if not (results or held):
            return 0
        try:
            await self._write(results, held)
        except BaseException:
            self._results = results + self._results
            raise
        self._holding.settle(held)
        for delivery in held.returned:
            # It is older than what was read last.
            self._lows.pop(delivery.endpoint_id, None)
            self._direct.look()
        telling.tell(self._service, results, held.holds)
        return len(results) + len(held.returned)

    async def _write(self, results: Sequence[Result], held: Unwritten) -> None:
        """Write results, in one transaction where they end an endpoint, too."""
        gone = sorted({one.delivery.endpoint_id for one in results if one.is_gone})
        if gone:
            async with self._database.transaction() as work:
                await _write(work.connection, results, held)
                await delivery_store.disable(work.connection, gone, _GONE)
            self._direct.look()
        else:
            async with self._database.single() as connection:
                await _write(connection, results, held)


async def _write(connection: Connection, results: Sequence[Result], held: Unwritten) -> None:
    """Write holds first: others would take at once what goes back."""
    if held.holds:
        await attempt_store.hold(connection, held.holds)
    if results:
        await attempt_store.record(connection, results)
    if held.returned:
        await attempt_store.put_back(connection, held.returned)
