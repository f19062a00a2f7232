"""Whatever the numbers: nothing is lost, and all chance follows the seed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.handoff.clocks import ClockKind
from services.lab.simulation.runs import run
from services.lab.simulation.team import Market
from tests.unit.lab.simulation.builders import (
    EVERYBODY_ACCEPTS,
    MINUTE,
    a_pace,
    a_stream,
    a_team,
    a_trial,
    an_agreement,
)

shares = st.sampled_from((0.0, 0.2, 0.5, 0.9, 1.0))
markets = st.builds(
    Market, accepted=shares, reached=shares, converted=shares, won=shares, comes_back=shares
)
paces = st.builds(
    a_pace,
    sees_after=st.sampled_from((MINUTE, 20 * MINUTE, 200 * MINUTE)),
    minutes=st.integers(1, 90),
    attempts=st.integers(1, 5),
    at_once=st.sampled_from((0, 1, 3)),
    forgets=shares,
)
REROUTING = """
  no_budget: {label: No budget, then: return, cool_down: 1d}
  elsewhere: {label: Not mine, then: reroute}
  rival: {label: A rival, then: disqualify}
"""
TRIAL = a_trial(an_agreement(reasons=REROUTING))
ONE_TIER = a_trial(
    an_agreement(
        tiers="[{name: A, when: total >= 10}]",
        levels="{A: {accept: 1h, first_attempt: 2h}}",
        reassign=0,
    )
)


@given(
    per_week=st.integers(1, 30),
    people=st.integers(1, 5),
    pace=paces,
    market=markets,
    seed=st.integers(0, 1_000),
)
@settings(max_examples=40, deadline=None)
def test_nothing_is_lost_and_the_same_seed_says_the_same(per_week, people, pace, market, seed):
    team, coming = a_team(people, TRIAL, pace=pace, market=market), a_stream(per_week, 1)

    result = run(TRIAL, team, coming, seed)

    assert result.happened["first"] == per_week
    assert result.handed_over == result.happened["Routed"]
    for count in result.clocks.values():
        assert 0 <= count.late <= count.breached
        assert count.kept + count.late == len(count.met)
        allowed = count.allowed.total_seconds()
        assert sum(one <= allowed for one in count.met) >= count.kept
    assert run(TRIAL, team, coming, seed) == result


@given(
    per_week=st.integers(1, 60),
    people=st.integers(1, 4),
    minutes=st.integers(1, 120),
    sees_after=st.integers(1, 90),
)
@settings(max_examples=40, deadline=None)
def test_twice_the_people_break_no_more(per_week, people, minutes, sees_after):
    """Each of twice the people gets a part of what one got before, and so is never later.

    That holds for people who work alike, one kind of lead and no moves. It does not hold for
    one person more: turns fall otherwise then, and two long leads may meet at one desk.
    """
    pace = a_pace(sees_after=sees_after * MINUTE, minutes=minutes, attempts=1)
    team = a_team(people, ONE_TIER, pace=pace, market=EVERYBODY_ACCEPTS)
    coming = a_stream(per_week, 1)

    before = run(ONE_TIER, team, coming, 1)
    after = run(ONE_TIER, team.with_people(people * 2), coming, 1)

    for kind in ClockKind:
        one, other = before.clocks["A", kind], after.clocks["A", kind]
        assert other.breached <= one.breached
        later = zip(sorted(other.met), sorted(one.met), strict=True)
        assert all(now <= then for now, then in later)
