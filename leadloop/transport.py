"""Two ways to bring records to those who handle them, one meaning.

Kafka: records are kept by a broker; each group reads them at its own pace. Local: one process,
no broker; a record is handled by every group before it counts as published, so that the outbox
keeps it until then. In both, records of one key stay in order and may come more than once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from leadloop.loop import sleep_until_woken
from leadloop.records import Record

NOTHING_TO_READ_EVERY = timedelta(seconds=5)
# How long records may gather before they are handed over. Every batch, whatever its size, costs
# a transaction here and requests at the broker.
PROMPT = timedelta(milliseconds=20)
PATIENT = timedelta(milliseconds=500)
# What the name of a service's patient group ends in.
PATIENTLY = "-patiently"

Handle = Callable[[Sequence[Record]], Awaitable[None]]


class Transport(Protocol):
    """Publishes records and hands them to groups."""

    async def publish(self, records: Sequence[Record]) -> None:
        """Return once the records can't be lost any more; they keep their order per key.

        Raises:
            Retry: They may not have arrived; publish all of them again later.
        """
        ...

    def subscribe(
        self, group: str, topics: Sequence[str], handle: Handle, *, hold: timedelta = PROMPT
    ) -> None:
        """Hand all records of `topics` to `handle`, in batches, again until it returns.

        An empty batch only says that there is nothing to read now.

        Args:
            group: Who reads; each group gets every record.
            topics: What it reads.
            handle: Takes a batch.
            hold: How long the broker may let a batch gather.
        """
        ...

    async def start(self) -> None:
        """Connect."""
        ...

    async def run(self) -> None:
        """Hand records on until cancelled; raise when a group must stop."""
        ...

    async def stop(self) -> None:
        """Finish what is under way and disconnect."""
        ...


@dataclass
class _Group:
    """One group of the Local transport; its batches are handled one at a time."""

    topics: frozenset[str]
    handle: Handle
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class LocalTransport:
    """Hands records to the groups of this process; publishing ends when all have them."""

    def __init__(self) -> None:
        """Start without groups."""
        self._groups: dict[str, _Group] = {}

    async def publish(self, records: Sequence[Record]) -> None:
        """Let every group handle the records of its topics."""
        for group in self._groups.values():
            wanted = [record for record in records if record.topic in group.topics]
            if wanted:
                async with group.turn:
                    await group.handle(wanted)

    def subscribe(
        self, group: str, topics: Sequence[str], handle: Handle, *, hold: timedelta = PROMPT
    ) -> None:
        """Add a group; those that subscribe later do not see earlier records.

        Nothing gathers here: a batch is handed over as it is published.
        """
        self._groups[group] = _Group(frozenset(topics), handle)

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def run(self) -> None:
        """Tell the groups that nothing waits, now and then; publishing does the work."""
        while True:
            for group in self._groups.values():
                async with group.turn:
                    await group.handle(())
            await sleep_until_woken(asyncio.Event(), NOTHING_TO_READ_EVERY)

    async def stop(self) -> None:
        """Do nothing: nothing is under way once publishing has returned."""
