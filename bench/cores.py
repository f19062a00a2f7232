"""Where the processor's time went, by process."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # it comes without annotations


@dataclass(frozen=True)
class Share:
    """How many cores a part kept busy on average."""

    part: str
    cores: float


class Meter:
    """Reads the processor time of named processes and of all that they started."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        """Begin to measure these process ids."""
        self._processes = dict(processes)
        self._began = time.monotonic()
        self._before = self._read()

    def shares(self) -> list[Share]:
        """Return each part's share since the beginning, the largest first."""
        seconds = time.monotonic() - self._began
        after = self._read()
        shares = [Share(part, (after[part] - self._before[part]) / seconds) for part in after]
        return sorted(shares, key=lambda share: -share.cores)

    def _read(self) -> dict[str, float]:
        return {part: _seconds_of(pid) for part, pid in self._processes.items()}


def total(shares: Sequence[Share]) -> float:
    """Return how many cores all parts kept busy together."""
    return sum(share.cores for share in shares)


def _seconds_of(pid: int) -> float:
    """Return the processor seconds of a process and all its descendants, also ended ones."""
    family = [psutil.Process(pid)]
    family += family[0].children(recursive=True)
    total = 0.0
    for member in family:
        try:
            spent = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return total
