"""The demo's quarter lived through twice from one seed: every event the same, byte for byte."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import zip_longest
from multiprocessing import get_context
from typing import Annotated, Literal

import typer

from bench import ground, report
from leadloop.logs import configure
from leadloop.migrate import create_database
from services.demo.company import BEGIN, END
from services.demo.quarter import Happened, Moment, run_quarter


@dataclass(frozen=True)
class Figures:
    """What came of it.

    Attributes:
        events: How many the longer of the two runs published.
        identical: How many stand at the same place of both runs with the same topic, key, id,
            type, time and value.
    """

    events: int
    identical: int


@dataclass(frozen=True)
class Difference:
    """The first place where two runs differ; None where one of them had ended."""

    position: int
    first: Happened | None
    second: Happened | None


def record_quarter(
    url: str, size: str, seed: int, progress: Callable[[Moment], None] | None = None
) -> list[Happened]:
    """Live through the quarter in an empty database; return every event it published."""
    configure(service="bench", level="ERROR")
    happened: list[Happened] = []
    asyncio.run(
        run_quarter(url, size=size, seed=seed, record=happened.append, progress=progress)
    )
    return happened


def record_twice(urls: tuple[str, str], size: str, seed: int) -> tuple[list[Happened], ...]:
    """Live through the quarter here and at the same time in another process.

    Another process, so that nothing which a process chooses at random, such as the order of
    its sets, goes unnoticed.
    """
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere,
        report.Steps("days of the quarter", (END - BEGIN).days) as steps,
    ):
        second = elsewhere.submit(record_quarter, urls[1], size, seed)
        first = record_quarter(urls[0], size, seed, lambda told: _show(steps, told))
        return first, second.result()


def compare(first: Sequence[Happened], second: Sequence[Happened]) -> Figures:
    """Count the places at which both runs published the same."""
    same = sum(one == other for one, other in zip(first, second, strict=False))
    return Figures(max(len(first), len(second)), same)


def first_difference(
    first: Sequence[Happened], second: Sequence[Happened]
) -> Difference | None:
    """Return where two runs part; None when they never do."""
    for position, (one, other) in enumerate(zip_longest(first, second)):
        if one != other:
            return Difference(position, one, other)
    return None


def _show(steps: report.Steps, told: Moment) -> None:
    routed = told.counts["HandoffRouted"]
    steps.show((told.now - BEGIN).days, f"{told.now:%d %B}, {routed:,} leads handed over")


app = report.command_line()


@app.command()
def main(
    size: Annotated[
        Literal["small", "full"], typer.Option(help="200 or 2,000 leads.")
    ] = "full",
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 1,
) -> None:
    """Live through the demo's quarter twice; compare every event of the two runs."""
    with (
        ground.folder_of("replay") as folder,
        ground.postgres_in(folder, durable=False) as postgres,
    ):
        urls = postgres.url_of("first"), postgres.url_of("second")
        for name in ("first", "second"):
            asyncio.run(create_database(postgres.url, name))
        first, second = record_twice(urls, size, seed)
    _present(first, second)


def _present(first: Sequence[Happened], second: Sequence[Happened]) -> None:
    figures = compare(first, second)
    types = sorted({happened.type for happened in (*first, *second)})
    rows = [
        (
            name.rpartition(".")[2],
            *(sum(h.type == name for h in run) for run in (first, second)),
        )
        for name in types
    ]
    rows.append(("all", len(first), len(second)))
    report.table(
        f"{figures.identical:,} of {figures.events:,} events identical, byte for byte",
        ("", "first run", "second run"),
        rows,
    )
    if (difference := first_difference(first, second)) is not None:
        _explain(difference)
    report.last_line(figures)


def _explain(difference: Difference) -> None:
    """Show where the runs part."""
    report.console.print(f"They part at event {difference.position:,}:")
    for name, happened in (("first", difference.first), ("second", difference.second)):
        report.console.print(name, asdict(happened) if happened else "has ended")


if __name__ == "__main__":
    app()
