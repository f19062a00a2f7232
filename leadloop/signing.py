"""Sign and verify webhooks the Standard Webhooks way, by pure functions."""

import base64
import binascii
import hmac
import secrets as system_random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SECRET_PREFIX = "whsec_"  # noqa: S105 (what every secret begins with)
SECRET_BYTES_MIN = 24
SECRET_BYTES_MAX = 64
TOLERANCE = timedelta(minutes=5)

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

_VERSION = "v1"
_NEW_SECRET_BYTES = 32
# A sender that rotates has two signatures; more than a handful is somebody making us work.
_ENTRIES_MAX = 16
# Seconds have ten digits until the year 2286; a longer number is not a time.
_TIMESTAMP_DIGITS_MAX = 12


def sign(secret: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return one entry of the signature header: the version, a comma, the signature."""
    content = f"{message_id}.{timestamp_s}.".encode() + body
    digest = hmac.digest(secret, content, "sha256")
    return f"{_VERSION},{binascii.b2a_base64(digest, newline=False).decode()}"


def signature_header(
    secrets: Sequence[bytes], message_id: str, timestamp_s: int, body: bytes
) -> str:
    """Return the whole signature header: one entry a secret, so that either verifies."""
    return " ".join(sign(secret, message_id, timestamp_s, body) for secret in secrets)


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A received webhook as it came: three headers as text, the body as bytes."""

    message_id: str
    timestamp: str
    signature: str
    body: bytes


class Verdict(StrEnum):
    """What verifying came to; the value tells the sender what was wrong."""

    VALID = "valid"
    NOT_A_TIMESTAMP = "the timestamp is not a whole number of seconds"
    TOO_OLD = "the timestamp is too old"
    TOO_NEW = "the timestamp lies in the future"
    WRONG_SIGNATURE = "no signature matches"


def verify(
    secrets: Sequence[bytes],
    message: SignedMessage,
    *,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> Verdict:
    """Tell whether one of the secrets signed this message near this time; never raise.

    Entries of other versions and malformed ones are skipped: a sender may add signatures
    that we do not know.
    """
    timestamp_s = _parse_timestamp(message.timestamp)
    if timestamp_s is None:
        return Verdict.NOT_A_TIMESTAMP
    age_s = now.timestamp() - timestamp_s
    if age_s > tolerance.total_seconds():
        return Verdict.TOO_OLD
    if -age_s > tolerance.total_seconds():
        return Verdict.TOO_NEW
    expected = [sign(s, message.message_id, timestamp_s, message.body) for s in secrets]
    return Verdict.VALID if _any_equal(expected, message.signature) else Verdict.WRONG_SIGNATURE


def new_secret(random_bytes: Callable[[int], bytes] = system_random.token_bytes) -> str:
    """Make the text of a new secret; a seeded source makes the same one again."""
    return SECRET_PREFIX + base64.b64encode(random_bytes(_NEW_SECRET_BYTES)).decode()


def decode_secret(text: str) -> bytes:
    """Return the key that the text of a secret stands for; its prefix may be missing.

    Raises:
        ValueError: it is not base64, or not of 24 to 64 bytes. The message never holds it.
    """
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError as error:
        raise ValueError(f"expected {SECRET_PREFIX} and base64, found other text") from error
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise ValueError(
            f"expected a secret of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, "
            f"found {len(key)}"
        )
    return key


def _parse_timestamp(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= _TIMESTAMP_DIGITS_MAX):
        return None
    return int(text)


def _any_equal(expected: Sequence[str], header: str) -> bool:
    """Compare every pair, without stopping at a match, so that time tells nothing."""
    entries = header.split(" ", _ENTRIES_MAX)[:_ENTRIES_MAX]
    found = [entry.encode("utf-8", "surrogatepass") for entry in entries]
    equal = [hmac.compare_digest(e.encode(), f) for e in expected for f in found]
    return any(equal)
