"""A cycle ends in the way that counts, and late or repeated word changes nothing."""

from datetime import timedelta

import pytest

from services.scoring.cycles import Cycle, Stage, joined
from tests.unit.scoring.builders import START

DAY = timedelta(days=1)
LATER = START + DAY
OPEN = Cycle().next("q1", START)


def test_cycles_are_numbered_from_one():
    second = OPEN.give_back(1, LATER, None).next("q2", LATER)

    assert (OPEN.number, second.number, second.stage) == (1, 2, Stage.OPEN)


def test_a_return_sets_the_cool_down():
    returned = OPEN.give_back(1, LATER, LATER + DAY)

    assert (returned.stage, returned.closed_at) == (Stage.RETURNED, LATER)
    assert returned.not_before == LATER + DAY


@pytest.mark.parametrize(
    "cycle",
    [
        OPEN.give_back(1, LATER, None),
        OPEN.give_back(1, LATER, None).next("q2", LATER),
        OPEN.win(LATER),
        OPEN.disqualify(LATER),
        Cycle(),
    ],
)
def test_a_return_of_a_cycle_that_is_over_or_never_was_changes_nothing(cycle):
    assert cycle.give_back(1, LATER + DAY, LATER + 9 * DAY) == cycle


@pytest.mark.parametrize("ended", [OPEN.close_by_gate(LATER), OPEN.lose(LATER)])
def test_a_return_after_a_gate_or_a_lost_deal_still_cools_down(ended):
    assert ended.give_back(1, LATER, LATER + DAY).not_before == LATER + DAY


def test_a_deal_lost_before_the_cycle_began_leaves_it_open():
    assert OPEN.lose(START - DAY) == OPEN


def test_the_first_end_for_good_stays():
    assert OPEN.win(LATER).disqualify(LATER) == OPEN.win(LATER)
    assert OPEN.disqualify(LATER).lose(LATER) == OPEN.disqualify(LATER)


def test_a_deal_won_without_a_cycle_ends_them_for_good():
    assert Cycle().win(LATER).stage is Stage.WON


@pytest.mark.parametrize(
    ("one", "other", "stage", "qualification_id"),
    [
        (Cycle(), OPEN, Stage.OPEN, "q1"),
        (OPEN.give_back(1, LATER, None), Cycle().next("q2", START), Stage.OPEN, "q2"),
        (OPEN, Cycle().next("q2", START), Stage.OPEN, "q1"),
        (OPEN, Cycle().next("q2", START).win(LATER), Stage.WON, "q2"),
        (OPEN.lose(LATER), Cycle().next("q2", START).lose(LATER + DAY), Stage.LOST, "q2"),
    ],
)
def test_of_two_leads_that_are_one_person_what_binds_most_stays(
    one, other, stage, qualification_id
):
    cycle = joined(one, other)

    assert (cycle.stage, cycle.qualification_id) == (stage, qualification_id)


def test_the_next_cycle_of_a_joined_lead_has_a_number_new_to_both():
    cycle = joined(OPEN.lose(LATER), Cycle().next("q2", START).lose(LATER))

    assert (cycle.so_far, cycle.next("q3", LATER).number) == (2, 3)
