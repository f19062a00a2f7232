"""What can happen to a handoff, as values; each becomes one event of handoffs.v1."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.handoff.clocks import Clock
from services.handoff.routing import Candidate, Person


class Channel(StrEnum):
    """How sales tried to reach a person."""

    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    MESSAGE = "message"


class AttemptResult(StrEnum):
    """What an attempt came to."""

    NO_ANSWER = "no_answer"
    LEFT_MESSAGE = "left_message"
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True)
class Routed:
    """A handoff began, with an owner or in the queue."""

    owner: Person | None
    candidates: tuple[Candidate, ...]
    behind: int
    clocks: tuple[Clock, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Someone agreed to work the lead."""

    actor: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Sales refuses the lead, with a reason of the agreement."""

    actor: str
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class Attempted:
    """Someone tried to reach the person; `attempt` counts from 1."""

    actor: str
    channel: Channel
    result: AttemptResult
    note: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Warned:
    """A clock used up the share that the agreement warns at."""

    clock: Clock
    owner: Person | None


@dataclass(frozen=True, slots=True)
class Breached:
    """A clock ran out."""

    clock: Clock
    owner: Person | None


@dataclass(frozen=True, slots=True)
class Met:
    """What a clock asked for was done, late when it had run out before."""

    clock: Clock
    owner: Person | None
    used_seconds: int
    is_late: bool


@dataclass(frozen=True, slots=True)
class Reassigned:
    """It went from one person (None: the queue) to another (None: the queue)."""

    previous: Person | None
    owner: Person | None
    reason: str
    candidates: tuple[Candidate, ...]
    behind: int
    clocks: tuple[Clock, ...]


@dataclass(frozen=True, slots=True)
class Escalated:
    """It needs a manager."""

    owner: Person | None
    reason: str


@dataclass(frozen=True, slots=True)
class Recycled:
    """An accepted lead goes back to marketing."""

    actor: str
    reason: str
    note: str
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class Converted:
    """An accepted lead became an opportunity."""

    actor: str
    deal_id: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The lead may no longer be worked."""

    reason: str


Fact = (
    Routed
    | Accepted
    | Refused
    | Attempted
    | Warned
    | Breached
    | Met
    | Reassigned
    | Escalated
    | Recycled
    | Converted
    | Withdrawn
)
