"""A lead of the past: who it was, what it did, what came of it."""

from datetime import datetime
from typing import NamedTuple

from leadloop.conditions import Values
from services.scoring.definition import Activity


class Learned(NamedTuple):
    """All that was known of a lead from a moment on."""

    at: datetime
    facts: Values


class PastLead(NamedTuple):
    """One lead with its outcome.

    Attributes:
        at: Since when it was known; what it did before counts from then on.
        facts: What was known of it then, as conditions read it.
        activities: What it did until the outcome, by time and then by id.
        won: None while the outcome is open or can't be told.
        decided_at: When the outcome was known; None when that is not said.
        line: Where it stands in its file; 0 for a lead of our own ledger.
        learned: What became known later, by time; an export knows one state of a lead only.
    """

    lead_id: str
    at: datetime
    facts: Values
    activities: tuple[Activity, ...]
    won: bool | None
    decided_at: datetime | None = None
    line: int = 0
    learned: tuple[Learned, ...] = ()
