from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.intake.message import Consent, Lead
from services.intake.rules import Person, merge
from tests.intake_builders import NOON

TEXTS = st.sampled_from(["", "a", "b", "c"])
LEADS = st.builds(
    Lead,
    first_name=TEXTS,
    phone=TEXTS,
    company=TEXTS,
    consent=st.sampled_from(Consent),
    attributes=st.dictionaries(st.sampled_from(["x", "y", "z"]), TEXTS.filter(bool)),
)
NOBODY = Person("1", Lead("ada@example.com"))


def at_minutes(said):
    return [(NOON + timedelta(minutes=n), lead) for n, lead in enumerate(said)]


def told_in_order(messages):
    person = NOBODY
    for at, lead in messages:
        person = merge(person, lead, at)
    return person


@given(st.lists(LEADS, max_size=6), st.randoms())
def test_messages_of_distinct_times_leave_one_person_in_any_order(said, random):
    messages = at_minutes(said)
    shuffled = random.sample(messages, len(messages))

    assert told_in_order(shuffled) == told_in_order(messages)


@given(st.lists(LEADS, max_size=6), st.randoms())
def test_messages_that_come_again_change_nothing(said, random):
    person = told_in_order(at_minutes(said))
    again = random.choices(at_minutes(said), k=3) if said else []

    for at, lead in again:
        assert merge(person, lead, at) == person


@given(st.lists(LEADS, max_size=6))
def test_a_field_is_what_was_said_last_and_not_empty(said):
    lead = told_in_order(at_minutes(said)).lead

    for name in ("first_name", "phone", "company", "consent"):
        values = [getattr(one, name) for one in said if getattr(one, name)]
        expected = values[-1] if values else getattr(NOBODY.lead, name)
        assert getattr(lead, name) == expected


@given(LEADS)
def test_the_address_never_changes(said):
    assert merge(NOBODY, said, NOON).lead.email == "ada@example.com"
