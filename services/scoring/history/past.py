"""A lead of the past: who it was, what it did, what came of it."""

from datetime import datetime
from typing import NamedTuple

from leadloop.conditions import Values
from services.scoring.definition import Activity


class PastLead(NamedTuple):
    """One lead with its outcome.

    Attributes:
        at: Since when it was known; what it did before counts from then on.
        facts: What is known of it, as conditions read it.
        activities: What it did until the outcome, by time and then by id.
        won: None while the outcome is open or can't be told.
        decided_at: When the outcome was known; None when that is not said.
        line: Where it stands in its file; 0 for a lead of our own ledger.
    """

    lead_id: str
    at: datetime
    facts: Values
    activities: tuple[Activity, ...]
    won: bool | None
    decided_at: datetime | None = None
    line: int = 0
