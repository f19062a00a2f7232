"""Identifiers that sort by time and can be reproduced from a seed."""

from datetime import datetime
from random import Random, SystemRandom

_RANDOM_BITS = 74
# The top bit is left for those of the same millisecond, which count up from the first one.
_FIRST_BITS = _RANDOM_BITS - 1
_STEP_BITS = 32
# Transactions that began at other moments draw in between; so many moments are remembered.
_MOMENTS_MAX = 256
_SEED_BITS = 256


class Ids:
    """Makes UUIDs of version 7 (RFC 9562, 5.7): 48 bits of milliseconds, 74 random ones.

    Neighbours in time are neighbours in an index. Those drawn here within one millisecond sort
    in the order they were drawn, so that what one transaction did is told in its order. A
    seeded source gives the same identifiers again: a run in virtual time can be repeated byte
    for byte.
    """

    def __init__(self, random: Random | None = None) -> None:
        """Draw from `random`, or from the operating system when None."""
        # Unique, not secret: a generator with a random seed will do, and spares system calls.
        self._random = random or Random(SystemRandom().getrandbits(_SEED_BITS))  # noqa: S311 (as said)
        self._newest: dict[int, int] = {}

    def new(self, now: datetime) -> str:
        """Return a new identifier as canonical text."""
        milliseconds = int(now.timestamp() * 1000)
        noise = self._noise(milliseconds)
        high, low = noise >> 62, noise & ((1 << 62) - 1)
        value = milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low
        digits = f"{value:032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _noise(self, milliseconds: int) -> int:
        """Return random bits, above those of the identifier before within one millisecond."""
        before = self._newest.get(milliseconds)
        if before is None:
            if len(self._newest) == _MOMENTS_MAX:
                del self._newest[next(iter(self._newest))]
            noise = self._random.getrandbits(_FIRST_BITS)
        else:
            noise = before + 1 + self._random.getrandbits(_STEP_BITS)
        self._newest[milliseconds] = noise
        return noise
