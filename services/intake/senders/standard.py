"""Standard Webhooks: signed by id, time and body; what is in `data` is mapped in YAML."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from leadloop import signing
from leadloop.errors import FieldError
from services.intake.message import Payload, Request
from services.intake.senders.mapping import FieldMap, read_mapped
from services.intake.senders.sender import missing_header

_EXPECTED = {
    signing.Verdict.NOT_A_TIMESTAMP: (signing.TIMESTAMP_HEADER, "whole seconds since 1970"),
    signing.Verdict.TOO_OLD: (signing.TIMESTAMP_HEADER, "a recent time"),
    signing.Verdict.TOO_NEW: (signing.TIMESTAMP_HEADER, "a time that is not in the future"),
    signing.Verdict.WRONG_SIGNATURE: (
        signing.SIGNATURE_HEADER,
        "the signature of this body under the source's secret",
    ),
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
        names = (signing.ID_HEADER, signing.TIMESTAMP_HEADER, signing.SIGNATURE_HEADER)
        for name in names:
            if not request.headers.get(name):
                return missing_header(name)
        message_id, timestamp, signature = (request.headers[name] for name in names)
        message = signing.SignedMessage(message_id, timestamp, signature, request.body)
        verdict = signing.verify(self.secrets, message, now=now, tolerance=self.tolerance)
        if verdict is signing.Verdict.VALID:
            return None
        name, expected = _EXPECTED[verdict]
        return FieldError(f"header {name}", expected, verdict.value)

    def parse(self, request: Request) -> Payload:
        """Return what the mapping finds; the message's id makes it known again."""
        return read_mapped(self.mapping, request, request.headers.get(signing.ID_HEADER, ""))
