"""What a webhook endpoint may be, as pure checks: its URL, its event types, its secret."""

from collections.abc import Sequence
from dataclasses import dataclass

from leadloop import signing
from leadloop.errors import FieldError, Rejected
from leadloop.events import EVENT_TYPES, route_of
from leadloop.posting import refusal


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """What endpoints of one service may be.

    Attributes:
        topic: Whose events are sent to them.
        allow_private: Take http and private addresses, for development and demos.
    """

    topic: str
    allow_private: bool = False

    def sent(self) -> dict[str, str]:
        """Return the full names of the event types that are sent, by their last parts."""
        return {_last(name): name for name in EVENT_TYPES if _topic(name) == self.topic}

    def types(self, names: Sequence[str]) -> list[str]:
        """Return the full names of event types; the last part of a name is enough.

        Raises:
            Rejected: One of them is not sent to these endpoints.
        """
        sent = self.sent()
        errors = [
            FieldError(f"/event_types/{nth}", f"one of {', '.join(sorted(sent))}", _told(name))
            for nth, name in enumerate(names)
            if name not in sent and name not in sent.values()
        ]
        if errors:
            raise Rejected("An event type is not sent to these endpoints.", *errors)
        return sorted({sent.get(name, name) for name in names})

    def url(self, url: str) -> str:
        """Return the URL.

        Raises:
            Rejected: Webhooks can't go there.
        """
        refused = refusal(url, allow_private=self.allow_private)
        if refused is None:
            return url
        expected = (
            "an http or https URL" if self.allow_private else "an https URL of a public host"
        )
        raise Rejected(
            "Webhooks can't go to this URL.",
            FieldError("/url", expected, f"a URL, but {refused}"),
        )


def check_secret(secret: str) -> str:
    """Return the secret.

    Raises:
        Rejected: It can't be used.
    """
    try:
        signing.decode_secret(secret)
    except ValueError as error:
        expected = "whsec_ and base64 of 24 to 64 bytes"
        raise Rejected(
            "The secret can't be used.", FieldError("/secret", expected, "another text")
        ) from error
    return secret


def _told(name: str) -> str:
    """Say what was found; a name only when it is one of ours."""
    for full in EVENT_TYPES:
        if name in {full, _last(full)}:
            return f"{_last(full)}, an event of {_topic(full)}"
    return "another name"


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _topic(name: str) -> str:
    return route_of(EVENT_TYPES[name]).topic
