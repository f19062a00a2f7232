"""What would mend broken service levels: whatever is proposed holds when it is tried."""

from services.handoff.clocks import ClockKind
from services.lab.simulation.levels import Promise, broken, with_times
from services.lab.simulation.mending import TIMES, Search
from services.lab.simulation.runs import run
from tests.unit.lab.simulation.builders import (
    HOUR,
    MINUTE,
    a_pace,
    a_stream,
    a_team,
    a_trial,
    an_agreement,
)

TARGET, SEED = 0.95, 1


def test_the_fewest_people_that_will_do_are_found():
    trial, stream = a_trial(), a_stream(120, 2)
    team = a_team(2, trial, pace=a_pace(minutes=45))

    found = Search(trial, team, stream, SEED, TARGET).mend(lambda _: None)

    assert found.people is not None
    assert found.people > 2
    enough = run(trial, team.with_people(found.people), stream, SEED)
    too_few = run(trial, team.with_people(found.people - 1), stream, SEED)
    assert not broken(enough, TARGET)
    assert broken(too_few, TARGET)


def test_times_that_the_same_people_keep_are_found():
    trial, stream = a_trial(), a_stream(30, 2)
    team = a_team(4, trial, pace=a_pace(sees_after=3 * HOUR))

    found = Search(trial, team, stream, SEED, TARGET).mend(lambda _: None)

    # However many there are, nobody sees a lead within the hour that tier A is promised.
    assert found.people is None
    assert Promise("A", ClockKind.ACCEPT) in found.left
    assert found.times
    assert set(found.times.values()) <= set(TIMES)
    assert not broken(run(with_times(trial, found.times), team, stream, SEED), TARGET)


def test_nobody_is_asked_to_try_before_they_accept():
    trial = a_trial(an_agreement(levels=SAME))
    team = a_team(4, trial, pace=a_pace(sees_after=90 * MINUTE))

    found = Search(trial, team, a_stream(30, 2), SEED, TARGET).mend(lambda _: None)

    assert found.times
    levels = with_times(trial, found.times).terms.levels.values()
    assert all(one.accept <= one.first_attempt for one in levels)


SAME = "{A: {accept: 1h, first_attempt: 1h}, B: {accept: 1h, first_attempt: 1h}}"
