"""Every fact has its event, and long stories stay bounded."""

from dataclasses import fields
from typing import get_args

import pytest

from leadloop.events import EVENT_TYPES, moment, route_of
from leadloop.v1.handoff_pb2 import ClockWarned
from services.handoff import facts
from services.handoff.calendar import Interval
from services.handoff.facts import AttemptResult, Channel, Fact
from services.handoff.messages import INTERVALS_MAX, Messages
from tests.integration.handoff.floor import qualified
from tests.unit.handoff.builders import (
    ANN,
    BEN,
    HOUR,
    MINUTE,
    MONDAY_TEN,
    a_new_handoff,
    a_route,
    begun,
)

CLOCK = begun().clocks[0]
LATER: list[Fact] = [
    facts.Accepted("ann"),
    facts.Refused("ann", "no_budget", "note"),
    facts.Attempted("ann", Channel.MEETING, AttemptResult.LEFT_MESSAGE, "note", 2),
    facts.Warned(CLOCK, ANN),
    facts.Breached(CLOCK, ANN),
    facts.Met(CLOCK, ANN, 120, is_late=True),
    facts.Reassigned(ANN, BEN, "late", a_route(BEN).candidates, 2, (CLOCK,)),
    facts.Escalated(ANN, "late"),
    facts.Recycled("ann", "no_budget", "note", MONDAY_TEN + HOUR),
    facts.Converted("ann", "D-1"),
    facts.Withdrawn("a gate closed"),
]


@pytest.mark.parametrize("fact", LATER, ids=lambda fact: type(fact).__name__)
def test_an_event_names_its_handoff_and_sets_all_that_the_fact_says(fact):
    event = Messages(MONDAY_TEN).of(begun(), fact, 7)

    assert route_of(type(event)).topic == "handoffs.v1"
    told = {field.name for field, _ in event.ListFields()}
    assert told == set(event.DESCRIPTOR.fields_by_name)


def test_every_fact_has_an_event_and_every_event_a_fact():
    ours = [name for name, kind in EVENT_TYPES.items() if route_of(kind).topic == "handoffs.v1"]
    later = {type(fact) for fact in LATER}

    assert {*later, facts.Routed} == set(get_args(Fact))
    assert len(ours) == len(get_args(Fact))
    assert all(fields(kind) for kind in later)


def test_the_first_event_carries_the_lead_with_its_owner_and_clocks():
    handoff = begun()
    fact = facts.Routed(ANN, a_route().candidates, 2, handoff.clocks)

    event = Messages(MONDAY_TEN).routed(handoff, fact, qualified())

    told = {field.name for field, _ in event.ListFields()}
    assert told == set(event.DESCRIPTOR.fields_by_name)
    assert moment(event.clocks[0].due_at) == MONDAY_TEN + 15 * MINUTE


def test_a_waiting_handoff_names_nobody():
    event = Messages(MONDAY_TEN).routed(
        a_new_handoff()._replace(sequence=1), facts.Routed(None, (), 0, ()), qualified()
    )

    assert not event.HasField("owner")
    assert not event.clocks


def test_a_clock_lists_a_bounded_number_of_intervals():
    many = tuple(
        Interval(MONDAY_TEN + n * HOUR, MONDAY_TEN + n * HOUR + MINUTE) for n in range(100)
    )
    fact = facts.Warned(CLOCK._replace(intervals=many), ANN)

    event = Messages(MONDAY_TEN).of(begun(), fact, 2)

    assert isinstance(event, ClockWarned)
    assert len(event.clock.intervals) == INTERVALS_MAX
