"""The rotation: who gets a lead, and what everybody else is told."""

from services.handoff.routing import CANDIDATES_MAX, Person, Rotation
from tests.unit.handoff.builders import ANN, BEN, CAT, HOUR, MONDAY_TEN, a_seller


def reasons(route):
    return {one.person.id: one.passed_over_because for one in route.candidates}


def test_who_waited_longest_is_chosen():
    rotation = Rotation([a_seller(ANN, seq=7), a_seller(BEN, seq=3)], MONDAY_TEN)

    route = rotation.route()

    assert route.chosen == BEN
    assert reasons(route) == {"ben": ""}
    assert route.behind == 1


def test_newcomers_are_served_by_id_and_then_wait_like_everyone():
    rotation = Rotation([a_seller(CAT), a_seller(ANN, seq=5), a_seller(BEN)], MONDAY_TEN)

    chosen = [rotation.route().chosen for _ in range(6)]

    assert chosen == [BEN, CAT, ANN, BEN, CAT, ANN]


def test_the_absent_are_passed_over_with_the_reason():
    back = MONDAY_TEN + HOUR
    rotation = Rotation(
        [a_seller(ANN, available=False), a_seller(BEN, away_until=back), a_seller(CAT, seq=9)],
        MONDAY_TEN,
    )

    route = rotation.route()

    assert route.chosen == CAT
    assert reasons(route) == {
        "cat": "",
        "ann": "is not available",
        "ben": f"is away until {back.isoformat()}",
    }


def test_whoever_is_back_gets_leads_again():
    rotation = Rotation([a_seller(ANN, away_until=MONDAY_TEN)], MONDAY_TEN)

    assert rotation.route().chosen == ANN


def test_a_lead_waits_when_nobody_is_available():
    rotation = Rotation(
        [a_seller(ANN, available=False), a_seller(BEN, away_until=MONDAY_TEN + HOUR)],
        MONDAY_TEN,
    )

    route = rotation.route()

    assert route.chosen is None
    assert route.waits_because == "nobody is available: 1 away, 1 switched off"
    assert rotation.turns() == ()
    assert rotation.next_return() == MONDAY_TEN + HOUR


def test_an_empty_queue_says_so():
    assert Rotation([], MONDAY_TEN).route().waits_because == "there is nobody in this queue"


def test_who_had_it_before_does_not_get_it_again():
    rotation = Rotation([a_seller(ANN), a_seller(BEN)], MONDAY_TEN)

    route = rotation.route(excluded=frozenset({"ann"}))
    second = rotation.route(excluded=frozenset({"ann", "ben"}))

    assert route.chosen == BEN
    assert reasons(route)["ann"] == "had this handoff before"
    assert second.chosen is None
    assert second.waits_because == "everyone available had this handoff before"


def test_who_refused_the_lead_in_an_earlier_cycle_gets_it_only_when_nobody_else_can():
    refused_by_ann = frozenset({"ann"})
    both = Rotation([a_seller(ANN), a_seller(BEN)], MONDAY_TEN)
    alone = Rotation([a_seller(ANN)], MONDAY_TEN)

    route = both.route(avoided=refused_by_ann)

    assert route.chosen == BEN
    assert reasons(route)["ann"] == "refused this lead before"
    assert alone.route(avoided=refused_by_ann).chosen == ANN


def test_turns_are_counted_once_per_person_for_saving():
    rotation = Rotation([a_seller(ANN, seq=40), a_seller(BEN, seq=41)], MONDAY_TEN)

    for _ in range(3):
        rotation.route()

    turns = {one.person_id: (one.received, one.last_assigned_seq) for one in rotation.turns()}
    assert turns == {"ann": (2, 44), "ben": (1, 43)}


def test_an_explanation_is_bounded_and_names_the_chosen_one_first():
    crowd = [
        a_seller(Person(f"p{n:03}", f"P {n}"), seq=n, available=n > 100) for n in range(200)
    ]

    route = Rotation(crowd, MONDAY_TEN).route()

    assert len(route.candidates) == CANDIDATES_MAX
    assert route.candidates[0].person == route.chosen
    assert route.behind == 98
