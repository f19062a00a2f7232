"""The receivers of Leadloop's webhooks in the story: the CRM, and marketing's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from leadloop import signing
from leadloop.attempts import Answer
from leadloop.clock import Clock
from services.demo.company import DOMAIN

CRM_URL = f"https://crm.{DOMAIN}/leadloop"
MARKETING_URL = f"https://marketing.{DOMAIN}/outcomes"
# What each of them wants to hear.
CRM_TYPES = (
    "HandoffRouted",
    "HandoffReassigned",
    "HandoffEscalated",
    "HandoffWithdrawn",
    "ClockBreached",
)
MARKETING_TYPES = ("LeadReturned", "DealWon", "DealLost")


@dataclass(frozen=True, slots=True)
class Received:
    """One event as a receiver read it.

    Attributes:
        type: The event's name, such as HandoffRouted.
        at: When it happened.
        data: The event as canonical protobuf JSON.
    """

    url: str
    type: str
    at: datetime
    data: Mapping[str, Any]


class ForgedDelivery(Exception):
    """A delivery's signature does not prove its sender."""


@dataclass
class Receivers:
    """Takes every delivery of the quarter: verified, each event once, kept until taken out.

    Attributes:
        secrets: The secret of each address, known once its endpoint is registered.
        repeated: How many deliveries came again.
    """

    clock: Clock
    secrets: dict[str, bytes] = field(default_factory=dict)
    repeated: int = 0
    _waiting: list[Received] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one delivery; stands in for HTTP in leadloop.delivery.

        Raises:
            ForgedDelivery: The signature is wrong, which would be a bug of the delivery.
        """
        message = signing.SignedMessage(
            headers[signing.ID_HEADER],
            headers[signing.TIMESTAMP_HEADER],
            headers[signing.SIGNATURE_HEADER],
            body,
        )
        verdict = signing.verify([self.secrets[url]], message, now=self.clock.now())
        if verdict is not signing.Verdict.VALID:
            raise ForgedDelivery(f"{url} refused {message.message_id}: {verdict.value}")
        self._keep(url, message.message_id, body)
        return Answer(204)

    def take(self) -> list[Received]:
        """Return what came since the last time, in the order it came."""
        taken, self._waiting = self._waiting, []
        return taken

    def _keep(self, url: str, message_id: str, body: bytes) -> None:
        if (url, message_id) in self._seen:
            self.repeated += 1
            return
        self._seen.add((url, message_id))
        content = orjson.loads(body)
        name = content["type"].rpartition(".")[2]
        at = datetime.fromisoformat(content["timestamp"])
        self._waiting.append(Received(url, name, at, content["data"]))
