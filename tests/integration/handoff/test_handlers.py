"""Events in, handoffs out: batches, repeats, waiting, withdrawals, forgotten people."""

from collections import Counter
from datetime import datetime, timedelta

from leadloop.events import moment
from leadloop.v1 import agreement_pb2, handoff_pb2, lead_pb2
from tests.conftest import MONDAY_MORNING
from tests.integration.handoff.floor import (
    TRACE,
    a_lead_id,
    an_agreement,
    disqualified,
    only,
    qualified,
)

MINUTE = timedelta(minutes=1)


async def test_a_qualified_lead_gets_an_owner_with_clocks_and_an_explanation(floor):
    await floor.staffed("ann", "ben")

    event = qualified()
    await floor.take(event)

    routed = only(handoff_pb2.HandoffRouted, await floor.published())
    assert routed.owner.person_id == "ann"
    assert [(one.person_id, one.passed_over_because) for one in routed.candidates] == [
        ("ann", "")
    ]
    assert routed.behind == 1
    accept, attempt = routed.clocks
    assert accept.kind == handoff_pb2.CLOCK_KIND_ACCEPT
    assert moment(accept.warns_at) == MONDAY_MORNING + 7.5 * MINUTE
    assert moment(accept.due_at) == MONDAY_MORNING + 15 * MINUTE
    assert attempt.allowed_seconds == 3_600
    assert (accept.time_zone, len(accept.intervals)) == ("Europe/Berlin", 1)
    assert routed.score == event.score
    assert routed.lead == event.lead
    assert routed.touch == event.touch
    assert routed.received_at == event.received_at
    assert (routed.tier, routed.agreement_version, routed.sequence) == ("hot", 1, 1)


async def test_the_trace_goes_on_from_the_qualification(floor):
    await floor.staffed("ann")
    await floor.take(qualified())

    ((trace,),) = await floor.rows("SELECT DISTINCT traceparent FROM outbox")
    assert trace[3:35] == TRACE[3:35]


async def test_a_batch_is_shared_evenly_and_in_turn(floor):
    await floor.staffed("ann", "ben", "cat")

    await floor.take(*(qualified() for _ in range(500)))

    owners = [event.owner.person_id for event in await floor.published()]
    assert owners[:4] == ["ann", "ben", "cat", "ann"]
    assert Counter(owners) == {"ann": 167, "ben": 167, "cat": 166}
    people = (await floor.ask("GET", "/v1/people")).json["items"]
    assert [(one["received"], one["open_handoffs"]) for one in people] == [
        (167, 167),
        (167, 167),
        (166, 166),
    ]
    assert max(one["last_assigned_seq"] for one in people) == 500
    ((timers,),) = await floor.rows("SELECT count(*) FROM timers WHERE kind = 'clock'")
    assert timers == 500


async def test_the_next_batch_goes_on_with_whoever_waited_longest(floor):
    await floor.staffed("ann", "ben", "cat")
    await floor.take(qualified())
    await floor.published()

    await floor.take(qualified(), qualified(), qualified())

    assert [e.owner.person_id for e in await floor.published()] == ["ben", "cat", "ann"]


async def test_a_cycle_that_is_qualified_twice_is_one_handoff_and_one_turn(floor):
    await floor.staffed("ann", "ben")
    twice = a_lead_id()

    await floor.take(qualified(twice), qualified(twice), qualified())
    await floor.take(qualified(twice))

    owners = [event.owner.person_id for event in await floor.published()]
    assert owners == ["ann", "ben"]


async def test_a_second_cycle_is_a_handoff_of_its_own_for_somebody_who_did_not_refuse(floor):
    await floor.staffed("ann", "ben")
    first = await floor.hand_over()
    await floor.command(first["id"], "reject", "ann", reason="no_budget")
    await floor.take(qualified())
    await floor.published()

    await floor.take(qualified(first["lead_id"], cycle=2))

    routed = only(handoff_pb2.HandoffRouted, await floor.published())
    assert routed.owner.person_id == "ben"
    assert routed.candidates[1].passed_over_because == "refused this lead before"


async def test_leads_wait_with_a_reason_until_somebody_is_there(floor):
    await floor.staffed()
    await floor.hire("ann", available=False)
    await floor.fire_timers()

    handoff = await floor.hand_over()

    assert (handoff["state"], handoff["owner"]) == ("queued", None)
    assert handoff["reason"] == "nobody is available: 0 away, 1 switched off"
    (queue,) = (await floor.ask("GET", "/v1/queues")).json
    assert (queue["waiting"], queue["reason"]) == (1, handoff["reason"])

    await floor.hire("ann", available=True)
    await floor.fire_timers()

    assert (await floor.get(handoff["id"]))["state"] == "assigned"
    events = await floor.published()
    assert not events[0].HasField("owner")
    released = only(handoff_pb2.HandoffReassigned, events)
    assert not released.HasField("from")
    assert (released.to.person_id, released.sequence) == ("ann", 2)
    assert moment(released.clocks[0].started_at) == floor.clock.now()


async def test_a_queue_counts_its_people_and_who_of_them_is_there(floor):
    await floor.staffed("ann", "ben")
    await floor.hire("cat", available=False)
    back = MONDAY_MORNING + MINUTE
    await floor.hire("dan", away_until=back.isoformat())

    (queue,) = (await floor.ask("GET", "/v1/queues")).json
    floor.clock.advance_to(back)
    (later,) = (await floor.ask("GET", "/v1/queues")).json

    assert (queue["name"], queue["people"], queue["available"]) == ("sales", 4, 2)
    assert (later["people"], later["available"]) == (4, 3)


async def test_whoever_returns_by_the_clock_gets_what_waits_at_that_moment(floor):
    await floor.staffed()
    back = MONDAY_MORNING + 40 * MINUTE
    await floor.hire("ann", away_until=back.isoformat())
    handoff = await floor.hand_over()

    await floor.wait(39 * MINUTE)
    assert (await floor.get(handoff["id"]))["state"] == "queued"
    await floor.wait(MINUTE)

    found = await floor.get(handoff["id"])
    assert found["state"] == "assigned"
    assert datetime.fromisoformat(found["since"]) == back


async def test_those_who_waited_longest_leave_the_queue_first_and_none_is_left(floor):
    await floor.staffed()
    await floor.take(*(qualified() for _ in range(500)))
    await floor.take(*(qualified() for _ in range(300)))
    await floor.published()

    await floor.hire("ann")
    await floor.fire_timers()

    released = await floor.published()
    assert [type(event) for event in released] == [handoff_pb2.HandoffReassigned] * 800
    ids = [event.handoff_id for event in released]
    assert ids == sorted(ids)
    (queue,) = (await floor.ask("GET", "/v1/queues")).json
    assert queue["waiting"] == 0


async def test_a_lead_whose_agreement_is_not_known_waits_for_it(floor):
    await floor.staffed("ann", version=1)

    handoff = await floor.hand_over(version=2)
    assert handoff["reason"] == "version 2 of the agreement is not known here yet"
    assert (await floor.command(handoff["id"], "accept")).status == 409

    await floor.take(an_agreement(2))
    await floor.fire_timers()

    found = await floor.get(handoff["id"])
    assert (found["state"], found["agreement_version"]) == ("assigned", 2)


async def test_a_version_that_was_compacted_away_is_stood_in_for_by_the_next(floor):
    await floor.staffed("ann", version=5)

    handoff = await floor.hand_over(version=3)

    assert (handoff["state"], handoff["agreement_version"]) == ("assigned", 5)


async def test_an_agreement_that_cannot_be_used_is_parked_and_the_one_before_stays(floor):
    await floor.staffed("ann")

    await floor.take(an_agreement(2, zone="Europe/Atlantis"))

    ((error,),) = await floor.rows("SELECT error FROM parked")
    assert "calendar" in error
    assert (await floor.hand_over())["state"] == "assigned"


async def test_a_calendar_that_never_opens_is_refused_with_the_agreement(floor):
    shut = an_agreement(2)
    del shut.agreement.calendar.opening_hours[:]
    await floor.take(shut)

    ((error,),) = await floor.rows("SELECT error FROM parked")
    assert error.startswith("Rejected")


async def test_a_closed_gate_withdraws_what_is_open(floor):
    await floor.staffed("ann")
    handoff = await floor.hand_over()
    await floor.command(handoff["id"], "accept")
    await floor.published()

    await floor.take(disqualified(handoff["lead_id"]))

    event = only(handoff_pb2.HandoffWithdrawn, await floor.published())
    assert event.reason == "The person does not want to be contacted."
    found = await floor.get(handoff["id"])
    assert (found["state"], found["possible"]) == ("withdrawn", [])
    assert await floor.rows("SELECT * FROM timers WHERE kind = 'clock'") == []


async def test_a_qualification_and_its_withdrawal_in_one_batch_keep_their_order(floor):
    await floor.staffed("ann")
    lead = a_lead_id()

    await floor.take(qualified(lead), disqualified(lead))

    assert await floor.names() == ["HandoffRouted", "HandoffWithdrawn"]


async def test_an_ended_handoff_is_not_withdrawn(floor):
    await floor.staffed("ann")
    handoff = await floor.hand_over()
    await floor.command(handoff["id"], "reject", reason="no_budget")
    await floor.published()

    await floor.take(disqualified(handoff["lead_id"]))

    assert await floor.published() == []


async def test_of_two_handoffs_of_one_person_the_furthest_goes_on(floor):
    await floor.staffed("ann", "ben")
    older, newer = await floor.hand_over(), await floor.hand_over()
    await floor.command(newer["id"], "accept", "ben")
    await floor.published()

    await floor.take(
        lead_pb2.LeadsMerged(lead_id=older["lead_id"], merged_lead_id=newer["lead_id"])
    )

    event = only(handoff_pb2.HandoffWithdrawn, await floor.published())
    assert event.handoff_id == older["id"]
    assert newer["id"] in event.reason


async def test_a_forgotten_person_is_worked_no_more_and_gone_from_the_story(floor):
    await floor.staffed("ann")
    await floor.ask(
        "POST", "/v1/endpoints", {"url": "http://127.0.0.1:9/hook", "event_types": []}
    )
    handoff = await floor.hand_over()
    await floor.command(
        handoff["id"], "attempt", channel="call", result="no_answer", note="Ada's cell"
    )

    await floor.take(lead_pb2.LeadErased(lead_id=handoff["lead_id"]))

    found = await floor.get(handoff["id"])
    assert (found["state"], found["lead"]) == ("withdrawn", {})
    assert found["history"][-1]["type"] == "HandoffWithdrawn"
    kept = await floor.rows("SELECT event FROM history")
    assert not [event for (event,) in kept if b"Ada" in event or b"ada" in event]
    deliveries = await floor.rows("SELECT event_type, event FROM deliveries")
    assert [name.rpartition(".")[2] for name, _ in deliveries] == ["HandoffWithdrawn"]


async def test_a_qualification_on_its_way_does_not_bring_a_forgotten_person_back(floor):
    await floor.staffed("ann")
    event = qualified()

    await floor.take(lead_pb2.LeadErased(lead_id=event.lead_id))
    await floor.take(event)

    assert await floor.rows("SELECT * FROM handoffs") == []
    assert await floor.published() == []


async def test_one_bad_event_is_parked_alone(floor):
    await floor.staffed("ann")
    bad = qualified()
    bad.cycle = 0

    await floor.take(qualified(), bad, qualified())

    assert len(await floor.published()) == 2
    assert len(await floor.rows("SELECT * FROM parked")) == 1


async def test_signing_the_same_version_twice_changes_nothing(floor):
    await floor.staffed("ann")
    changed: agreement_pb2.AgreementSigned = an_agreement(1, accept=99)

    await floor.take(changed)

    clock = (await floor.hand_over())["clocks"][0]
    assert clock["allowed_seconds"] == 15 * 60
