"""The service levels that run on a handoff: when each warns, is due, and was met or broken."""

from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from services.handoff.calendar import Calendar, Interval, due, moment_after, used
from services.handoff.terms import Level


class ClockKind(StrEnum):
    """The service levels of the agreement that sales must keep."""

    ACCEPT = "accept"
    FIRST_ATTEMPT = "first_attempt"


class Clock(NamedTuple):
    """One service level running for one owner, with the reason it is due when it is due."""

    kind: ClockKind
    started_at: datetime
    warns_at: datetime
    due_at: datetime
    allowed: timedelta
    intervals: tuple[Interval, ...]
    time_zone: str
    warned_at: datetime | None = None
    breached_at: datetime | None = None
    met_at: datetime | None = None

    @property
    def next_at(self) -> datetime | None:
        """Tell when something happens to it by itself; None when nothing does any more."""
        if self.met_at or self.breached_at:
            return None
        return self.due_at if self.warned_at else min(self.warns_at, self.due_at)

    def used_seconds(self, now: datetime, calendar: Calendar) -> int:
        """Count the whole business seconds used, up to when it was met."""
        return int(used(self.started_at, self.met_at or now, calendar).total_seconds())


@lru_cache(maxsize=1_024)
def start(level: Level | None, at: datetime, calendar: Calendar) -> tuple[Clock, ...]:
    """Start a tier's clocks; none without a service level.

    A batch starts its clocks at one moment, so each tier is counted once per batch.

    Raises:
        NoOpenHours: The calendar stays closed too long to ever be due.
    """
    if level is None:
        return ()
    allowances = {
        ClockKind.ACCEPT: level.accept,
        ClockKind.FIRST_ATTEMPT: level.first_attempt,
    }
    return tuple(
        _started(kind, allowed, level.warn_percent, at, calendar)
        for kind, allowed in allowances.items()
        if allowed > timedelta()
    )


def _started(
    kind: ClockKind, allowed: timedelta, warn_percent: int, at: datetime, calendar: Calendar
) -> Clock:
    end = due(at, allowed, calendar)
    return Clock(
        kind=kind,
        started_at=at,
        warns_at=moment_after(end.intervals, allowed * warn_percent / 100),
        due_at=end.at,
        allowed=allowed,
        intervals=end.intervals,
        time_zone=calendar.time_zone,
    )


def warned(clock: Clock, now: datetime) -> Clock:
    """Note that the warning was given."""
    return clock._replace(warned_at=now)


def breached(clock: Clock, now: datetime) -> Clock:
    """Note that it ran out."""
    return clock._replace(breached_at=now)


def met(clock: Clock, now: datetime) -> Clock:
    """Note that what it asked for was done."""
    return clock._replace(met_at=now)
