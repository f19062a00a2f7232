"""Say often-repeated things seldom: once in a while each, with a count of what was left out."""

from collections.abc import Callable, Hashable
from datetime import timedelta
from time import monotonic

# Who makes up more keys than these is told apart from nobody: all are let through anew.
KEYS_MAX = 1_000


class Seldom:
    """Lets one of many alike through in a while."""

    def __init__(self, every: timedelta, clock: Callable[[], float] = monotonic) -> None:
        """Let one through `every` so often; `clock` tells seconds that never go back."""
        self._seconds = every.total_seconds()
        self._clock = clock
        self._let_at: dict[Hashable, float] = {}
        self._left_out: dict[Hashable, int] = {}

    def left_out(self, key: Hashable) -> int | None:
        """Return how many of this key were left out before this one; None leaves it out too."""
        now = self._clock()
        let_at = self._let_at.get(key)
        if let_at is not None and now - let_at < self._seconds:
            self._left_out[key] += 1
            return None
        if len(self._let_at) >= KEYS_MAX:
            self._let_at.clear()
            self._left_out.clear()
        before = self._left_out.get(key, 0)
        self._let_at[key], self._left_out[key] = now, 0
        return before
