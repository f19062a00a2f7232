import phonenumbers
import pytest

from services.intake.countries import country_code
from services.intake.message import Lead, Message, Unusable
from services.intake.normalise import normal_email, normal_phone, normalise
from tests.intake_builders import NOON, a_message


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("  Ada.Lovelace@Example.COM ", "ada.lovelace@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("ada@exämple.com", "ada@exämple.com"),
        ("", ""),
        ("ada@", None),
        ("ada@example", None),
        ("ada@example..com", None),
        ("ada@site.test", None),
        ("two@at@example.com", None),
        ("x" * 65 + "@example.com", None),
    ],
)
def test_an_address_is_made_lower_case_or_refused(given, expected):
    assert normal_email(given) == expected


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("+1 415 555 2671", "", "+14155552671"),
        ("+14155552671", "", "+14155552671"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("+49 (0)30 1234567", "", "+49301234567"),
        ("0049 30 1234567", "DE", "+49301234567"),
        ("415 555 2671", "", ""),
        ("+4912", "", ""),
        ("+999123456789", "", ""),
        ("555-0100", "US", ""),
        ("+1 202 555 0100", "", "+12025550100"),
        ("call me", "US", ""),
    ],
)
def test_a_phone_number_becomes_e164_or_is_not_valid(text, country, expected):
    assert normal_phone(text, country) == expected


def test_the_short_way_for_e164_says_the_same_as_the_long_one():
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number(region)
        if example is not None:
            text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert normal_phone(text, "") == text


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("Czech Republic", "CZ"),
        ("de", "DE"),
        ("USA", "US"),
        ("United States of America", "US"),
        ("Türkiye", "TR"),
        ("Hong Kong", "HK"),
        ("Korea, South", "KR"),
        ("Bosnia & Herzegovina", "BA"),
        ("Cote d'Ivoire", "CI"),
        ("Atlantis", ""),
    ],
)
def test_a_country_is_known_by_code_and_by_name(given, code):
    assert country_code(given) == code


def test_what_can_not_be_read_is_kept_as_given():
    item = normalise(a_message(phone="ring twice", country="Atlantis"))

    assert isinstance(item, Message)
    assert (item.lead.phone, item.lead.country) == ("", "")
    assert item.lead.attributes == {"phone_raw": "ring twice", "country_raw": "Atlantis"}


def test_names_lose_their_outer_and_double_blanks():
    item = normalise(a_message(first_name="Anna  Maria", company="Acme\n Ltd"))

    assert isinstance(item, Message)
    assert (item.lead.first_name, item.lead.company) == ("Anna Maria", "Acme Ltd")


def test_an_invalid_address_names_its_field_and_not_itself():
    item = normalise(Message("k", NOON, Lead(email="nobody"), email_at="/person/email"))

    assert isinstance(item, Unusable)
    assert item.error.pointer == "/person/email"
    assert "nobody" not in item.error.found


def test_a_message_needs_an_address_or_an_id():
    assert isinstance(normalise(Message("k", NOON)), Unusable)
    assert isinstance(normalise(Message("k", NOON, external_id="33/1")), Message)
