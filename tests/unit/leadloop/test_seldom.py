from datetime import timedelta

from leadloop.seldom import KEYS_MAX, Seldom


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_of_a_kind_is_let_through_at_once():
    assert Seldom(timedelta(seconds=10), Seconds()).left_out("a") == 0


def test_those_that_follow_soon_are_left_out_and_counted():
    clock = Seconds()
    seldom = Seldom(timedelta(seconds=10), clock)
    seldom.left_out("a")

    assert [seldom.left_out("a") for _ in range(3)] == [None, None, None]
    clock.now += 10
    assert seldom.left_out("a") == 3
    clock.now += 10
    assert seldom.left_out("a") == 0


def test_kinds_do_not_hold_each_other_up():
    seldom = Seldom(timedelta(seconds=10), Seconds())
    seldom.left_out("a")

    assert seldom.left_out("b") == 0


def test_endless_kinds_take_no_endless_memory():
    seldom = Seldom(timedelta(seconds=10), Seconds())

    for n in range(3 * KEYS_MAX):
        seldom.left_out(n)

    assert len(seldom._let_at) <= KEYS_MAX
