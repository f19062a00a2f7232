"""Leads a second and time through the whole loop, beside other ways to do four stages."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from bench import chain, cores, ground, report
from bench.chain import ASSEMBLED, BARE, FedChain, Place, Throughput, between_ends
from bench.poster import Posted
from bench.pressure import Pressure, Stalled
from bench.whole import Whole, wait_for
from deploy.broker import free_port
from leadloop.postgres import DATABASE

# Numbers of leads: one range for each phase, so that none is taken for a repetition.
FIRST_WARM_UP: Final = 3_000_000
FIRST_FAST: Final = 1_000_000
FIRST_STEADY: Final = 2_000_000
FIRST_BETWEEN_ENDS: Final = 4_000_000
FIRST_WARM_UP_BETWEEN_ENDS: Final = 5_000_000
SILENCE_SECONDS: Final = 60.0
NANOSECONDS_PER_MS: Final = 1e6
NANOSECONDS_PER_S: Final = 1e9


@dataclass(frozen=True)
class Sizes:
    """How much goes through each.

    Attributes:
        leads: Through the loop, and through the bare chain.
        assembled_leads: Through the assembled chain, which takes far longer for each.
        rate: Leads a second while the time through the loop is measured.
        seconds: How long it is.
        settle: Seconds at that rate before, while the backlog of full speed is worked off.
        connections: Of the sender.
        warm_up: Leads that go through before.
    """

    leads: int = 20_000
    assembled_leads: int = 2_000
    rate: int = 200
    seconds: int = 30
    connections: int = 256
    warm_up: int = 2_000
    settle: int = 5


@dataclass(frozen=True)
class Figures:
    """What came of it.

    Attributes:
        leads: Delivered to the CRM at full speed.
        leads_per_second: From the first post to the last delivery.
        bare: The same of the bare chain.
        bare_webhook_to_crm: The same of the bare chain between the same sender and CRM.
        assembled: The same of the assembled one.
        of_bare: The loop's share of the bare chain's throughput.
        of_bare_webhook_to_crm: The same of the one between sender and CRM.
        times_assembled: How many times the assembled chain's throughput the loop's is.
        p50_ms: From a webhook's 2xx to the CRM, in the median, at a constant rate.
        p99_ms: What 99 of 100 leads do not exceed.
        rate: Leads a second of that.
    """

    leads: int
    leads_per_second: float
    bare: float
    bare_webhook_to_crm: float
    assembled: float
    of_bare: float
    of_bare_webhook_to_crm: float
    times_assembled: float
    p50_ms: float
    p99_ms: float
    rate: int


@dataclass(frozen=True)
class Passage:
    """What the whole loop did.

    Attributes:
        fast: Its throughput.
        ms: Of each lead of the steady phase, from its 2xx to the CRM.
        stalled_fast: How much of the time at full speed work stood still on this machine.
        stalled: The same of the steady phase.
    """

    fast: Throughput
    ms: Sequence[float]
    stalled_fast: Stalled
    stalled: Stalled


@dataclass(frozen=True)
class Phase:
    """Some leads and where they are posted.

    Attributes:
        first: The first lead's number.
        port: Of 127.0.0.1; None for intake's.
    """

    first: int
    port: int | None = None


@dataclass(frozen=True)
class Beside:
    """What the other ways came to."""

    bare: Throughput
    between_ends: Throughput
    assembled: Throughput


def measure(whole: Whole, sizes: Sizes) -> Passage:
    """Measure the loop at full speed, then at a constant rate."""
    _warm_up(whole, sizes, Phase(FIRST_WARM_UP))
    pressure = Pressure()
    fast = _at_full_speed(whole, sizes, Phase(FIRST_FAST), whole.services())
    stalled_fast, pressure = pressure.stalled(), Pressure()
    ms = _steadily(whole, sizes)
    return Passage(fast, ms, stalled_fast, pressure.stalled())


def measure_beside(whole: Whole, other: FedChain, leads: int) -> Throughput:
    """Measure a chain that is fed over Kafka on the same broker and database."""
    report.tell(f"starting {other.name}")
    return chain.measure(other, _place(whole), leads)


def measure_between_ends(whole: Whole, sizes: Sizes) -> Throughput:
    """Measure the bare chain between the same sender and the same CRM."""
    door = free_port()
    other = between_ends(door, whole.receiver_port)
    report.tell(f"starting {other.name}")
    place = _place(whole)
    asyncio.run(chain.create_topics(place.kafka, other))
    with chain.stages_of(other, place) as stages:
        _warm_up(whole, sizes, Phase(FIRST_WARM_UP_BETWEEN_ENDS, door))
        return _at_full_speed(whole, sizes, Phase(FIRST_BETWEEN_ENDS, door), stages)


def _place(whole: Whole) -> Place:
    """Return what the loop stood on, its services being stopped."""
    for child in whole.stack.services.values():
        child.stop()
    postgres, broker = whole.stack.postgres, whole.stack.broker
    return Place(postgres.url_of(DATABASE), broker.bootstrap, whole.folder, whole.ground())


def _warm_up(whole: Whole, sizes: Sizes, phase: Phase) -> None:
    """Let every process load its code, fill its caches and plan its statements."""
    before = whole.delivered()
    posting = whole.poster(
        f"warm-up-{phase.first}",
        *("--first", str(phase.first), "--count", str(sizes.warm_up)),
        port=phase.port,
    )
    if _wait(whole, "leads to warm up", before + sizes.warm_up) < before + sizes.warm_up:
        raise RuntimeError("not every lead to warm up came: see the logs, with --keep")
    posting.finish()


def _at_full_speed(
    whole: Whole, sizes: Sizes, phase: Phase, stages: Mapping[str, int]
) -> Throughput:
    """Post as fast as there are answers; return the throughput of what was delivered."""
    before = whole.delivered()
    posting = whole.poster(
        f"fast-{phase.first}",
        *("--first", str(phase.first), "--count", str(sizes.leads)),
        *("--connections", str(sizes.connections)),
        port=phase.port,
    )
    meter = cores.Meter({**stages, **whole.around(), "the sender": posting.child.pid})
    delivered = _wait(whole, "leads delivered", before + sizes.leads) - before
    spent = meter.spent()
    numbers = range(phase.first, phase.first + sizes.leads)
    came = [d.came_ns for d in whole.deliveries() if d.number in numbers]
    seconds = (max(came) - posting.finish().began_ns) / NANOSECONDS_PER_S
    return Throughput(delivered, seconds, spent)


def _steadily(whole: Whole, sizes: Sizes) -> list[float]:
    """Post at a constant rate; return each lead's milliseconds from its 2xx to the CRM."""
    leads, before = sizes.rate * (sizes.settle + sizes.seconds), whole.delivered()
    posting = whole.poster(
        "steady",
        *("--first", str(FIRST_STEADY), "--count", str(leads)),
        *("--rate", str(sizes.rate), "--connections", str(sizes.connections)),
    )
    _wait(whole, f"leads at {sizes.rate} a second", before + leads)
    counted_from = FIRST_STEADY + sizes.rate * sizes.settle
    return _milliseconds(whole, posting.finish(), counted_from)


def _milliseconds(whole: Whole, posted: Posted, counted_from: int) -> list[float]:
    """Pair the 2xx of each lead from this number on with its first delivery."""
    came: dict[int, int] = {}
    for delivery in whole.deliveries():
        came.setdefault(delivery.number, delivery.came_ns)
    # The CRM may have a lead before the sender has read its own answer.
    return [
        max(0, came[taken.number] - taken.taken_ns) / NANOSECONDS_PER_MS
        for taken in posted.taken
        if taken.number in came and taken.number >= counted_from
    ]


def _wait(whole: Whole, what: str, total: int) -> int:
    with report.Steps(what, total) as steps:
        return wait_for(whole.delivered, total, silence_seconds=SILENCE_SECONDS, steps=steps)


app = report.command_line()


@app.command()
def main(
    leads: Annotated[int, typer.Option(help="Through the loop and the bare chain.")] = 20_000,
    assembled_leads: Annotated[
        int, typer.Option(help="Through the assembled chain, which is slower.")
    ] = 2_000,
    rate: Annotated[int, typer.Option(help="Leads a second, for the time through.")] = 200,
    seconds: Annotated[int, typer.Option(help="How long at that rate.")] = 30,
    connections: Annotated[int, typer.Option(help="How many posts at once.")] = 256,
    keep: Annotated[bool, typer.Option(help="Keep data and logs under .bench/.")] = False,
) -> None:
    """Measure leads a second and the time from webhook to CRM over four processes."""
    sizes = Sizes(leads, assembled_leads, rate, seconds, connections)
    with ground.folder_of("loop", keep=keep) as folder, Whole(folder) as whole:
        passage = measure(whole, sizes)
        between = measure_between_ends(whole, sizes)
        bare = measure_beside(whole, BARE, leads)
        assembled = measure_beside(whole, ASSEMBLED, assembled_leads)
    _present(sizes, passage, Beside(bare, between, assembled))


def _present(sizes: Sizes, passage: Passage, beside: Beside) -> None:
    bare, between, assembled = beside.bare, beside.between_ends, beside.assembled
    ours = passage.fast.leads_per_second
    figures = Figures(
        leads=passage.fast.leads,
        leads_per_second=ours,
        bare=bare.leads_per_second,
        bare_webhook_to_crm=between.leads_per_second,
        assembled=assembled.leads_per_second,
        of_bare=ours / bare.leads_per_second,
        of_bare_webhook_to_crm=ours / between.leads_per_second,
        times_assembled=ours / assembled.leads_per_second,
        p50_ms=report.quantile(passage.ms, 0.5),
        p99_ms=report.quantile(passage.ms, 0.99),
        rate=sizes.rate,
    )
    ways = {
        "leadloop": passage.fast,
        "the bare chain, webhook to CRM": between,
        BARE.name: bare,
        ASSEMBLED.name: assembled,
    }
    _show_ways(ways)
    _show_times(passage, sizes.rate)
    report.last_line(figures)


def _show_ways(ways: Mapping[str, Throughput]) -> None:
    report.table(
        "Webhook to CRM over four processes, and three chains of four stages",
        ("", "leads/s", "cores kept busy", "ms of a core for each lead"),
        [(name, *_row(way)) for name, way in ways.items()],
    )
    report.table(
        "Where the processor's time went: ms of a core for each lead",
        ("", *ways),
        _by_part(tuple(ways.values())),
    )


def _show_times(passage: Passage, rate: int) -> None:
    report.table(
        f"Webhook's 2xx to the CRM at {rate} leads a second",
        ("", "p50", "p99", "max"),
        [("ms", *(report.quantile(passage.ms, share) for share in (0.5, 0.99, 1)))],
    )
    # A time that the disk made is not the loop's.
    report.table(
        "How much of the time work stood still on this machine",
        ("", "something, for a core", "everything, for the disk"),
        [
            ("leadloop at full speed", *map(_percent, passage.stalled_fast)),
            (f"leadloop at {rate} leads a second", *map(_percent, passage.stalled)),
        ],
    )


def _percent(share: float | None) -> str:
    return "not told" if share is None else f"{share:.0%}"


def _row(way: Throughput) -> tuple[float, str, str]:
    return way.leads_per_second, f"{way.cores:.2f}", f"{sum(way.cost_ms().values()):.2f}"


def _by_part(ways: Sequence[Throughput]) -> list[tuple[str, ...]]:
    """Return a row for each part of any of them."""
    costs = [way.cost_ms() for way in ways]
    parts = dict.fromkeys(part for cost in costs for part in cost)
    return [
        (part, *(f"{cost[part]:.2f}" if part in cost else "" for cost in costs))
        for part in parts
    ]


if __name__ == "__main__":
    app()
