"""The only place that asks what time it is."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time, aware and in UTC."""

    def now(self) -> datetime:
        """Return the present moment."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)


class VirtualClock:
    """A time that moves only when told, for the demo, simulations and tests."""

    def __init__(self, start: datetime) -> None:
        """Begin at `start`, which must be aware."""
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment last set."""
        return self._now

    def advance_to(self, moment: datetime) -> None:
        """Move on to `moment`; time never goes back, an earlier one changes nothing."""
        self._now = max(self._now, moment.astimezone(UTC))
