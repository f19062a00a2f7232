"""The refusals a caller can act on; anything else that is raised is a bug."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, NamedTuple


class FieldError(NamedTuple):
    """What was wrong with one field: where it is, what was expected, what was found."""

    # A JSON Pointer into the body ("/lead/email"), or place and name ("header x-signature").
    pointer: str
    expected: str
    found: str


class Problem(Exception):
    """A refusal with an HTTP status and, where it helps, the fields that caused it.

    Attributes:
        detail: What happened this time, without personal data.
        errors: One entry a field that was wrong.
        retry_after_seconds: When the caller may try again; None when that would not help.
        members: What the answer says besides, for programs.
        challenge: How a caller proves itself, as HTTP calls it; empty when that has no name.
    """

    members: Mapping[str, str] = MappingProxyType({})
    challenge: str = ""
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self, detail: str, *errors: FieldError, retry_after_seconds: int | None = None
    ) -> None:
        """Keep the refusal's parts."""
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds


class Malformed(Problem):
    """The request can't be read at all."""

    status = 400
    title = "Malformed request"


class Unauthorized(Problem):
    """Who sent this is not proven."""

    status = 401
    title = "Not authenticated"
    challenge = "Bearer"


class Forbidden(Problem):
    """The sender is known and may not do this."""

    status = 403
    title = "Not allowed"


class NotFound(Problem):
    """There is no such thing."""

    status = 404
    title = "Not found"


class Conflict(Problem):
    """The request is sound, but it does not fit how things stand; often it came too late."""

    status = 409
    title = "Conflict with the present state"


class TooLarge(Problem):
    """The body is over its limit."""

    status = 413
    title = "Body too large"


class UnsupportedMedia(Problem):
    """The body is in a form that is not read here."""

    status = 415
    title = "Unsupported media type"


class Rejected(Problem):
    """The content is wrong and will stay wrong: an HTTP 422, or an event to park."""

    status = 422
    title = "Invalid content"


class Overloaded(Problem):
    """There is no room now; the sender should come back."""

    status = 503
    title = "Overloaded"


class Unavailable(Problem):
    """What this needs is away; the sender should come back."""

    status = 503
    title = "Not available now"


class Retry(Exception):
    """It did not work now and may work later: the batch is handled again after a pause."""
