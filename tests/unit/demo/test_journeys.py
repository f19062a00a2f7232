"""Made-up people are plausible, are told apart, and come again from the same seed."""

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest

from leadloop.agreement.reader import check
from services.demo.company import BEGIN, END, FIRST_DAY, SIZES, agreement_text, local
from services.demo.journeys import Step, What, journey_of, way_back
from services.demo.people import HEROINE, people_of
from services.intake.normalise import normal_email, normal_phone

PEOPLE = people_of(SIZES["full"], 1)


def test_there_are_as_many_people_as_the_size_says_and_each_has_an_address():
    assert len(PEOPLE) == 2_000
    assert len({person.email for person in PEOPLE}) == 2_000


def test_every_address_and_number_is_valid_and_belongs_to_nobody():
    for person in PEOPLE:
        assert person.email.endswith(".example")
        assert normal_email(person.email) == person.email
        assert not person.phone or normal_phone(person.phone, "") == person.phone


def test_another_seed_makes_other_people_around_the_same_heroine():
    others = people_of(SIZES["full"], 2)

    assert others[0] == PEOPLE[0] == HEROINE
    assert sum(one.email == other.email for one, other in zip(PEOPLE, others, strict=True)) < 50


def test_a_journey_is_in_order_within_the_quarter_and_on_the_grid():
    for person in PEOPLE:
        steps = journey_of(person, 1)
        assert all(BEGIN <= step.at < END for step in steps)
        assert all(step.at.minute == 0 for step in steps)
        assert all(one.at <= other.at for one, other in pairwise(steps))


def test_nobody_is_told_twice_of_one_thing():
    steps = [step for person in PEOPLE for step in journey_of(person, 1)]

    assert len({(s.person.number, s.at, s.what) for s in steps}) == len(steps)


def test_the_first_step_makes_a_person_known():
    firsts = Counter(steps[0].what for p in PEOPLE if (steps := journey_of(p, 1)))

    assert firsts[What.CREATED] + firsts[What.FORM] == firsts.total()


def test_people_come_more_on_workdays_and_by_day():
    steps = [step for person in PEOPLE for step in journey_of(person, 1)]

    on_weekends = sum(step.at.isoweekday() > 5 for step in steps)
    assert on_weekends < len(steps) / 6


@pytest.mark.parametrize("reason", ["bad_data", "bad_timing", "not_reached", "no_need"])
def test_some_come_back_after_their_time_and_some_too_early(reason: str):
    returned_at = local(date(2026, 4, 15), 10)
    not_before = returned_at + timedelta(days=14)
    visits: list[Step] = [
        step
        for person in PEOPLE[1:400]
        for step in way_back(person, reason, returned_at, not_before, 1)
    ]

    back = {step.person.number for step in visits if step.at > not_before}
    assert 20 < len(back) < 350
    assert any(step.at < not_before for step in visits)


def test_who_had_wrong_data_comes_back_with_right_ones():
    returned_at = local(date(2026, 4, 15), 10)
    steps = [
        step
        for person in PEOPLE[1:200]
        for step in way_back(person, "bad_data", returned_at, returned_at, 1)
    ]

    assert What.CHANGED in {step.what for step in steps}


def test_the_agreement_of_each_size_is_sound():
    for size in SIZES.values():
        assert check(agreement_text(size), FIRST_DAY).faults == ()
