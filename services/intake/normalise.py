"""Bring what senders say about a person into one form: e-mail, phone, country, names."""

import re

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from leadloop.errors import FieldError
from services.intake.countries import country_code
from services.intake.message import Item, Lead, Message, Unusable

PHONE_RAW = "phone_raw"
COUNTRY_RAW = "country_raw"
ATTRIBUTES_MAX = 100
ATTRIBUTE_NAME_LENGTH_MAX = 100

# Addresses of plain letters and digits are most of them, and the full check takes 60 us. This
# pattern takes a part of what the full check takes, never more; all else goes to the full one.
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_EMAIL = re.compile(
    rf"[a-z0-9_+-]{{1,30}}(?:\.[a-z0-9_+-]{{1,30}})?@(?:{_LABEL}\.){{1,3}}[a-z]{{2,18}}"
)
_SPECIAL_USE = tuple(SPECIAL_USE_DOMAIN_NAMES)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_CALLING_CODE_DIGITS_MAX = 3


def normalise(item: Item) -> Item:
    """Return the item in our form, or why it can't be used."""
    if not isinstance(item, Message):
        return item
    if not item.lead.email and not item.external_id:
        return Unusable(
            item.dedupe_key, FieldError(item.email_at, "an e-mail address", "nothing")
        )
    email = normal_email(item.lead.email)
    if email is None:
        found = "text that is no e-mail address"
        return Unusable(item.dedupe_key, FieldError(item.email_at, "an e-mail address", found))
    # Written out: dataclasses.replace takes some three times as long.
    return Message(
        item.dedupe_key,
        item.occurred_at,
        normal_lead(item.lead, email),
        item.email_at,
        item.external_id,
        item.touch,
        item.activity,
        item.left_out,
    )


def normal_email(text: str) -> str | None:
    """Return an address in lower case, empty for an empty one, None when it is not valid."""
    lowered = text.strip().lower()
    if not lowered:
        return ""
    if _is_plain_email(lowered):
        return lowered
    try:
        checked = validate_email(lowered, check_deliverability=False, strict=True)
    except EmailNotValidError:
        return None
    return checked.normalized.lower()


def normal_lead(lead: Lead, email: str) -> Lead:
    """Return a lead with `email`, its country as a code, its phone number in E.164.

    A country or number that can't be read is kept as given, as an attribute.
    """
    attributes = _bounded(lead)
    country = country_code(lead.country) if lead.country else ""
    if lead.country and not country:
        attributes[COUNTRY_RAW] = lead.country
    phone = normal_phone(lead.phone, country) if lead.phone else ""
    if lead.phone and not phone:
        attributes[PHONE_RAW] = lead.phone
    return Lead(
        email=email,
        first_name=_one_line(lead.first_name),
        last_name=_one_line(lead.last_name),
        phone=phone,
        company=_one_line(lead.company),
        job_title=_one_line(lead.job_title),
        country=country,
        consent=lead.consent,
        attributes=attributes,
    )


def normal_phone(text: str, country: str) -> str:
    """Return a number in E.164, empty when no number of `country` or the world is like it.

    Its length must be right. Whether its range is given out is not asked: that takes ten times
    as long, and a list of ranges is always a little older than the numbers of real people.
    """
    if _is_possible_e164(text):
        return text
    found = _read_phone(text, country)
    if not found or _is_possible_e164(found) or _read_phone(found, "") == found:
        return found
    # With a zero too many it would be another number each time it is read: it is none.
    return ""


def _read_phone(text: str, country: str) -> str:
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return ""
    if not _is_possible(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_plain_email(text: str) -> bool:
    """Say whether an address is valid at a glance; False means look closer."""
    if _PLAIN_EMAIL.fullmatch(text) is None or "--" in text:
        return False
    return not text.endswith(_SPECIAL_USE)


def _is_possible_e164(text: str) -> bool:
    """Say whether a number is in E.164 already, without the cost of taking it apart."""
    if _E164.fullmatch(text) is None:
        return False
    for length in range(1, _CALLING_CODE_DIGITS_MAX + 1):
        code, national = int(text[1 : 1 + length]), text[1 + length :]
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            # A leading zero may be a trunk prefix that does not belong here: look closer.
            if not national or national[0] == "0":
                return False
            return _is_possible(
                phonenumbers.PhoneNumber(country_code=code, national_number=int(national))
            )
    return False


def _is_possible(number: phonenumbers.PhoneNumber) -> bool:
    """Say whether a number can be dialled from abroad, by its length."""
    reason = phonenumbers.is_possible_number_with_reason(number)
    return reason == phonenumbers.ValidationResult.IS_POSSIBLE


def _bounded(lead: Lead) -> dict[str, str]:
    """Return the attributes that have a value, at most so many, none with an endless name."""
    said = (
        (name, value)
        for name, value in lead.attributes.items()
        if value and len(name) <= ATTRIBUTE_NAME_LENGTH_MAX
    )
    return dict(pair for _, pair in zip(range(ATTRIBUTES_MAX), said, strict=False))


def _one_line(text: str) -> str:
    """Return text with inner runs of blanks and line breaks made one blank."""
    return text if text.isalnum() else " ".join(text.split())
