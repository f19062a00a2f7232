"""How long work on this machine stood still for want of the processor or the disk."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

# Linux's pressure stall information, in microseconds since the machine started:
# https://docs.kernel.org/accounting/psi.html
PRESSURE: Final = Path("/proc/pressure")
MICROSECONDS_PER_S: Final = 1e6


class Stalled(NamedTuple):
    """Shares of a time, 0 to 1; None where the machine does not tell.

    Attributes:
        processor: Something was ready to run and had no core.
        disk: All that was not idle waited for the disk: nothing went on.
    """

    processor: float | None
    disk: float | None


class Pressure:
    """Knows how much of the time since it was made work stood still."""

    def __init__(
        self, folder: Path = PRESSURE, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to measure.

        Args:
            folder: Where the machine tells of its stalls.
            seconds: The time by a clock that never goes back.
        """
        self._folder = folder
        self._now = seconds
        self._began = seconds()
        self._before = self._read()

    def stalled(self) -> Stalled:
        """Return the shares of the time since the beginning."""
        seconds = self._now() - self._began
        pairs = zip(self._before, self._read(), strict=True)
        return Stalled(
            *(
                None if before is None or after is None else (after - before) / seconds
                for before, after in pairs
            )
        )

    def _read(self) -> tuple[float | None, float | None]:
        return self._seconds("cpu", "some"), self._seconds("io", "full")

    def _seconds(self, resource: str, kind: str) -> float | None:
        """Return the seconds of a line `kind avg10=… avg60=… avg300=… total=…`."""
        try:
            lines = (self._folder / resource).read_text().splitlines()
        except OSError:
            return None
        for line in lines:
            named, *fields = line.split()
            if named == kind:
                return int(fields[-1].partition("=")[2]) / MICROSECONDS_PER_S
        return None
