"""What events tell about leads, as a batch takes it."""

from datetime import datetime
from typing import NamedTuple

from leadloop.v1 import lead_pb2
from services.scoring.cycles import Cycle


class Seen(NamedTuple):
    """What an event told about a lead; None where it told nothing.

    Attributes:
        lead: The lead, as the contract serialises it.
        touch: A touch, likewise.
        received_at: When intake received it.
    """

    lead: bytes | None = None
    touch: bytes | None = None
    activity: lead_pb2.Activity | None = None
    received_at: datetime | None = None


class Told(NamedTuple):
    """An activity, by the record that it came in under."""

    record_id: str
    activity: lead_pb2.Activity


class Stands(NamedTuple):
    """How a lead stands once records were parted, or activities quarantined.

    Attributes:
        lead: As the contract serialises it; None when it is as before.
        cycle: None when it is as before.
        parts: Records that it stands for besides its own.
    """

    lead_id: str
    parts: int
    lead: bytes | None = None
    cycle: Cycle | None = None
