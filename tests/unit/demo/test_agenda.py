"""Plans come out by time, and of one moment in the order they were made."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.demo.agenda import Agenda
from services.demo.company import BEGIN
from services.demo.journeys import Step, What
from services.demo.people import HEROINE


def a_step(hour: int, detail: str) -> Step:
    return Step(BEGIN + timedelta(hours=hour), HEROINE, What.PAGE, detail)


@given(st.lists(st.integers(0, 5), max_size=30))
def test_what_is_taken_is_in_order_of_time_and_then_of_planning(hours: list[int]):
    agenda = Agenda()
    planned = [a_step(hour, str(position)) for position, hour in enumerate(hours)]
    agenda.add(planned)

    taken = agenda.take(BEGIN + timedelta(hours=10))

    assert taken == sorted(planned, key=lambda step: step.at)
    assert agenda.next_at is None


def test_what_lies_later_stays():
    agenda = Agenda()
    agenda.add([a_step(3, "later"), a_step(1, "now")])

    assert agenda.take(BEGIN + timedelta(hours=1)) == [a_step(1, "now")]
    assert agenda.next_at == BEGIN + timedelta(hours=3)
