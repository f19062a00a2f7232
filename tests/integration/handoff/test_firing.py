"""Clocks that act by themselves, races with people, and one effect whoever comes first."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from leadloop.events import moment
from leadloop.v1 import handoff_pb2
from tests.conftest import MONDAY_MORNING
from tests.integration.handoff.floor import Floor, an_agreement, only, qualified

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


async def test_a_clock_warns_breaks_moves_it_on_once_and_then_escalates(floor):
    await floor.staffed("ann", "ben", "cat")
    handoff = await floor.hand_over()
    await floor.published()

    await floor.wait(31 * MINUTE)

    events = await floor.published()
    assert [type(event).__name__ for event in events] == [
        "ClockWarned",
        "ClockBreached",
        "HandoffReassigned",
        "ClockWarned",
        "ClockBreached",
        "HandoffEscalated",
    ]
    assert [moment(event.occurred_at) - MONDAY_MORNING for event in events] == [
        7.5 * MINUTE,
        15 * MINUTE,
        15 * MINUTE,
        22.5 * MINUTE,
        30 * MINUTE,
        30 * MINUTE,
    ]
    assert [event.sequence for event in events] == [2, 3, 4, 5, 6, 7]
    moved = only(handoff_pb2.HandoffReassigned, events)
    assert (getattr(moved, "from").person_id, moved.to.person_id) == ("ann", "ben")
    assert moved.reason == "accept not in time"
    assert {one.person_id: one.passed_over_because for one in moved.candidates} == {
        "ann": "had this handoff before",
        "ben": "",
    }
    assert moved.behind == 1
    escalated = only(handoff_pb2.HandoffEscalated, events)
    assert escalated.owner.person_id == "ben"
    assert (await floor.get(handoff["id"]))["owner"]["person_id"] == "ben"


async def test_a_breach_with_nobody_else_there_escalates(floor):
    await floor.staffed("ann")
    await floor.hand_over()
    await floor.published()

    await floor.wait(15 * MINUTE)

    assert await floor.names() == ["ClockWarned", "ClockBreached", "HandoffEscalated"]


@pytest.mark.parametrize(
    ("people", "at_once"),
    [
        (("ann", "ben"), ["ClockBreached", "HandoffReassigned"]),
        (("ann",), ["ClockBreached", "HandoffEscalated", "ClockWarned"]),
    ],
)
async def test_only_who_keeps_the_lead_is_warned_at_the_moment_of_a_breach(
    floor, people, at_once
):
    await floor.staffed(*people)
    await floor.take(an_agreement(2, accept=30))
    await floor.hand_over(version=2)
    await floor.wait(29 * MINUTE)
    await floor.published()

    await floor.wait(MINUTE)

    events = await floor.published()
    assert [type(event).__name__ for event in events] == at_once
    assert {moment(event.occurred_at) - MONDAY_MORNING for event in events} == {30 * MINUTE}


async def test_clocks_stand_still_over_the_night(floor):
    await floor.staffed("ann", "ben")
    floor.clock.advance_to(MONDAY_MORNING + 6 * HOUR + 50 * MINUTE)
    handoff = await floor.hand_over()
    await floor.published()

    assert handoff["clocks"][0]["due_at"] == "2026-03-03T08:05:00Z"
    await floor.wait(16 * HOUR)
    assert await floor.names() == ["ClockWarned"]
    await floor.wait(HOUR)
    assert (await floor.names())[:2] == ["ClockBreached", "HandoffReassigned"]


async def test_an_accepted_lead_is_watched_for_the_first_attempt(floor):
    await floor.staffed("ann", "ben")
    handoff = await floor.hand_over()
    await floor.command(handoff["id"], "accept")
    await floor.published()

    await floor.wait(HOUR)

    assert await floor.names() == ["ClockWarned", "ClockBreached", "HandoffReassigned"]
    found = await floor.get(handoff["id"])
    assert (found["state"], found["owner"]["person_id"]) == ("assigned", "ben")


async def test_work_done_in_time_leaves_no_timer(floor):
    await floor.staffed("ann", "ben")
    handoff = await floor.hand_over()
    await floor.command(handoff["id"], "attempt", channel="call", result="connected")
    await floor.published()

    assert await floor.rows("SELECT * FROM timers WHERE kind = 'clock'") == []
    await floor.wait(5 * HOUR)
    assert await floor.published() == []


async def test_many_breaches_at_once_go_to_those_who_did_not_have_them(floor):
    await floor.staffed("ann", "ben", "cat")
    await floor.take(*(qualified() for _ in range(300)))
    await floor.published()

    await floor.wait(15 * MINUTE)

    moves = [
        (getattr(event, "from").person_id, event.to.person_id)
        for event in await floor.published()
        if isinstance(event, handoff_pb2.HandoffReassigned)
    ]
    assert len(moves) == 300
    assert all(before != after for before, after in moves)
    # Nobody gets back what they had, so the turns can't be quite even.
    assert min(Counter(after for _, after in moves).values()) > 80


async def test_timers_that_were_late_do_not_make_a_late_accept_look_timely(floor):
    await floor.staffed("ann", "ben")
    handoff = await floor.hand_over()
    await floor.published()
    floor.clock.advance_to(MONDAY_MORNING + 20 * MINUTE)

    answer = await floor.command(handoff["id"], "accept")

    assert answer.status == 200
    events = await floor.published()
    assert [type(event).__name__ for event in events] == [
        "ClockBreached",
        "HandoffAccepted",
        "ClockMet",
    ]
    met = only(handoff_pb2.ClockMet, events)
    assert (met.is_late, met.used_seconds) == (True, 20 * 60)
    await floor.fire_timers()
    assert await floor.published() == []


@pytest.mark.parametrize("timer_starts", [False, True] * 3)
async def test_an_accept_and_its_breach_at_once_have_one_effect(make_floor, timer_starts):
    here, there = make_floor(), make_floor()
    await here.staffed("ann", "ben")
    await there.ask("GET", "/v1/handoffs")
    handoff = await here.hand_over()
    await here.published()
    here.clock.advance_to(MONDAY_MORNING + 15 * MINUTE)

    firing = there.service.loops[0].run_once(here.clock.now())
    accepting = here.command(handoff["id"], "accept")
    both = (firing, accepting) if timer_starts else (accepting, firing)
    results = await asyncio.gather(*both)
    answer = results[1 if timer_starts else 0]

    names = await here.names()
    found = await here.get(handoff["id"])
    if answer.status == 200:
        assert names == ["HandoffAccepted", "ClockMet"]
        assert (found["state"], found["owner"]["person_id"]) == ("accepted", "ann")
    else:
        assert answer.status == 409
        assert names == ["ClockBreached", "HandoffReassigned"]
        assert (found["state"], found["owner"]["person_id"]) == ("assigned", "ben")


async def test_two_replicas_fire_each_timer_once(make_floor):
    floors: list[Floor] = [make_floor(), make_floor()]
    await floors[0].staffed("ann", "ben")
    await floors[0].take(*(qualified() for _ in range(40)))
    await floors[0].published()
    floors[0].clock.advance_to(MONDAY_MORNING + 15 * MINUTE)

    await asyncio.gather(*(floor.fire_timers() for floor in floors))

    names = Counter(await floors[0].names())
    assert names == {"ClockBreached": 40, "HandoffReassigned": 40}


async def test_replicas_that_route_at_once_stay_fair_and_never_deadlock(make_floor):
    floors: list[Floor] = [make_floor(), make_floor(), make_floor()]
    await floors[0].staffed("ann", "ben", "cat")

    await asyncio.gather(
        *(floor.take(*(qualified() for _ in range(10))) for floor in floors for _ in range(4))
    )

    owners = Counter(
        event.owner.person_id
        for event in await floors[0].published()
        if isinstance(event, handoff_pb2.HandoffRouted)
    )
    assert owners == {"ann": 40, "ben": 40, "cat": 40}


async def test_rerouting_timers_and_qualifying_at_once_come_to_an_end(make_floor):
    floors: list[Floor] = [make_floor(), make_floor()]
    here, there = floors
    await here.staffed("ann", "ben", "cat")
    await here.take(*(qualified() for _ in range(20)))
    ids = [one for (one,) in await here.rows("SELECT CAST(id AS text) FROM handoffs")]
    here.clock.advance_to(MONDAY_MORNING + 15 * MINUTE)

    answers, *_ = await asyncio.gather(
        asyncio.gather(
            *(
                here.command(one, "reject", "program:crm", reason="wrong_territory")
                for one in ids
            )
        ),
        there.fire_timers(),
        there.take(*(qualified() for _ in range(20))),
        there.take(an_agreement(2)),
        here.hire("ann", available=False),
    )

    assert {answer.status for answer in answers} == {200}
    stray = await here.rows(
        "SELECT id FROM handoffs WHERE state = 'assigned' AND owner_id = ANY(past_owners)"
    )
    assert stray == []


async def test_whoever_leaves_hands_everything_open_to_others(floor):
    await floor.staffed("ann", "ben")
    one, two = await floor.hand_over(), await floor.hand_over()
    await floor.command(one["id"], "accept", "ann")
    await floor.published()

    assert (await floor.ask("DELETE", "/v1/people/ann")).status == 204

    moved = only(handoff_pb2.HandoffReassigned, await floor.published())
    assert (moved.handoff_id, moved.to.person_id) == (one["id"], "ben")
    assert moved.reason == "ann left the team"
    assert (await floor.get(two["id"]))["owner"]["person_id"] == "ben"
    assert (await floor.ask("GET", "/v1/people/ann")).status == 404


async def test_what_the_last_one_leaves_behind_waits(floor):
    await floor.staffed("ann")
    handoff = await floor.hand_over()

    await floor.ask("DELETE", "/v1/people/ann")

    found = await floor.get(handoff["id"])
    assert (found["state"], found["reason"]) == ("queued", "there is nobody in this queue")
    assert found["clocks"] == []


async def test_the_gauges_tell_who_waits(floor):
    from services.handoff.metrics import WAITING, WAITING_OLDEST

    await floor.staffed()
    await floor.hand_over()
    floor.clock.advance_to(MONDAY_MORNING + HOUR)

    assert await floor.service.loops[2].run_once(floor.clock.now()) == 0

    assert WAITING.labels("sales")._value.get() == 1
    assert WAITING_OLDEST.labels("sales")._value.get() == 3_600
