"""What every sender must tell intake, and the checks that all of them share."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from leadloop.errors import FieldError
from services.intake.message import Payload, Request, Unusable
from services.intake.normalise import normalise


class Sender(Protocol):
    """One configured source's way to sign and to write."""

    @property
    def kept_headers(self) -> tuple[str, ...]:
        """Name the headers that `parse` reads; they are kept beside the raw bytes."""
        ...

    def verify(self, request: Request, now: datetime) -> FieldError | None:
        """Return why the request is not proven to be the sender's; None when it is."""
        ...

    def parse(self, request: Request) -> Payload:
        """Return what the payload says, as the sender wrote it.

        Raises:
            Malformed: The body is no JSON.
        """
        ...


def read(sender: Sender, request: Request) -> Payload:
    """Return what the payload says, in our form.

    Raises:
        Malformed: The body is no JSON.
    """
    payload = sender.parse(request)
    items = tuple(map(normalise, payload.items))
    if payload.is_single and isinstance(items[0], Unusable):
        items = (replace(items[0], is_alone=True),)
    return Payload(items, payload.is_single)


def hmac_sha256(secret: str, *parts: bytes) -> bytes:
    """Return the HMAC-SHA256 of the parts, one after the other."""
    return hmac.digest(secret.encode(), b"".join(parts), "sha256")


def is_equal(expected: str, found: str) -> bool:
    """Compare two texts in a time that does not depend on where they differ."""
    return hmac.compare_digest(expected.encode(), found.encode("utf-8", "surrogatepass"))


def missing_header(name: str, expected: str = "a signature") -> FieldError:
    """Return the error of a header that is not there."""
    return FieldError(f"header {name}", expected, "nothing")


def wrong_signature(name: str, signed: str = "this body") -> FieldError:
    """Return the error of a signature that is of something else than what is signed here."""
    expected = f"the signature of {signed} under the source's secret"
    return FieldError(f"header {name}", expected, "another one")


def stale(
    name: str, sent_at: datetime, now: datetime, tolerance: timedelta
) -> FieldError | None:
    """Return the error of a time too far from now, None when it is near enough."""
    if abs(now - sent_at) <= tolerance:
        return None
    return too_far(name, tolerance, is_old=sent_at < now)


def too_far(name: str, tolerance: timedelta, *, is_old: bool) -> FieldError:
    """Return the error of a time too far from now."""
    expected = f"a time at most {int(tolerance.total_seconds())} s from now"
    return FieldError(f"header {name}", expected, "an older one" if is_old else "a later one")


def digest_of(parts: Iterable[object]) -> str:
    """Return a short text that is the same for the same parts only."""
    joined = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def digest_of_bytes(body: bytes) -> str:
    """Return a short text that is the same for the same bytes only."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()
