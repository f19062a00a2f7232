"""Where the processor's time went, by process."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # it comes without annotations


@dataclass(frozen=True)
class Spent:
    """How many seconds of a core a part took."""

    part: str
    seconds: float


class Meter:
    """Reads the processor time of named processes and of all that they started."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        """Begin to measure these process ids."""
        self._processes = dict(processes)
        self._before = self._read()

    def spent(self) -> list[Spent]:
        """Return what each part took since the beginning, the largest first."""
        after = self._read()
        spent = [Spent(part, after[part] - self._before[part]) for part in after]
        return sorted(spent, key=lambda one: -one.seconds)

    def _read(self) -> dict[str, float]:
        return {part: _seconds_of(pid) for part, pid in self._processes.items()}


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
