"""The forms that values have by the time conditions see them, whatever a sender wrote."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

# Canonical decimals only: 007 and +49 are codes, and 18 digits fit CEL's 64 bits.
INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,17})\.\d{1,17}", re.ASCII)

LOWER, CODE, PHONE, NO_NUMBER = "lower case", "code", "phone", "no number"

_CODE = re.compile(r"(?:[A-Z]{2})?")
_PHONE = re.compile(r"(?:\+[1-9][0-9]{1,16})?")
_PHONE_PART = re.compile(r"\+?[0-9]*")
_CODE_PART = re.compile(r"[A-Z]{0,2}")


class Form(NamedTuple):
    """One form of texts.

    Attributes:
        whole: Says whether a text has it.
        part: Says whether a text that has it can have this part.
        start: Says whether it can begin with this.
    """

    whole: Callable[[str], bool]
    part: Callable[[str], bool]
    start: Callable[[str], bool]


def _is_lower(text: str) -> bool:
    return text == text.lower()


def _any(_text: str) -> bool:
    return True


FORMS: Mapping[str, Form] = {
    LOWER: Form(_is_lower, _is_lower, _is_lower),
    CODE: Form(
        lambda text: bool(_CODE.fullmatch(text)),
        lambda part: bool(_CODE_PART.fullmatch(part)),
        lambda part: bool(_CODE_PART.fullmatch(part)),
    ),
    PHONE: Form(
        lambda text: bool(_PHONE.fullmatch(text)),
        lambda part: bool(_PHONE_PART.fullmatch(part)),
        lambda part: not part or bool(re.fullmatch(r"\+(?:[1-9][0-9]{0,16})?", part)),
    ),
    NO_NUMBER: Form(lambda text: not is_number(text), _any, _any),
}


def is_number(text: str) -> bool:
    """Say whether a text is one that conditions see as a number."""
    return bool(INTEGER.fullmatch(text) or DECIMAL.fullmatch(text))


def may_hold(form: str, test: str, part: str) -> bool:
    """Say whether a text of a form can pass a test such as startsWith with this part."""
    return (FORMS[form].start if test == "startsWith" else FORMS[form].part)(part)
