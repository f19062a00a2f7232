"""Move whole services through virtual time: do what is due, until nothing is; jump; again.

The demo, the simulator and the tests use it. Everything runs in one process over the Local
transport, one thing at a time, so that a run can be repeated byte for byte.
"""

from collections.abc import Sequence
from datetime import datetime

from leadloop.clock import VirtualClock
from leadloop.relay import Relay
from leadloop.service import Service
from leadloop.transport import LocalTransport

PASSES_MAX = 100_000


class Stepper:
    """Runs the loops of services by hand."""

    def __init__(
        self, services: Sequence[Service], transport: LocalTransport, clock: VirtualClock
    ) -> None:
        """Take over `services`, which must not run by themselves, and connect their groups."""
        self.clock = clock
        for service in services:
            service.subscribe(transport)
        # In the order of the loop, each relay last: what a service does at one moment travels
        # together, and one pass takes it through all services.
        self._loops = [
            (loop, service.database.wake_of(loop.name))
            for service in services
            for loop in sorted(
                service.all_loops(transport), key=lambda loop: isinstance(loop, Relay)
            )
        ]
        self._due: dict[int, datetime | None] = {}
        for _, wake in self._loops:
            wake.set()

    async def settle(self) -> int:
        """Run every loop that has work, until none has; return how many things were done."""
        done = 0
        for _ in range(PASSES_MAX):
            is_idle = True
            for index in range(len(self._loops)):
                if self._has_work(index):
                    is_idle = False
                    done += await self._run(index)
            if is_idle:
                return done
        raise RuntimeError(f"expected the loops to come to rest within {PASSES_MAX} passes")

    async def advance_to(self, moment: datetime) -> int:
        """Settle, then jump from due time to due time, up to `moment`; count things done."""
        done = await self.settle()
        while (due := self.next_due()) is not None and due <= moment:
            self.clock.advance_to(due)
            done += await self.settle()
        self.clock.advance_to(moment)
        return done + await self.settle()

    async def close(self) -> None:
        """Let the relays give their connections back, before the services are closed."""
        for loop, _ in self._loops:
            if isinstance(loop, Relay):
                await loop.close()

    def next_due(self) -> datetime | None:
        """Return when the next loop has something to do; None when nothing is planned."""
        return min((due for due in self._due.values() if due is not None), default=None)

    def _has_work(self, index: int) -> bool:
        """Say whether a loop was woken or has come due."""
        due = self._due.get(index)
        return self._loops[index][1].is_set() or (due is not None and due <= self.clock.now())

    async def _run(self, index: int) -> int:
        """Run one loop until it is idle, then note when it is due next."""
        loop, wake = self._loops[index]
        wake.clear()
        done = 0
        while count := await loop.run_once(self.clock.now()):
            done += count
        self._due[index] = await loop.next_due(self.clock.now())
        return done
