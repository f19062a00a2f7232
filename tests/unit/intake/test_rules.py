from datetime import timedelta

from services.intake.message import Activity, Consent, Lead
from services.intake.rules import Person, decide, happened_at, merge
from tests.intake_builders import NOON, a_message

ADA = merge(Person("1", Lead("ada@example.com")), Lead(first_name="Ada", phone="+1"), NOON)
LATER = NOON + timedelta(minutes=1)
EARLIER = NOON - timedelta(minutes=1)


def test_what_is_said_later_wins():
    assert merge(ADA, Lead(first_name="Augusta"), LATER).lead.first_name == "Augusta"


def test_what_was_said_earlier_comes_too_late():
    assert merge(ADA, Lead(first_name="Augusta"), EARLIER) is ADA


def test_what_is_not_said_stays():
    merged = merge(ADA, Lead(company="Analytical Engines"), LATER)

    assert (merged.lead.first_name, merged.lead.company) == ("Ada", "Analytical Engines")


def test_each_field_has_a_time_of_its_own():
    merged = merge(ADA, Lead(company="Engines"), LATER)
    merged = merge(merged, Lead(first_name="Augusta", company="Looms"), NOON)

    assert (merged.lead.first_name, merged.lead.company) == ("Augusta", "Engines")


def test_the_same_said_again_is_remembered_as_newer():
    confirmed = merge(ADA, Lead(first_name="Ada"), LATER)
    between = merge(confirmed, Lead(first_name="Augusta"), NOON + timedelta(seconds=1))

    assert between.lead.first_name == "Ada"


def test_the_newest_word_on_consent_counts():
    denied = merge(ADA, Lead(consent=Consent.DENIED), LATER)
    granted = merge(denied, Lead(consent=Consent.GRANTED), NOON)

    assert granted.lead.consent is Consent.DENIED


def test_attributes_are_merged_one_by_one():
    one = merge(ADA, Lead(attributes={"budget": "1", "team": "5"}), NOON)
    two = merge(one, Lead(attributes={"budget": "2"}), LATER)

    assert two.lead.attributes == {"budget": "2", "team": "5"}


def test_something_done_that_tells_nothing_new_is_an_activity():
    visit = a_message(first_name="Ada")._replace(activity=Activity("page_view"))

    assert not decide(ADA, visit, LATER, is_new=False).is_capture


def test_something_done_that_tells_something_new_is_a_capture():
    visit = a_message(first_name="Augusta")._replace(activity=Activity("page_view"))

    assert decide(ADA, visit, LATER, is_new=False).is_capture


def test_a_message_without_activity_is_a_capture():
    assert decide(ADA, a_message(first_name="Ada"), NOON, is_new=False).is_capture


def test_the_first_message_about_a_person_is_a_capture():
    nobody = Person("2", Lead("bob@example.com"))
    visit = a_message()._replace(activity=Activity("page_view"))

    assert decide(nobody, visit, NOON, is_new=True).is_capture


def test_a_source_whose_clock_runs_ahead_owns_no_future():
    assert happened_at(a_message(LATER), NOON) == NOON
    assert happened_at(a_message(EARLIER), NOON) == EARLIER
