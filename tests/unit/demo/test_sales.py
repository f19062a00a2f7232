"""People in sales behave plausibly: in order, at work, within the agreement, the same again."""

from collections import Counter
from datetime import date, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from leadloop.agreement.reader import check
from services.demo.company import (
    ABSENCE,
    BEGIN,
    END,
    FIRST_DAY,
    SELLER_OF,
    SELLERS,
    SIZES,
    agreement_text,
    local,
    office_hours,
)
from services.demo.people import HEROINE, people_of
from services.demo.sales import (
    SLOT,
    Action,
    Assignment,
    Fate,
    Verb,
    at_work,
    fate_of,
    is_away,
    plan,
)
from services.handoff.calendar import used

PEOPLE = people_of(SIZES["small"], 1)

moments = st.integers(0, int((END - BEGIN).total_seconds()) // 60).map(
    lambda minutes: BEGIN + timedelta(minutes=minutes)
)
assignments = st.builds(
    Assignment,
    handoff_id=st.just("h"),
    lead_id=st.just("l"),
    person=st.sampled_from(PEOPLE[1:]),
    cycle=st.integers(1, 3),
    tier=st.sampled_from(["hand-raiser", "A", "B"]),
    owner_id=st.sampled_from([seller.id for seller in SELLERS]),
    turn=st.integers(0, 1),
    at=moments,
)


def an_assignment(**changed: object) -> Assignment:
    known: dict[str, object] = {
        "handoff_id": "h",
        "lead_id": "l",
        "person": PEOPLE[5],
        "cycle": 1,
        "tier": "B",
        "owner_id": "jonas",
        "turn": 0,
        "at": local(date(2026, 4, 14), 10),
    }
    return Assignment(**{**known, **changed})  # type: ignore[arg-type]  # the builder's fields


@given(assignments, st.integers(0, 1_000))
def test_what_someone_does_is_in_order_and_after_they_got_the_lead(
    assignment: Assignment, seed: int
):
    times = [action.at for action in plan(assignment, seed)]

    assert times == sorted(times)
    assert all(assignment.at <= at < END for at in times)


@given(assignments, st.integers(0, 1_000))
def test_nobody_works_outside_of_office_hours_or_on_leave(assignment: Assignment, seed: int):
    for action in plan(assignment, seed):
        before = action.at - SLOT
        assert used(before, action.at, office_hours()) > timedelta(0)
        assert not is_away(SELLER_OF[assignment.owner_id], action.at)


@given(assignments, st.integers(0, 1_000))
def test_a_lead_is_refused_first_or_worked_to_one_end(assignment: Assignment, seed: int):
    verbs = [action.verb for action in plan(assignment, seed)]

    ends = [verb for verb in verbs if verb in {Verb.REJECT, Verb.RECYCLE, Verb.CONVERT}]
    assert len(ends) <= 1
    if Verb.REJECT in verbs:
        assert verbs == [Verb.REJECT]
    if Verb.CONVERT in verbs:
        assert Verb.ATTEMPT in verbs[: verbs.index(Verb.CONVERT)]


@given(assignments, st.integers(0, 1_000))
def test_the_same_seed_gives_the_same_plan(assignment: Assignment, seed: int):
    assert plan(assignment, seed) == plan(assignment, seed)


@given(moments, st.integers(0, 5_000), st.sampled_from(SELLERS))
def test_a_slot_of_work_is_on_the_grid(after, minutes: int, seller):
    at = at_work(after, minutes, seller)

    assert at > after - SLOT
    assert at.minute in {0, 30}
    assert at.second == 0


def test_somebody_who_is_away_does_nothing_with_a_new_lead():
    at = ABSENCE.begins_at + timedelta(hours=3)

    assert plan(an_assignment(owner_id=ABSENCE.seller_id, at=at), 1) == []


def test_wrong_contact_data_are_mostly_refused_once_and_then_right():
    person = next(one for one in PEOPLE if not one.is_reachable)
    seller = SELLER_OF["jonas"]

    first = Counter(
        fate_of(an_assignment(person=person), seller, Random(n)) for n in range(200)
    )
    second = Counter(
        fate_of(an_assignment(person=person, cycle=2), seller, Random(n)) for n in range(200)
    )

    assert first[Fate.BAD_DATA] > 140
    assert second[Fate.BAD_DATA] == 0


def test_a_colleague_does_not_pass_a_lead_on_again():
    fates = {fate_of(an_assignment(turn=1), SELLER_OF["amira"], Random(n)) for n in range(300)}

    assert Fate.WRONG_TERRITORY not in fates


def test_every_reason_is_one_of_the_agreement():
    agreement = check(agreement_text(SIZES["full"]), FIRST_DAY).agreement

    assert agreement is not None
    known = {reason.code for reason in agreement.reasons}
    assert {fate.value for fate in Fate} - {Fate.CONVERTS} <= known


def test_the_heroine_is_forgotten_then_too_early_then_won():
    first = plan(an_assignment(person=HEROINE), 1)
    second = plan(an_assignment(person=HEROINE, turn=1), 1)
    third = plan(an_assignment(person=HEROINE, cycle=2, at=local(date(2026, 5, 6), 9, 30)), 1)

    assert first == []
    assert verbs(second) == ["accept", "attempt", "recycle"]
    assert verbs(third) == ["attempt", "attempt", "convert", "open", "win"]


def verbs(actions: list[Action]) -> list[str]:
    return [action.verb.value for action in actions]
