"""The handoff's state machine as tables, and the clocks that run on it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from services.handoff import rules
from services.handoff.cycle import OPEN, POSSIBLE, Change, Handoff, State, last_to_keep
from services.handoff.facts import (
    Accepted,
    Attempted,
    AttemptResult,
    Breached,
    Channel,
    Converted,
    Escalated,
    Met,
    Reassigned,
    Recycled,
    Refused,
    Routed,
    Warned,
    Withdrawn,
)
from services.handoff.rules import Attempt, Misfit, Recycle, Refusal, Reject
from services.handoff.terms import Level
from tests.unit.handoff.builders import (
    ANN,
    BEN,
    CAT,
    HOUR,
    MINUTE,
    MONDAY_TEN,
    a_new_handoff,
    a_route,
    accepted,
    begun,
    in_state,
    some_terms,
)

F = TypeVar("F")
NOW = MONDAY_TEN + 2 * MINUTE
TERMS = some_terms()
PROGRAM = "program:crm-sync"
CALL = Attempt("ann", Channel.CALL, AttemptResult.NO_ANSWER)

COMMANDS = {
    "accept": lambda handoff, now=NOW: rules.accept(handoff, PROGRAM, TERMS, now),
    "reject": lambda handoff, now=NOW: rules.reject(
        handoff, Reject(PROGRAM, "no_budget"), TERMS, now
    ),
    "attempt": lambda handoff, now=NOW: rules.attempt(
        handoff, replace(CALL, actor=PROGRAM), TERMS, now
    ),
    "recycle": lambda handoff, now=NOW: rules.recycle(
        handoff, Recycle(PROGRAM, "no_budget"), TERMS, now
    ),
    "convert": lambda handoff, now=NOW: rules.convert(handoff, PROGRAM, "D-1", now),
}


def done(answer: rules.Answer) -> Change:
    assert isinstance(answer, Change), answer
    return answer


def the(kind: type[F], change: Change) -> F:
    return next(fact for fact in change.facts if isinstance(fact, kind))


def kinds(change: Change) -> list[type]:
    return [type(fact) for fact in change.facts]


def given(handoff: Handoff, chosen, now: datetime, because: str = "refused") -> Change:
    return rules.give(handoff, a_route(chosen), TERMS, now, because)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("command", list(COMMANDS))
def test_a_command_works_in_the_states_that_allow_it_and_says_why_not_elsewhere(state, command):
    handoff = in_state(state)

    answer = COMMANDS[command](handoff)

    if command in POSSIBLE[state]:
        assert done(answer).facts
    elif (command, state) == ("accept", State.ACCEPTED):
        assert answer == Change(handoff)
    else:
        assert isinstance(answer, Refusal)
        assert f"it is {state}" in answer.detail
        assert handoff.since.isoformat() in answer.detail
        assert ", ".join(POSSIBLE[state]) in answer.detail


def test_a_handoff_begins_with_an_owner_and_its_clocks():
    change = rules.begin(a_new_handoff(), a_route(ANN), TERMS, MONDAY_TEN)

    assert change.handoff.state is State.ASSIGNED
    assert change.handoff.owner == ANN
    assert kinds(change) == [Routed]
    assert [(one.warns_at, one.due_at) for one in change.handoff.clocks] == [
        (MONDAY_TEN + 7.5 * MINUTE, MONDAY_TEN + 15 * MINUTE),
        (MONDAY_TEN + 30 * MINUTE, MONDAY_TEN + HOUR),
    ]
    assert change.handoff.next_at == MONDAY_TEN + 7.5 * MINUTE
    assert change.handoff.due_at == MONDAY_TEN + 15 * MINUTE


def test_a_handoff_waits_with_a_reason_and_no_clock_when_nobody_is_there():
    change = rules.begin(a_new_handoff(), a_route(None), TERMS, MONDAY_TEN)

    assert change.handoff.state is State.QUEUED
    assert change.handoff.reason == "nobody is available"
    assert change.handoff.next_at is None
    assert change.facts == (Routed(None, (), 0, ()),)


def test_a_handoff_without_known_terms_waits():
    change = rules.begin(a_new_handoff(), a_route(None), None, MONDAY_TEN)

    assert change.handoff.state is State.QUEUED


def test_a_tier_without_a_service_level_has_no_clocks():
    change = rules.begin(a_new_handoff(tier="odd"), a_route(ANN), TERMS, MONDAY_TEN)

    assert change.handoff.clocks == ()
    assert change.handoff.next_at is None


def test_a_waiting_handoff_is_given_to_someone_with_fresh_clocks_of_newer_terms():
    waiting = begun(owner=None)
    newer = some_terms(version=2)

    change = rules.give(waiting, a_route(ANN), newer, NOW, "left the queue")

    assert change.handoff.state is State.ASSIGNED
    assert change.handoff.agreement_version == 2
    assert change.handoff.clocks[0].started_at == NOW
    assert the(Reassigned, change).previous is None


def test_a_waiting_handoff_that_must_go_on_waiting_makes_no_noise():
    change = given(begun(owner=None), None, NOW)

    assert change.handoff.state is State.QUEUED
    assert change.facts == ()


def test_accepting_meets_the_accept_clock_with_the_business_time_used():
    change = done(rules.accept(begun(), "ann", TERMS, NOW))

    assert change.handoff.state is State.ACCEPTED
    assert kinds(change) == [Accepted, Met]
    assert (the(Met, change).used_seconds, the(Met, change).is_late) == (120, False)
    assert change.handoff.due_at == MONDAY_TEN + HOUR


def test_accepting_at_the_very_due_time_is_in_time():
    change = done(rules.accept(begun(), "ann", TERMS, MONDAY_TEN + 15 * MINUTE))

    assert kinds(change) == [Accepted, Met]
    assert not the(Met, change).is_late


def test_accepting_after_the_due_time_but_before_the_timer_breaks_the_clock_first():
    change = done(rules.accept(begun(), "ann", TERMS, MONDAY_TEN + 16 * MINUTE))

    assert kinds(change) == [Breached, Accepted, Met]
    assert the(Met, change).is_late
    assert the(Met, change).used_seconds == 16 * 60


def test_accepting_twice_is_the_same_answer_without_a_new_event():
    once = done(rules.accept(begun(), "ann", TERMS, NOW)).handoff

    assert rules.accept(once, "ann", TERMS, NOW + HOUR) == Change(once)
    assert isinstance(rules.accept(once, "ben", TERMS, NOW), Refusal)


def test_an_attempt_accepts_too():
    change = done(rules.attempt(begun(), CALL, TERMS, NOW))

    assert change.handoff.state is State.ACCEPTED
    assert kinds(change) == [Accepted, Met, Attempted, Met]
    assert change.handoff.next_at is None


def test_each_attempt_counts_and_only_the_first_meets_the_clock():
    once = done(rules.attempt(accepted(), CALL, TERMS, NOW))
    twice = done(rules.attempt(once.handoff, CALL, TERMS, NOW + MINUTE))

    assert kinds(once) == [Attempted, Met]
    assert kinds(twice) == [Attempted]
    assert the(Attempted, twice).attempt == 2


def test_rejecting_ends_it_and_meets_the_accept_clock():
    change = done(rules.reject(begun(), Reject("ann", "no_budget", "no money"), TERMS, NOW))

    assert change.handoff.state is State.REJECTED
    assert change.handoff.reason == "no_budget"
    assert change.handoff.next_at is None
    assert kinds(change) == [Refused, Met]
    again = rules.reject(change.handoff, Reject("ann", "no_budget"), TERMS, NOW + HOUR)
    assert again == Change(change.handoff)


@pytest.mark.parametrize("reason", ["", "because", "No_Budget"])
def test_a_reason_outside_the_agreement_is_refused_with_the_list(reason):
    answer = rules.reject(begun(), Reject("ann", reason), TERMS, NOW)

    expected = "one of no_budget, competitor, wrong_territory"
    assert answer == Misfit("/reason", expected, "another code")


def test_a_reason_that_reroutes_sends_it_to_somebody_else():
    refused = done(rules.reject(begun(), Reject("ann", "wrong_territory"), TERMS, NOW))

    assert refused.needs_owner_because == "refused: wrong_territory"
    moved = rules.move(refused, a_route(BEN), TERMS, NOW)
    assert moved.handoff.state is State.ASSIGNED
    assert moved.handoff.owner == BEN
    assert moved.handoff.past_owners == ("ann",)
    assert moved.handoff.clocks[0].met_at is None
    assert moved.handoff.reassigned == 0


def test_a_rerouted_handoff_waits_when_there_is_nobody_else():
    refused = done(rules.reject(begun(), Reject("ann", "wrong_territory"), TERMS, NOW))

    change = rules.move(refused, a_route(None), TERMS, NOW)

    assert change.handoff.state is State.QUEUED
    assert change.handoff.next_at is None
    assert kinds(change) == [Refused, Met, Reassigned]
    assert the(Reassigned, change).owner is None


def test_refusing_twice_does_not_refuse_it_for_the_next_owner():
    command = Reject("ann", "wrong_territory")
    refused = done(rules.reject(begun(), command, TERMS, NOW))
    with_ben = rules.move(refused, a_route(BEN), TERMS, NOW).handoff

    assert rules.reject(with_ben, command, TERMS, NOW + MINUTE) == Change(with_ben)


def test_who_lost_it_can_no_longer_act_on_it():
    with_ben = given(begun(), BEN, NOW).handoff

    answer = rules.accept(with_ben, "ann", TERMS, NOW)

    assert isinstance(answer, Refusal)
    assert "taken from ann" in answer.detail
    assert "with ben" in answer.detail
    assert done(rules.accept(with_ben, "ben", TERMS, NOW)).handoff.state is State.ACCEPTED


def test_who_refused_it_is_told_so_and_not_that_it_was_taken_from_them():
    refused = done(rules.reject(begun(), Reject("ann", "wrong_territory"), TERMS, NOW))
    with_ben = rules.move(refused, a_route(BEN), TERMS, NOW).handoff
    refused = done(rules.reject(with_ben, Reject("ben", "wrong_territory"), TERMS, NOW))
    with_cat = rules.move(refused, a_route(CAT), TERMS, NOW).handoff

    for actor in ("ann", "ben"):
        answer = rules.accept(with_cat, actor, TERMS, NOW)

        assert isinstance(answer, Refusal)
        assert answer.detail.startswith(f"can't accept: it was refused by {actor}; it is ")


@pytest.mark.parametrize("command", ["accept", "reject", "attempt"])
def test_a_colleague_does_not_answer_for_the_owner(command):
    told = {
        "accept": rules.accept(begun(), "ben", TERMS, NOW),
        "reject": rules.reject(begun(), Reject("ben", "no_budget"), TERMS, NOW),
        "attempt": rules.attempt(begun(), replace(CALL, actor="ben"), TERMS, NOW),
    }

    answer = told[command]

    assert isinstance(answer, Refusal)
    assert answer.detail.startswith(
        f"can't {command}: it is with ann, not with ben; it is assigned, with ann since "
    )


def test_colleagues_stand_in_once_it_is_accepted():
    tried = done(rules.attempt(accepted(), replace(CALL, actor="ben"), TERMS, NOW))
    back = done(rules.recycle(tried.handoff, Recycle("cat", "no_budget"), TERMS, NOW))
    deal = done(rules.convert(tried.handoff, "cat", "D-1", NOW))

    assert the(Attempted, tried).actor == "ben"
    assert the(Recycled, back).actor == "cat"
    assert the(Converted, deal).actor == "cat"
    assert back.handoff.owner == ANN


ANSWERS = {
    "accept": lambda handoff, actor: rules.accept(handoff, actor, TERMS, NOW),
    "reject": lambda handoff, actor: rules.reject(
        handoff, Reject(actor, "no_budget"), TERMS, NOW
    ),
    "recycle": lambda handoff, actor: rules.recycle(
        handoff, Recycle(actor, "no_budget"), TERMS, NOW
    ),
    "convert": lambda handoff, actor: rules.convert(handoff, actor, "D-1", NOW),
}


@pytest.mark.parametrize("command", list(ANSWERS))
@pytest.mark.parametrize(("first", "then"), [(PROGRAM, "ann"), ("ann", PROGRAM)])
def test_the_owner_and_a_program_confirm_each_other(command, first, then):
    tell = ANSWERS[command]
    before = begun() if command in ("accept", "reject") else accepted()
    once = done(tell(before, first)).handoff

    assert once.actor == first
    assert tell(once, then) == Change(once)
    assert isinstance(tell(once, "ben"), Refusal)


def test_who_owns_it_confirms_the_refusal_that_a_program_rerouted():
    refused = done(rules.reject(begun(), Reject(PROGRAM, "wrong_territory"), TERMS, NOW))
    with_ben = rules.move(refused, a_route(BEN), TERMS, NOW).handoff

    again = rules.reject(with_ben, Reject("ann", "wrong_territory"), TERMS, NOW)

    assert again == Change(with_ben)


def test_recycling_takes_only_reasons_that_give_the_lead_back():
    answer = rules.recycle(accepted(), Recycle("ann", "wrong_territory"), TERMS, NOW)

    assert answer == Misfit("/reason", "one of no_budget, competitor", "another code")


def test_recycling_ends_it_and_is_idempotent():
    later = NOW + timedelta(days=90)
    command = Recycle("ann", "no_budget", "next year", later)

    change = done(rules.recycle(accepted(), command, TERMS, NOW))

    assert change.handoff.state is State.RECYCLED
    assert change.handoff.not_before == later
    assert change.facts == (Recycled("ann", "no_budget", "next year", later),)
    assert rules.recycle(change.handoff, command, TERMS, NOW + HOUR) == Change(change.handoff)


def test_a_lead_cannot_be_put_off_into_the_past():
    answer = rules.recycle(
        accepted(), Recycle("ann", "no_budget", not_before=NOW - HOUR), TERMS, NOW
    )

    assert isinstance(answer, Misfit)
    assert answer.field == "/not_before"


def test_converting_ends_it_and_is_idempotent_for_the_same_deal():
    change = done(rules.convert(accepted(), "ann", "D-1", NOW))

    assert change.facts == (Converted("ann", "D-1"),)
    assert rules.convert(change.handoff, "ann", "D-1", NOW + HOUR) == Change(change.handoff)
    assert isinstance(rules.convert(change.handoff, "ann", "D-2", NOW), Refusal)


@pytest.mark.parametrize("state", list(State))
def test_a_withdrawal_closes_what_is_open_and_leaves_the_rest(state):
    change = rules.withdraw(in_state(state), "consent denied", NOW)

    if state in OPEN:
        assert change.handoff.state is State.WITHDRAWN
        assert change.facts == (Withdrawn("consent denied"),)
    else:
        assert change.facts == ()


def test_a_clock_warns_once():
    at = MONDAY_TEN + 8 * MINUTE
    change = rules.tick(begun(), TERMS, at)

    assert kinds(change) == [Warned]
    assert change.handoff.next_at == MONDAY_TEN + 15 * MINUTE
    assert rules.tick(change.handoff, TERMS, at).facts == ()


def test_a_breach_asks_for_somebody_else_and_then_escalates():
    first = rules.tick(begun(), TERMS, MONDAY_TEN + 15 * MINUTE)
    assert kinds(first) == [Breached]
    assert first.needs_owner_because == "accept not in time"

    with_ben = rules.move(first, a_route(BEN), TERMS, MONDAY_TEN + 15 * MINUTE)
    assert kinds(with_ben) == [Breached, Reassigned]
    assert with_ben.handoff.reassigned == 1
    assert with_ben.handoff.clocks[0].due_at == MONDAY_TEN + 30 * MINUTE

    second = rules.tick(with_ben.handoff, TERMS, MONDAY_TEN + 30 * MINUTE)
    assert kinds(second) == [Breached, Escalated]
    assert second.handoff.owner == BEN
    assert second.needs_owner_because == ""


def test_a_breach_with_nobody_left_escalates_and_the_owner_keeps_it():
    change = rules.tick(begun(), TERMS, MONDAY_TEN + 15 * MINUTE)

    kept = rules.move(change, a_route(None), TERMS, MONDAY_TEN + 15 * MINUTE)

    assert kinds(kept) == [Breached, Escalated]
    assert kept.handoff.owner == ANN
    assert kept.handoff.state is State.ASSIGNED


def test_an_accepted_lead_that_nobody_tries_to_reach_is_taken_away():
    change = rules.tick(accepted(), TERMS, MONDAY_TEN + HOUR)

    assert kinds(change) == [Breached]
    assert change.needs_owner_because == "first_attempt not in time"
    moved = rules.move(change, a_route(CAT), TERMS, MONDAY_TEN + HOUR)
    assert moved.handoff.state is State.ASSIGNED


def test_two_clocks_that_run_out_together_move_it_once():
    both = some_terms(levels={"hot": Level(HOUR, HOUR, 50)})
    change = rules.tick(begun(terms=both), both, MONDAY_TEN + HOUR)

    assert kinds(change) == [Breached, Breached]
    assert change.needs_owner_because == "accept and first_attempt not in time"


# Its accept clock runs out at the very moment at which the other one warns.
HALF_AN_HOUR = some_terms(levels={"hot": Level(HOUR / 2, HOUR, 50)})


@pytest.mark.parametrize("late", [0 * MINUTE, 5 * MINUTE])
def test_who_loses_the_lead_at_this_moment_is_not_warned_of_its_other_clock(late):
    now = MONDAY_TEN + HOUR / 2 + late
    change = rules.tick(begun(terms=HALF_AN_HOUR), HALF_AN_HOUR, now)

    moved = rules.move(change, a_route(BEN), HALF_AN_HOUR, now)

    assert kinds(moved) == [Breached, Reassigned]


def test_who_keeps_the_lead_after_a_breach_is_warned_at_the_same_moment():
    now = MONDAY_TEN + HOUR / 2
    change = rules.tick(begun(terms=HALF_AN_HOUR), HALF_AN_HOUR, now)
    kept = rules.move(change, a_route(None), HALF_AN_HOUR, now)

    assert kinds(kept) == [Breached, Escalated]
    assert kept.handoff.next_at == now
    assert kinds(rules.tick(kept.handoff, HALF_AN_HOUR, now)) == [Warned]


def test_late_work_still_meets_a_broken_clock():
    broken = rules.tick(begun(), some_terms(reassign_max=0), MONDAY_TEN + 15 * MINUTE).handoff

    change = done(rules.accept(broken, "ann", TERMS, MONDAY_TEN + 20 * MINUTE))

    assert kinds(change) == [Accepted, Met]
    assert the(Met, change).is_late


def test_a_closed_handoff_has_no_clock_to_look_at():
    ended = done(rules.convert(accepted(), "ann", "D-1", NOW)).handoff

    assert rules.tick(ended, TERMS, MONDAY_TEN + HOUR) == Change(ended)
    assert ended.next_at is None
    assert ended.due_at is None


def test_of_one_persons_handoffs_the_furthest_goes_on():
    older = begun()._replace(id="a")
    further = accepted()._replace(id="c")
    newer = begun()._replace(id="b")

    assert last_to_keep((older, further, newer)) is further
    assert last_to_keep((newer, older)) is older
