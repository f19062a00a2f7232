"""Events of different topics come in any order; what is known in the end is the same."""

from itertools import groupby
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from leadloop.events import timestamp
from leadloop.inbox import in_waves
from leadloop.v1 import handoff_pb2 as handoff
from leadloop.v1 import lead_pb2 as lead
from services.feedback.handlers import HANDLERS, REPEATABLE
from tests.conftest import MONDAY_MORNING
from tests.unit.feedback.builders import (
    ADA,
    BOB,
    IDS,
    a_clock,
    accepted,
    after,
    captured,
    converted,
    enveloped,
    met,
    qualified,
    recycled,
    rejected,
    routed,
    step,
)

TABLES = ("leads", "cycles", "clocks", "timeline")
SECOND: dict[str, Any] = {"cycle": 2, "handoff_id": IDS.new(MONDAY_MORNING)}
BOBS: dict[str, Any] = {"lead_id": BOB, "handoff_id": IDS.new(MONDAY_MORNING)}


def the_topics():
    """Return what happened to two people who turn out to be one, topic by topic."""
    leads = [
        captured(),
        captured(campaign="summer", source="mautic", minutes=4),
        captured(BOB, campaign="autumn", minutes=-5),
        captured(BOB, campaign="winter", minutes=50),
        captured(campaign="spring", minutes=-3),
        lead.LeadsMerged(
            lead_id=ADA, merged_lead_id=BOB, reason="one", merged_at=timestamp(after(55))
        ),
    ]
    verdicts = [qualified(), qualified(BOB, tier="B"), qualified(cycle=2, tier="B", phone="")]
    handoffs = [
        routed(),
        routed(**BOBS, owner=None, tier="B"),
        step(
            handoff.HandoffReassigned,
            2,
            6,
            to=handoff.Person(person_id="jo", name="Jo"),
            clocks=[a_clock(minutes=6)],
        ),
        step(handoff.ClockBreached, 3, 17, clock=a_clock()),
        accepted(sequence=4),
        met(sequence=5, clock=a_clock(minutes=6)),
        met(sequence=6, clock=a_clock(), is_late=True),
        recycled(sequence=7),
        rejected("elsewhere", **BOBS, sequence=2),
        routed(sequence=3, **BOBS, tier="B"),
        routed(**SECOND, tier="B"),
        accepted(**SECOND),
        converted(**SECOND),
    ]
    return [enveloped(topic) for topic in (leads, verdicts, handoffs)]


def shuffled_together(topics, random):
    """Merge the topics at random; each keeps its own order."""
    waiting = [list(topic) for topic in topics]
    merged = []
    while any(waiting):
        merged.append(random.choice([topic for topic in waiting if topic]).pop(0))
    return merged


def cut(events, random):
    """Cut events into batches of random sizes."""
    batches = []
    while events:
        size = random.randint(1, 8)
        batches.append(events[:size])
        events = events[size:]
    return batches


async def handled(room, batches):
    """Handle batches as the inbox does, each in a transaction; return what is known then."""
    for batch in batches:
        async with room.database.transaction() as work:
            for handle, events in in_waves(batch, lambda one: HANDLERS[type(one.event)]):
                await handle(work, events)
    return await known(room)


async def known(room):
    """Return the read models, without the outcomes that feedback itself promised."""
    dump = {}
    for table in TABLES:
        rows = await room.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4")
        dump[table] = [tuple(row) for row in rows if "LeadReturned" not in tuple(row)]
    return dump


async def forget(room):
    async with room.database.transaction() as work:
        await work.connection.execute(text(f"TRUNCATE {', '.join(TABLES)}, outbox"))


@pytest.fixture
async def signed(room):
    await room.sign()
    return room


async def test_any_interleaving_in_any_batches_ends_in_the_same_read_models(signed):
    topics = the_topics()
    in_order = await handled(signed, [[event] for topic in topics for event in topic])
    assert {len(rows) > 1 for rows in in_order.values()} == {True}

    for seed in range(25):
        random = Random(seed)
        await forget(signed)
        mixed = shuffled_together(topics, random)

        found = await handled(signed, cut(mixed, random))

        assert found == in_order, f"seed {seed}"


async def test_events_that_are_not_marked_change_nothing_the_second_time(signed):
    events = [event for topic in the_topics() for event in topic]
    once = await handled(signed, [[event] for event in events])
    again = [event for event in events if type(event.event) in REPEATABLE]
    assert 0 < len(again) < len(events)

    for seed in range(5):
        assert await handled(signed, cut(again, Random(seed))) == once


async def test_what_is_known_is_right(signed):
    await handled(signed, [[event] for topic in the_topics() for event in topic])

    cycles = await signed.rows(
        "SELECT owner_id, tier, reason, is_complete, missing FROM cycles WHERE lead_id = "
        f"'{ADA}' ORDER BY cycle"
    )
    assert [tuple(row) for row in cycles] == [
        ("jo", "A", "no_budget", True, ""),
        ("eva", "B", None, False, "phone"),
    ]
    leads = await signed.rows(
        "SELECT source, first_campaign, last_campaign FROM leads ORDER BY captured_at"
    )
    assert [tuple(row) for row in leads] == [
        ("hubspot", "autumn", "winter"),
        ("hubspot", "spring", "summer"),
    ]
    clocks = await signed.rows(
        "SELECT breached_at IS NOT NULL, is_late FROM clocks "
        f"WHERE lead_id = '{ADA}' AND cycle = 1 ORDER BY started_at"
    )
    assert [tuple(row) for row in clocks] == [(True, True), (False, False)]


def test_events_of_one_lead_stay_in_order_in_these_interleavings():
    topics = the_topics()

    mixed = shuffled_together(topics, Random(1))

    by_topic = sorted(mixed, key=lambda one: one.topic)
    for name, events in groupby(by_topic, key=lambda one: one.topic):
        original = next(topic for topic in topics if topic[0].topic == name)
        assert list(events) == original
