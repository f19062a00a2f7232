"""The rotation is fair, explains itself, and never picks somebody who is not there."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.handoff.routing import Person, Rotation, Seller

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
IDS = [f"p{n}" for n in range(6)]

sellers = st.lists(
    st.builds(
        lambda id_, available, away, seq: Seller(
            Person(id_, id_), available, away and NOW + away, seq
        ),
        st.sampled_from(IDS),
        st.booleans(),
        st.none() | st.timedeltas(timedelta(hours=-5), timedelta(hours=5)),
        st.integers(0, 50),
    ),
    unique_by=lambda one: one.person.id,
    max_size=6,
)
some_ids = st.frozensets(st.sampled_from(IDS), max_size=3)


@given(sellers, st.lists(st.tuples(some_ids, some_ids), max_size=20))
def test_nobody_absent_or_excluded_is_chosen_and_everyone_is_explained(people, requests):
    rotation = Rotation(people, NOW)
    present = {one.person.id for one in people if one.available and not one.is_absent(NOW)}

    for excluded, avoided in requests:
        route = rotation.route(excluded=excluded, avoided=avoided)

        named = {one.person.id for one in route.candidates}
        assert len(named) + route.behind == len(people)
        assert {one.person.id for one in people} - present <= named
        chosen = [one.person for one in route.candidates if not one.passed_over_because]
        if route.chosen is None:
            assert not present - excluded
            assert not chosen
            assert route.waits_because
        else:
            assert route.chosen.id in present - excluded
            assert chosen == [route.chosen]
            assert route.chosen.id not in avoided or not present - excluded - avoided


@given(sellers, st.integers(1, 40))
def test_leads_are_shared_evenly_among_those_present(people, leads):
    rotation = Rotation(people, NOW)
    present = {one.person.id for one in people if one.available and not one.is_absent(NOW)}

    for _ in range(leads):
        rotation.route()

    received = {turn.person_id: turn.received for turn in rotation.turns()}
    counts = [received.get(person, 0) for person in present]
    assert sum(counts) == (leads if present else 0)
    assert not counts or max(counts) - min(counts) <= 1


@given(sellers, st.integers(1, 20), st.integers(1, 20))
def test_routing_in_two_batches_is_routing_in_one(people, first, second):
    whole = Rotation(people, NOW)
    expected = [whole.route().chosen for _ in range(first + second)]

    part = Rotation(people, NOW)
    chosen = [part.route().chosen for _ in range(first)]
    places = {turn.person_id: turn.last_assigned_seq for turn in part.turns()}
    later = Rotation(
        [
            Seller(
                one.person,
                one.available,
                one.away_until,
                places.get(one.person.id, one.last_assigned_seq),
            )
            for one in people
        ],
        NOW,
    )
    chosen += [later.route().chosen for _ in range(second)]

    assert chosen == expected
