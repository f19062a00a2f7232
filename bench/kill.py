"""Leads posted while every part of the loop is killed at random: none lost, none doubled."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Annotated, Final

import typer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bench import ground, report
from bench.leads import number_in
from bench.poster import Posted
from bench.receiver import Delivery
from bench.whole import Posting, Whole, wait_for
from deploy.stack import ROOMS
from leadloop.postgres import DATABASE

PARTS: Final = (*ROOMS, "broker", "postgres")
DOWN_SECONDS: Final = (1.0, 3.0)
LOOK_EVERY_SECONDS: Final = 0.1
SILENCE_SECONDS: Final = 120.0

# Services never read each other's schemas; a check from outside may.
_CYCLES = text("""
SELECT email, count(handoffs.id), count(DISTINCT leads.id)
FROM intake.leads LEFT JOIN handoff.handoffs ON handoffs.lead_id = leads.id
GROUP BY email
""")

_LEFT: Final = """
SELECT (SELECT count(*) FROM intake.outbox) + (SELECT count(*) FROM scoring.outbox)
    + (SELECT count(*) FROM handoff.outbox)
    + (SELECT count(*) FROM handoff.deliveries WHERE state = 'pending')
"""


@dataclass(frozen=True)
class Sizes:
    """How much is posted, and how often a part is killed meanwhile.

    Attributes:
        leads: How many are posted.
        kills: How many times a part is killed, at least once.
        connections: Of the sender.
        kill_seconds: One kill in so long; the sender's pace follows from it.
        parts: Which parts are killed in turn.
    """

    leads: int = 20_000
    kills: int = 20
    connections: int = 32
    kill_seconds: float = 10.0
    parts: Sequence[str] = PARTS


@dataclass(frozen=True)
class Figures:
    """What came of it.

    Attributes:
        leads: Got a 2xx.
        kills: Parts that were ended with SIGKILL while leads were posted.
        lost: Leads with a 2xx and without a handoff, or without a delivery.
        doubled: Leads with more than one handoff, or delivered under more than one webhook-id.
        repeated: Deliveries that came again, under the same webhook-id.
        posted_again: Leads that needed more than one attempt to get their 2xx.
        ended_by_themselves: Services that ended without being killed.
    """

    leads: int
    kills: int
    lost: int
    doubled: int
    repeated: int
    posted_again: int
    ended_by_themselves: int


@dataclass
class Havoc:
    """What was done to the parts."""

    kills: Counter[str]
    ended_by_themselves: Counter[str]


class Killer:
    """Ends one part after the other and brings it back."""

    def __init__(self, whole: Whole, seed: int) -> None:
        """Choose moments by the seed."""
        self._stack = whole.stack
        self._random = Random(seed)
        self.havoc = Havoc(Counter(), Counter())

    def strike(self, part: str) -> None:
        """Kill, wait a random while, start again."""
        self._stack.kill(part)
        self.havoc.kills[part] += 1
        until = time.monotonic() + self._random.uniform(*DOWN_SECONDS)
        self.watch(lambda: time.monotonic() >= until, dead=part)
        self._stack.restart(part, wait=False)

    def watch(self, is_over: Callable[[], bool], dead: str = "") -> None:
        """Look after the services until something is over."""
        while not is_over():
            self.revive(dead)
            time.sleep(LOOK_EVERY_SECONDS)

    def plan(self, sizes: Sizes) -> list[tuple[int, str]]:
        """Return after how many leads which part is killed: all about equally often."""
        parts = [sizes.parts[n % len(sizes.parts)] for n in range(sizes.kills)]
        self._random.shuffle(parts)
        share = sizes.leads / sizes.kills
        moments = [int(share * (n + self._random.random())) for n in range(sizes.kills)]
        return list(zip(moments, parts, strict=True))

    def revive(self, dead: str = "") -> None:
        """Start services again that ended without being killed, as any supervisor would."""
        for name, child in self._stack.services.items():
            if name != dead and not child.is_running:
                self.havoc.ended_by_themselves[name] += 1
                self._stack.restart(name, wait=False)


@dataclass(frozen=True)
class Found:
    """What is compared.

    Attributes:
        taken: Leads with a 2xx.
        handoffs: By lead, how many handoff cycles there are.
        identities: By lead, how many leads intake made of it.
        webhook_ids: By lead, the webhook-ids of its deliveries, one for each delivery.
    """

    taken: frozenset[int]
    handoffs: Mapping[int, int]
    identities: Mapping[int, int]
    webhook_ids: Mapping[int, Sequence[str]]

    def lost(self) -> set[int]:
        """Return the leads that were promised and are missing somewhere."""
        handed_over = {number for number, count in self.handoffs.items() if count}
        return set(self.taken - handed_over) | set(self.taken - self.webhook_ids.keys())

    def doubled(self) -> set[int]:
        """Return the leads that exist more than once somewhere."""
        twice = {number for number, count in self.handoffs.items() if count > 1}
        twice |= {number for number, count in self.identities.items() if count > 1}
        return twice | {n for n, ids in self.webhook_ids.items() if len(set(ids)) > 1}

    def repeated(self) -> int:
        """Return how many deliveries came again under the same webhook-id."""
        return sum(len(ids) - len(set(ids)) for ids in self.webhook_ids.values())


def measure(whole: Whole, sizes: Sizes, seed: int = 1) -> tuple[Figures, Havoc]:
    """Post leads, kill parts meanwhile, let the loop finish, then compare the sets."""
    killer, before = Killer(whole, seed), whole.delivered()
    posting = whole.poster(
        "posted",
        *("--count", str(sizes.leads), "--connections", str(sizes.connections)),
        *("--rate", str(sizes.leads / (sizes.kills * sizes.kill_seconds)), "--waits"),
    )
    while_posting = _strike(killer, posting, sizes)
    posted = _drain(whole, killer, posting, before, sizes.leads)
    found = found_in(posted, asyncio.run(_cycles(whole)), whole.deliveries())
    return _figures(found, posted, while_posting, killer.havoc), killer.havoc


def _strike(killer: Killer, posting: Posting, sizes: Sizes) -> int:
    """Kill parts one after the other; return how often it hit while leads were posted."""
    hits = 0
    with report.Steps("kills", sizes.kills) as steps:
        for done, (moment, part) in enumerate(killer.plan(sizes)):
            steps.show(done, f"next: {part}; {posting.count():,} leads taken")
            killer.watch(partial(posting.has_taken, moment))
            hits += posting.child.is_running
            killer.strike(part)
    return hits


def _drain(whole: Whole, killer: Killer, posting: Posting, before: int, leads: int) -> Posted:
    """Wait until all is taken, delivered and settled, or until nothing moves."""

    def taken() -> int:
        killer.revive()
        return posting.count()

    def delivered() -> int:
        killer.revive()
        return whole.delivered() - before

    def settled() -> int:
        # A delivery whose answer was not recorded comes again when its lease has ended; a lead
        # that is doubled somewhere on the way may come out late.
        return leads - int(whole.stack.postgres.sql(_LEFT, database=DATABASE))

    stages = (("leads taken", taken), ("leads delivered", delivered), ("settled", settled))
    for what, count in stages:
        with report.Steps(what, leads) as steps:
            wait_for(count, leads, silence_seconds=SILENCE_SECONDS, steps=steps)
    return posting.finish()


async def _cycles(whole: Whole) -> list[tuple[str, int, int]]:
    """Ask the database for each person's handoffs and leads."""
    engine = create_async_engine(whole.stack.postgres.url_of(DATABASE))
    async with engine.connect() as connection:
        rows = (await connection.execute(_CYCLES)).all()
    await engine.dispose()
    return [(email, cycles, identities) for email, cycles, identities in rows]


def found_in(
    posted: Posted, cycles: Sequence[tuple[str, int, int]], deliveries: Sequence[Delivery]
) -> Found:
    """Bring what the sender, the database and the CRM say to the leads' numbers."""
    by_number = {number_in(email.encode()): counts for email, *counts in cycles}
    webhook_ids: dict[int, list[str]] = {}
    for delivery in deliveries:
        webhook_ids.setdefault(delivery.number, []).append(delivery.webhook_id)
    return Found(
        taken=frozenset(taken.number for taken in posted.taken),
        handoffs={n: counts[0] for n, counts in by_number.items() if n is not None},
        identities={n: counts[1] for n, counts in by_number.items() if n is not None},
        webhook_ids=webhook_ids,
    )


def _figures(found: Found, posted: Posted, kills: int, havoc: Havoc) -> Figures:
    return Figures(
        leads=len(found.taken),
        kills=kills,
        lost=len(found.lost()),
        doubled=len(found.doubled()),
        repeated=found.repeated(),
        posted_again=sum(taken.attempts > 1 for taken in posted.taken),
        ended_by_themselves=havoc.ended_by_themselves.total(),
    )


app = report.command_line()


@app.command()
def main(
    leads: Annotated[int, typer.Option(help="How many are posted.")] = 20_000,
    kills: Annotated[int, typer.Option(help="How often a part is killed.", min=1)] = 20,
    connections: Annotated[int, typer.Option(help="How many posts at once.")] = 32,
    seed: Annotated[int, typer.Option(help="Chooses parts and moments.")] = 1,
    keep: Annotated[bool, typer.Option(help="Keep data and logs under .bench/.")] = False,
) -> None:
    """Kill services, broker and database while leads are posted; compare what came of each."""
    with ground.folder_of("kill", keep=keep) as folder, Whole(folder) as whole:
        figures, havoc = measure(whole, Sizes(leads, kills, connections), seed)
    _present(figures, havoc)


def _present(figures: Figures, havoc: Havoc) -> None:
    rows = [(part, havoc.kills[part], havoc.ended_by_themselves[part]) for part in PARTS]
    report.table("What was killed", ("", "kill -9", "ended by itself"), rows)
    report.table(
        "What came of the leads",
        ("", "leads"),
        [
            ("got a 2xx", figures.leads),
            ("of these, posted more than once", figures.posted_again),
            ("lost", figures.lost),
            ("doubled", figures.doubled),
            ("delivered again under the same id", figures.repeated),
        ],
    )
    report.last_line(figures)


if __name__ == "__main__":
    app()
