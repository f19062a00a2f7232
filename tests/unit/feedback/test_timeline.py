from datetime import tzinfo
from zoneinfo import ZoneInfo

from google.protobuf.message import Message

from leadloop.events import EVENT_TYPES, route_of, timestamp
from leadloop.v1 import agreement_pb2, outcome_pb2
from leadloop.v1 import handoff_pb2 as handoff
from leadloop.v1 import lead_pb2 as lead
from leadloop.v1 import qualification_pb2 as qualification
from leadloop.zones import UTC
from services.feedback.observed import entry
from services.feedback.scene import scene_of
from services.feedback.timeline import story, tell
from tests.unit.feedback.builders import (
    ADA,
    BOB,
    a_clock,
    a_score,
    accepted,
    after,
    captured,
    enveloped,
    met,
    qualified,
    recycled,
    routed,
    step,
)

BERLIN = ZoneInfo("Europe/Berlin")


def told(*events: Message, zone: tzinfo = UTC) -> str:
    """Tell events that came in this order."""
    entries = [entry(envelope) for envelope in enveloped(events)]
    entries.sort(key=lambda one: (one.at, one.place, one.event_id))
    return story(tell(entries, scene_of(entries, zone)), zone)


def test_the_story_is_told_by_days_in_the_zone_of_the_calendar():
    events = captured(), qualified(), routed(), accepted(), met(), recycled(minutes=24 * 60)

    text = told(*events, zone=BERLIN)

    assert text.splitlines()[0] == f"Lead {ADA}, times in Europe/Berlin"
    assert "Monday 2 March 2026\n  10:00:00  intake" in text
    assert "Tuesday 3 March 2026\n  10:00:00  handoff   Eva gives it back: no_budget" in text


def test_people_are_named_where_only_their_id_is_told():
    assert "Eva accepts" in told(routed(), accepted(actor="eva"))


def test_whoever_got_it_by_hand_is_named_too():
    given = {"from": handoff.Person(person_id="eva"), "to": handoff.Person(person_id="jo")}
    again = {"to": handoff.Person(person_id="ann", name="Ann Roth")}
    text = told(
        routed(),
        step(handoff.HandoffReassigned, 2, 3, **given),
        step(handoff.HandoffReassigned, 3, 4, **again),
        accepted(4, actor="ann"),
    )

    assert "Goes from Eva to Jo" in text
    assert "Goes from the queue to Ann Roth" in text
    assert "Ann Roth accepts" in text


def test_a_program_and_an_unknown_person_are_told_as_they_are():
    assert "The program crm-sync accepts" in told(accepted(actor="program:crm-sync"))
    assert "ben accepts" in told(routed(), accepted(actor="ben"))


def test_what_happened_first_is_told_as_first_whatever_came_first():
    later, earlier = captured(minutes=5, source="mautic"), captured(minutes=2)
    earlier.is_new = False

    lines = told(later, earlier).splitlines()

    heard = [line.split("  ")[-1] for line in lines if "eard of" in line]
    assert heard == ["First heard of through hubspot", "Heard of again through mautic"]


def test_a_score_is_told_with_parts_that_add_up_and_with_what_kept_it_back():
    score = a_score()
    score.parts[1].count, score.parts[1].capped = 3, 20
    score.closed_gates.add(gate="consent", reason="does not want it")
    scored = qualification.LeadScored(
        lead_id=ADA, score=score, tier="A", scored_at=timestamp(after(1))
    )

    text = told(scored)

    assert "Scored 60 points (fit 20, engagement 40): from no tier to A" in text
    assert "+40  asked for a demo, 3 times, 20 more cut off by the cap" in text
    assert "kept back by consent: does not want it" in text


def test_a_long_deadline_tells_its_first_stretches_of_business_time():
    clock = a_clock()
    for number in range(6):
        clock.intervals.add(
            starts_at=timestamp(after(number * 1440)), ends_at=timestamp(after(14 * 60))
        )

    assert told(routed(clocks=[clock])).count(", ...") == 1


def test_a_return_tells_when_and_with_what_the_person_comes_back():
    returned = outcome_pb2.LeadReturned(
        lead_id=ADA,
        label="No budget",
        note="next\nyear",
        consequence=agreement_pb2.CONSEQUENCE_RETURN,
        not_before=timestamp(after(60 * 24 * 90)),
        new_evidence="A new year",
        occurred_at=timestamp(after(9)),
    )

    text = told(returned)

    assert 'Back to marketing: No budget, not before 31 May 2026 ("next year")' in text
    assert "comes back with: A new year" in text


def test_events_of_one_moment_are_placed_cause_before_effect():
    events = [captured(), qualified(minutes=0), routed(minutes=0), accepted(minutes=0)]
    entries = [entry(envelope) for envelope in enveloped(events[::-1])]

    ordered = sorted(entries, key=lambda one: (one.at, one.place, one.event_id))

    assert [one.type for one in ordered] == [type(event).__name__ for event in events]


def test_every_event_that_feedback_keeps_has_a_sentence_even_when_it_is_empty():
    for kind in EVENT_TYPES.values():
        if route_of(kind).topic != "agreements.v1":
            assert told(kind(lead_id=ADA)).strip()


def test_no_entry_holds_the_contact_of_the_person():
    merged = lead.LeadsMerged(
        lead_id=ADA, merged_lead_id=BOB, lead=lead.Lead(email="ada@example.com")
    )
    events = [captured(), qualified(), routed(), merged]
    before = [event.SerializeToString() for event in events]

    kept = [entry(envelope).value for envelope in enveloped(events)]

    assert all(b"example.com" in value for value in before)
    assert not any(b"example.com" in value for value in kept)
    assert [event.SerializeToString() for event in events] == before


def test_an_entry_is_placed_at_the_time_at_which_it_happened():
    reassigned = step(handoff.HandoffReassigned, 3, 7, reason="breach")

    (kept,) = [entry(envelope) for envelope in enveloped([reassigned])]

    assert kept.at == after(7)
