"""Plain JSON: any sender that can set a header and that a mapping in YAML can describe."""

import binascii
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from leadloop.errors import FieldError
from services.intake.message import Payload, Request
from services.intake.senders.mapping import FieldMap, read_mapped
from services.intake.senders.sender import (
    hmac_sha256,
    is_equal,
    missing_header,
)

IDEMPOTENCY_KEY = "idempotency-key"
Scheme = Literal["hex", "base64", "token"]


@dataclass(frozen=True, slots=True)
class Proof:
    """How a plain sender proves itself.

    Attributes:
        header: The header's name, in lower case.
        scheme: An HMAC-SHA256 of the body in hex or base64, or the secret itself as a token.
        prefix: What stands before it in the header, such as "sha256=" or "Bearer ".
    """

    header: str
    scheme: Scheme
    prefix: str = ""

    @property
    def is_bearer(self) -> bool:
        """Say whether it is a token where HTTP has it."""
        return self.scheme == "token" and self.header == "authorization"


@dataclass(frozen=True, slots=True)
class Plain:
    """A sender of any JSON; an empty secret takes unsigned requests."""

    secret: str = field(repr=False)
    proof: Proof
    mapping: FieldMap
    kept_headers: tuple[str, ...] = (IDEMPOTENCY_KEY,)

    def verify(self, request: Request, now: datetime) -> FieldError | None:
        """Return why the header does not prove the sender, None when it does."""
        if not self.secret:
            return None
        found = request.headers.get(self.proof.header, "")
        if not found:
            is_token = self.proof.scheme == "token"
            return missing_header(self.proof.header, "a token" if is_token else "a signature")
        if not is_equal(self.proof.prefix + self._expected(request.body), found):
            return self._wrong()
        return None

    def parse(self, request: Request) -> Payload:
        """Return what the mapping finds; an Idempotency-Key makes the request known again."""
        key = request.headers.get(IDEMPOTENCY_KEY, "").strip('"')
        return read_mapped(self.mapping, request, key)

    def _wrong(self) -> FieldError:
        """Return the error of a header that proves nothing, with how it must begin."""
        prefix = self.proof.prefix
        if self.proof.scheme == "token":
            expected = f"{prefix!r} and the source's token" if prefix else "the source's token"
            return FieldError(f"header {self.proof.header}", expected, "another one")
        before = f"{prefix!r} and the " if prefix else "the "
        expected = f"{before}{self.proof.scheme} HMAC-SHA256 of this body under the secret"
        return FieldError(f"header {self.proof.header}", expected, "another one")

    def _expected(self, body: bytes) -> str:
        """Return what the header must hold after its prefix."""
        if self.proof.scheme == "token":
            return self.secret
        digest = hmac_sha256(self.secret, body)
        if self.proof.scheme == "hex":
            return digest.hex()
        return binascii.b2a_base64(digest, newline=False).decode()
