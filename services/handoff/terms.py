"""What one version of the agreement asks of a handoff, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.handoff.calendar import Calendar


class Consequence(StrEnum):
    """What follows from a reason."""

    RETURN = "return"
    REROUTE = "reroute"
    DISQUALIFY = "disqualify"


@dataclass(frozen=True, slots=True)
class Level:
    """What sales owes a lead of one tier, in business time; zero means nothing was agreed."""

    accept: timedelta
    first_attempt: timedelta
    warn_percent: int


@dataclass(frozen=True, eq=False)
class Terms:
    """One version of the agreement; compared by identity, as its calendar is."""

    version: int
    calendar: Calendar
    levels: Mapping[str, Level]
    reasons: Mapping[str, Consequence]
    reassign_max: int

    def codes(self, *consequences: Consequence) -> tuple[str, ...]:
        """List the reason codes with one of these consequences, in the agreement's order."""
        return tuple(code for code, one in self.reasons.items() if one in consequences)
