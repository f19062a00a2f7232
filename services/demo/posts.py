"""One request of a sender, and what the senders' formats share."""

import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.demo.company import Sender
from services.demo.journeys import Step
from services.demo.people import Person

JSON_HEADER = ("content-type", "application/json")
# Where the senders' own ids of contacts begin.
IDS_FROM = 1_000


@dataclass(frozen=True, slots=True)
class Post:
    """One request to /hooks/{source}."""

    source: Sender
    headers: tuple[tuple[str, str], ...]
    body: bytes


def cut(steps: Sequence[Step], most: int) -> Iterable[Sequence[Step]]:
    """Cut steps into batches of at most so many."""
    return (steps[start : start + most] for start in range(0, len(steps), most))


def milliseconds(moment: datetime) -> int:
    """Return a moment in milliseconds since 1970."""
    return int(moment.timestamp() * 1_000)


def base64(digest: bytes) -> str:
    """Return a digest as the headers of webhooks carry it."""
    return binascii.b2a_base64(digest, newline=False).decode()


def right_phone(person: Person) -> str:
    """Return the number that marketing found out when the first one was wrong."""
    return f"+4917139200{person.number % 100:02}"
