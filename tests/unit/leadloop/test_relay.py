from hypothesis import given
from hypothesis import strategies as st

from leadloop.relay import Horizon, LowWater


def test_nothing_is_settled_by_a_single_look():
    water = LowWater()

    water.look(Horizon(xmin=10, xmax=10, last_id=5))

    assert water.settled == 0


def test_ids_given_out_before_a_transaction_ended_are_settled_after_it():
    water = LowWater()
    water.look(Horizon(xmin=10, xmax=12, last_id=5))
    water.look(Horizon(xmin=12, xmax=12, last_id=6))

    water.look(Horizon(xmin=12, xmax=13, last_id=7))

    assert water.settled == 5


def test_an_open_transaction_holds_the_mark_down():
    water = LowWater()
    for last_id in range(5, 50):
        water.look(Horizon(xmin=10, xmax=12 + last_id, last_id=last_id))

    assert water.settled == 0


# A history of transactions: each draws its number, then an id, then ends, in some order with
# the looks of the relay in between.
steps = st.lists(st.sampled_from(["begin", "draw", "end", "look"]), max_size=120)


@given(steps, st.randoms(use_true_random=False))
def test_no_id_at_or_below_the_mark_belongs_to_an_open_transaction(history, random):
    water = LowWater()
    number, last_id = 1, 0
    open_ids: dict[int, int | None] = {}
    for step in history:
        if step == "begin":
            open_ids[number] = None
            number += 1
        elif step == "draw" and None in open_ids.values():
            drawer = random.choice([n for n, drawn in open_ids.items() if drawn is None])
            last_id += 1
            open_ids[drawer] = last_id
        elif step == "end" and open_ids:
            del open_ids[random.choice(sorted(open_ids))]
        elif step == "look":
            water.look(Horizon(min(open_ids, default=number), number, last_id))
        drawn = [identifier for identifier in open_ids.values() if identifier is not None]
        assert water.settled < min(drawn, default=last_id + 1)
