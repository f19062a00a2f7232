"""One run: what leads, people and the agreement make of each other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.handoff.clocks import ClockKind
from services.lab.simulation.arrivals import arrivals_of
from services.lab.simulation.leads import ByRules, Seen
from services.lab.simulation.levels import Promise, with_times
from services.lab.simulation.runs import run
from services.lab.simulation.team import Absence, Market
from services.scoring.definition import Activity
from tests.unit.lab.simulation.builders import (
    DAY,
    EVERYBODY_ACCEPTS,
    HOUR,
    MINUTE,
    MONDAY,
    TEN,
    a_pace,
    a_stream,
    a_team,
    a_trial,
    an_agreement,
    coming,
    forms,
)

ACCEPT, ATTEMPT = ClockKind.ACCEPT, ClockKind.FIRST_ATTEMPT


def test_a_lead_is_seen_accepted_and_tried_within_working_hours():
    trial = a_trial()

    result = run(trial, a_team(pace=a_pace(sees_after=10 * MINUTE)), coming(forms("l", TEN)), 1)

    assert result.leads == {"B": 1}
    assert result.clocks["B", ACCEPT].met == [600]
    assert 600 < result.clocks["B", ATTEMPT].met[0] < 3_600
    assert result.happened["Converted"] == 1


def test_a_lead_that_comes_at_night_has_its_time_counted_from_the_morning():
    result = run(a_trial(), a_team(), coming(forms("l", TEN + 12 * HOUR)), 1)

    assert result.clocks["B", ACCEPT].met == [600]


def test_a_lead_that_never_meets_a_tier_never_comes_to_sales():
    trial = a_trial(an_agreement(tiers="[{name: A, when: total >= 20}]", levels=ONE_LEVEL))

    result = run(trial, a_team(), coming(forms("one form", TEN)), 1)

    assert (result.seen, result.handed_over) == (1, 0)


ONE_LEVEL = "{A: {accept: 1h, first_attempt: 2h}}"


def test_who_has_too_much_to_do_lets_clocks_run_out():
    trial = a_trial(an_agreement(reassign=0))
    crowd = [forms(f"l{n:02}", TEN) for n in range(30)]

    one = run(trial, a_team(1, pace=a_pace(minutes=60)), coming(*crowd), 1)
    ten = run(trial, a_team(10, pace=a_pace(minutes=60)), coming(*crowd), 1)

    assert one.clocks["B", ACCEPT].breached > 15
    assert ten.clocks["B", ACCEPT].breached == 0


def test_a_breach_moves_a_lead_to_somebody_else():
    trial = a_trial()
    slow = a_team(2, pace=a_pace(sees_after=5 * HOUR))

    result = run(trial, slow, coming(forms("l", TEN)), 1)

    assert result.happened["Reassigned"] == 1
    assert result.clocks["B", ACCEPT].breached == 2
    assert result.happened["Escalated"] == 1


def test_who_works_as_many_leads_as_they_can_lets_the_next_one_lie():
    crowd = [forms(f"l{n}", TEN) for n in range(4)]
    trial = a_trial(an_agreement(reassign=0))

    free = run(trial, a_team(pace=a_pace(minutes=5)), coming(*crowd), 1)
    bound = run(trial, a_team(pace=a_pace(minutes=5, at_once=1)), coming(*crowd), 1)

    assert free.clocks["B", ACCEPT].breached == 0
    assert bound.clocks["B", ACCEPT].breached == 3
    assert bound.happened["Accepted"] == 4


def test_a_forgotten_lead_is_found_two_working_days_later():
    trial = a_trial(an_agreement(reassign=0))

    result = run(trial, a_team(pace=a_pace(forgets=1.0)), coming(forms("l", TEN)), 1)

    assert result.clocks["B", ACCEPT].met == [16 * 3_600]
    assert result.clocks["B", ACCEPT].late == 1


def away(days: int, told: int | None):
    trial = a_trial(an_agreement(reassign=0))
    team = a_team(1, trial)
    absence = Absence(
        MONDAY,
        MONDAY + timedelta(days=days - 1),
        None if told is None else MONDAY + timedelta(days=told),
    )
    closed = frozenset(MONDAY + timedelta(days=day) for day in range(days))
    worker = team.workers[0]
    calendar = replace(worker.calendar, closed_days=closed)
    gone = replace(worker, calendar=calendar, absences=(absence,))
    return trial, replace(team, workers=(gone,))


def test_while_all_are_known_to_be_away_leads_wait_and_no_clock_runs():
    trial, team = away(days=2, told=0)

    result = run(trial, team, coming(forms("l", TEN)), 1)

    assert len(result.waits) == 1
    assert result.waits[0] == 15 * 3_600
    assert result.clocks["B", ACCEPT].kept == 1


def test_who_tells_nobody_that_they_are_away_lets_clocks_run_out():
    trial, team = away(days=2, told=None)

    result = run(trial, team, coming(forms("l", TEN)), 1)

    assert result.waits == ()
    assert result.clocks["B", ACCEPT].breached == 1


def test_a_returned_lead_comes_back_after_its_time_with_something_new():
    market = replace(EVERYBODY_ACCEPTS, converted=0.0)
    trial = a_trial(
        an_agreement(reasons="{later: {label: Later, then: return, cool_down: 7d}}")
    )
    early, back = TEN + 3 * DAY, TEN + 10 * DAY

    stays = run(trial, a_team(market=market), coming(forms("l", TEN, early)), 1)
    comes = run(trial, a_team(market=market), coming(forms("l", TEN, back)), 1)

    # What was done while it cooled down counts at the end of that time.
    assert stays.happened["again"] == 1
    assert comes.happened["again"] == 1
    assert comes.leads == {"B": 1, "A": 1}


def test_a_refusal_that_reroutes_gives_the_lead_to_somebody_else():
    trial = a_trial(an_agreement(reasons="{elsewhere: {label: Not mine, then: reroute}}"))

    result = run(
        trial, a_team(2, market=Market(accepted=0.0, reached=1.0)), coming(forms("l", TEN)), 1
    )

    assert result.happened["Refused"] == 1
    assert result.happened["Reassigned"] == 1
    assert result.happened["Accepted"] == 1


def test_a_gate_that_closes_takes_the_lead_from_sales():
    said_no = forms("l", TEN)
    denied = Seen(TEN + 5 * MINUTE, {"consent": "denied"})
    prospect = said_no._replace(seen=(*said_no.seen, denied))

    result = run(a_trial(), a_team(), coming(prospect), 1)

    assert result.happened["Withdrawn"] == 1
    assert result.clocks["B", ACCEPT].decided == 0


def test_points_that_expire_keep_a_slow_lead_from_sales():
    text = an_agreement(tiers="[{name: A, when: total >= 20}]", levels=ONE_LEVEL)
    fading = text.replace("points: 10}", "points: 10, within: 2d}")
    slow = coming(forms("l", TEN, TEN + 3 * DAY))

    assert run(a_trial(text), a_team(), slow, 1).handed_over == 1
    assert run(a_trial(fading), a_team(), slow, 1).handed_over == 0


def test_a_lead_whose_penalty_expires_comes_to_sales_by_time_alone():
    penalty = "    - {name: complained, on: complaint, points: -50, within: 2d}\n  gates:"
    trial = a_trial(an_agreement().replace("  gates:", penalty))
    complaint = Activity("l/c", "complaint", TEN, {"kind": "complaint"})
    before = forms("l", TEN)
    lead = before._replace(seen=(before.seen[0], Seen(TEN, None, complaint), before.seen[1]))

    (arrival,) = arrivals_of([lead], ByRules(trial.definition), trial.definition)

    assert arrival.at == datetime(2026, 3, 4, tzinfo=UTC)
    assert run(trial, a_team(), coming(lead), 1).handed_over == 1


def test_the_same_seed_gives_the_same_result_and_another_does_not():
    trial, team = a_trial(), a_team(3, market=Market())

    assert run(trial, team, a_stream(), 1) == run(trial, team, a_stream(), 1)
    assert run(trial, team, a_stream(), 1) != run(trial, team, a_stream(), 2)


def test_another_agreement_meets_the_same_leads_and_chances():
    trial, team = a_trial(), a_team(50, market=Market(comes_back=0.0))
    relaxed = with_times(
        trial, {Promise("A", ACCEPT): 8 * HOUR, Promise("A", ATTEMPT): 9 * HOUR}
    )

    one, other = (run(each, team, a_stream(), 1) for each in (trial, relaxed))

    # With time for everybody, times alone change nothing of what becomes of leads.
    assert one.leads == other.leads
    for what in ("Accepted", "Refused", "Converted", "Recycled"):
        assert one.happened[what] == other.happened[what]
    assert one.clocks["A", ACCEPT].met == other.clocks["A", ACCEPT].met
