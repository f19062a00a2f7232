"""Read values out of parsed JSON without trusting their types; never raise on odd content."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import orjson

from leadloop.errors import FieldError, Malformed
from services.intake.message import Consent

TEXT_LENGTH_MAX = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A number of seconds of today has ten digits; from here on it must be milliseconds.
_MILLISECONDS_FROM = 100_000_000_000
_GRANTED = frozenset({"true", "yes", "y", "1", "granted", "opt-in", "opted_in", "subscribed"})
_DENIED = frozenset({"false", "no", "n", "0", "denied", "opt-out", "opted_out", "unsubscribed"})


class WrongField(Exception):
    """A value is not of the type that its field needs."""

    def __init__(self, pointer: str, expected: str, found: str) -> None:
        """Name the field, what it needs and the type that is there instead."""
        super().__init__(f"{pointer}: expected {expected}, found {found}")
        self.error = FieldError(pointer, expected, found)


def parse_json(body: bytes) -> object:
    """Return the body's JSON value.

    Raises:
        Malformed: It is no JSON in UTF-8, or nested deeper than any sender nests.
    """
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Malformed(f"The body is not valid JSON: {error.msg} ({where}).") from error
    return value


def type_name(value: object) -> str:
    """Return what JSON calls the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {str: "text", int: "number", float: "number", list: "list", dict: "object"}
    return names.get(type(value), "value")


def member(value: object, *path: str) -> object:
    """Return what stands at a path of object keys; None when any step is missing.

    An empty group that PHP writes as a list, [] instead of {}, counts as an empty object.
    """
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def trimmed(text: str) -> str:
    """Return text without outer blanks and without NUL, which PostgreSQL does not keep."""
    return text.replace("\x00", "").strip()


def text_of(value: object, pointer: str) -> str:
    """Return a text trimmed, empty for null.

    Raises:
        WrongField: It is no text, or too long for a field about a person.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WrongField(pointer, "text", type_name(value))
    if len(value) > TEXT_LENGTH_MAX:
        expected = f"at most {TEXT_LENGTH_MAX} characters"
        raise WrongField(pointer, expected, f"{len(value)} characters")
    return trimmed(value)


def scalar_of(value: object, pointer: str) -> str:
    """Return text, a number or a boolean as text; numbers as decimals, empty for null.

    Raises:
        WrongField: It is a list or an object.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return format(value, "f").rstrip("0").rstrip(".")
    if isinstance(value, (list, dict)):
        raise WrongField(pointer, "text, a number or a boolean", type_name(value))
    return text_of(value, pointer)


def moment_of(value: object, pointer: str) -> datetime | None:
    """Return a time given as ISO 8601 or as seconds or milliseconds since 1970; None for null.

    A time without an offset counts as UTC.

    Raises:
        WrongField: It is none of these.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str) and not value.isdecimal():
            return _from_iso(value)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return _from_number(float(value))
    except (ValueError, OverflowError):
        pass
    expected = "an ISO 8601 time or a number of seconds or milliseconds since 1970"
    raise WrongField(pointer, expected, type_name(value))


def consent_of(value: object, pointer: str) -> Consent:
    """Return what a yes or no about contacting means; null says nothing.

    Raises:
        WrongField: It is no yes and no no.
    """
    said = scalar_of(value, pointer).lower()
    if not said:
        return Consent.UNSPECIFIED
    if said in _GRANTED:
        return Consent.GRANTED
    if said in _DENIED:
        return Consent.DENIED
    raise WrongField(pointer, "true or false, granted or denied, yes or no", type_name(value))


def pointer_to(*path: str | int) -> str:
    """Return the JSON Pointer (RFC 6901) of a path."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def first_text(values: Sequence[object]) -> object:
    """Return the first value that is not empty; None when all are."""
    return next((value for value in values if value not in (None, "")), None)


def _from_iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _from_number(number: float) -> datetime:
    """Return the moment, exact to the millisecond; floats of today's milliseconds are exact."""
    in_milliseconds = abs(number) >= _MILLISECONDS_FROM
    unit = timedelta(milliseconds=1) if in_milliseconds else timedelta(seconds=1)
    return _EPOCH + number * unit
