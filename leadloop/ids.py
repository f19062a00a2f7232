"""Identifiers that sort by time and can be reproduced from a seed."""

from datetime import datetime
from random import Random, SystemRandom

_RANDOM_BITS = 74
_SEED_BITS = 256


class Ids:
    """Makes UUIDs of version 7 (RFC 9562, 5.7): 48 bits of milliseconds, 74 random ones.

    Neighbours in time are neighbours in an index, and a seeded source gives the same
    identifiers again, so that a run in virtual time can be repeated byte for byte.
    """

    def __init__(self, random: Random | None = None) -> None:
        """Draw from `random`, or from the operating system when None."""
        # Unique, not secret: a generator with a random seed will do, and spares system calls.
        self._random = random or Random(SystemRandom().getrandbits(_SEED_BITS))  # noqa: S311 (as said)

    def new(self, now: datetime) -> str:
        """Return a new identifier as canonical text."""
        milliseconds = int(now.timestamp() * 1000)
        noise = self._random.getrandbits(_RANDOM_BITS)
        high, low = noise >> 62, noise & ((1 << 62) - 1)
        value = milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low
        digits = f"{value:032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
