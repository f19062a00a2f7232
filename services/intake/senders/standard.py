"""Standard Webhooks: signed by id, time and body; what is in `data` is mapped in YAML."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from leadloop import signing
from leadloop.errors import FieldError
from services.intake.message import Payload, Request
from services.intake.senders.mapping import FieldMap, read_mapped
from services.intake.senders.sender import missing_header, too_far, wrong_signature

_HEADERS = {
    signing.ID_HEADER: "an id",
    signing.TIMESTAMP_HEADER: "whole seconds since 1970",
    signing.SIGNATURE_HEADER: "a signature",
}


@dataclass(frozen=True, slots=True)
class Standard:
    """A sender of Standard Webhooks.

    Attributes:
        secrets: Its keys, more than one while it rotates; none takes unsigned requests.
        mapping: Where our fields stand in its body.
        tolerance: How far the signed time may be from now.
    """

    secrets: tuple[bytes, ...] = field(repr=False)
    mapping: FieldMap
    tolerance: timedelta = signing.TOLERANCE
    kept_headers: tuple[str, ...] = (signing.ID_HEADER,)

    def verify(self, request: Request, now: datetime) -> FieldError | None:
        """Return why the signature does not prove the sender, None when it does."""
        if not self.secrets:
            return None
        for name, expected in _HEADERS.items():
            if not request.headers.get(name):
                return missing_header(name, expected)
        message_id, timestamp, signature = (request.headers[name] for name in _HEADERS)
        message = signing.SignedMessage(message_id, timestamp, signature, request.body)
        verdict = signing.verify(self.secrets, message, now=now, tolerance=self.tolerance)
        return None if verdict is signing.Verdict.VALID else self._wrong(verdict)

    def parse(self, request: Request) -> Payload:
        """Return what the mapping finds; the message's id makes it known again."""
        return read_mapped(self.mapping, request, request.headers.get(signing.ID_HEADER, ""))

    def _wrong(self, verdict: signing.Verdict) -> FieldError:
        """Return the error of what is signed wrongly, or not now."""
        name = signing.TIMESTAMP_HEADER
        if verdict is signing.Verdict.NOT_A_TIMESTAMP:
            return FieldError(f"header {name}", _HEADERS[name], "no such number")
        if verdict is signing.Verdict.WRONG_SIGNATURE:
            return wrong_signature(signing.SIGNATURE_HEADER, "this id, time and body")
        return too_far(name, self.tolerance, is_old=verdict is signing.Verdict.TOO_OLD)
