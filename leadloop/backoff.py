"""How long to wait before the next try, as pure functions of the tries so far."""

from datetime import timedelta
from random import Random

# Standard Webhooks' example, after a first attempt at once: some 75 hours in all.
WEBHOOK_SCHEDULE: tuple[timedelta, ...] = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# The share of a delay that may be added, so that what failed together returns apart.
JITTER = 0.1
# 2 ** 32 times any first delay is past any cap; a larger power only overflows.
_DOUBLINGS_MAX = 32


def delay(attempt: int, schedule: tuple[timedelta, ...], random: Random) -> timedelta | None:
    """Return how long to wait after this many failed attempts, or None to give up.

    A delay is never shorter than the schedule's, and at most a tenth longer.

    >>> two = (timedelta(seconds=5), timedelta(minutes=5))
    >>> timedelta(seconds=5) <= delay(1, two, Random(7)) <= timedelta(seconds=5.5)
    True
    >>> timedelta(minutes=5) <= delay(2, two, Random(7)) <= timedelta(minutes=5.5)
    True
    >>> delay(3, two, Random(7)) is None
    True
    """
    if attempt > len(schedule):
        return None
    return schedule[max(attempt, 1) - 1] * (1 + JITTER * random.random())


def exponential(
    failures: int, *, first: timedelta, cap: timedelta, random: Random
) -> timedelta:
    """Return a pause that doubles with each failure in a row, between half and all of it.

    >>> second, minute = timedelta(seconds=1), timedelta(minutes=1)
    >>> pause = exponential(3, first=second, cap=minute, random=Random(7))
    >>> timedelta(seconds=2) <= pause <= timedelta(seconds=4)
    True
    >>> exponential(1_000_000, first=second, cap=minute, random=Random(7)) <= minute
    True
    """
    doublings = min(max(failures, 1) - 1, _DOUBLINGS_MAX)
    # Compared as numbers: a timedelta of too many days raises OverflowError.
    seconds = min(first.total_seconds() * 2**doublings, cap.total_seconds())
    return timedelta(seconds=seconds * (0.5 + random.random() / 2))
