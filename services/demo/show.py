"""`leadloop demo`: live through the quarter before someone's eyes, then tell its story."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from starlette.types import ASGIApp

from leadloop.logs import configure
from leadloop.postgres import Postgres
from services.demo import story
from services.demo.asgi import call
from services.demo.company import BEGIN, END, SIZES, ZONE, Size
from services.demo.keeping import claim
from services.demo.people import HEROINE
from services.demo.quarter import Moment, open_quarter
from services.embedded import POSTGRES

Watch = Callable[[Moment], None]


async def show_quarter(*, size: str, seed: int, folder: Path, force: bool) -> None:
    """Live through the quarter, show how it goes, tell its story, keep its data.

    Raises:
        Refused: The folder holds data that are not a demo's own.
    """
    console = Console()
    claim(folder, size=size, seed=seed, force=force)
    configure(level="WARNING", service="demo", json=False)
    console.print(story.opening(SIZES[size]))
    # A crash of this machine would cost a minute's work; its server is durable afterwards.
    with Postgres(folder / POSTGRES, durable=False) as postgres:
        started = perf_counter()
        async with open_quarter(postgres.url, size=size, seed=seed) as quarter:
            with watching(console) as watch:
                await quarter.live(watch)
            took = perf_counter() - started
            console.print(story.summary(quarter.counts, took))
            await _tell_reports(quarter.app, console, SIZES[size])
            await _tell_lead(quarter.app, console, folder)


async def _tell_reports(app: ASGIApp, console: Console, size: Size) -> None:
    """Print what the reports say about both sides."""
    reports = f"/v1/reports/{{}}?{story.period()}"
    funnel = (await _get(app, reports.format("funnel")))["rows"]
    levels = await _get(app, reports.format("service-levels"))
    console.print(story.funnel(funnel), story.goals(funnel, size))
    console.print(story.sales_levels(levels["sales"]))
    console.print(story.marketing_levels(levels["marketing"]))
    console.print(story.reasons((await _get(app, reports.format("reasons")))["rows"]))


async def _tell_lead(app: ASGIApp, console: Console, folder: Path) -> None:
    """Print one lead's story, and what to try next."""
    lead_id = (await _get(app, f"/v1/leads?email={HEROINE.email}"))["items"][0]["id"]
    told = await _get(app, f"/v1/timelines/{lead_id}")
    console.print(story.timeline(told["items"], f"{HEROINE.first_name} {HEROINE.last_name}"))
    console.print(story.what_next(str(folder), lead_id), soft_wrap=True)


async def _get(app: ASGIApp, target: str) -> Any:  # noqa: ANN401 (any JSON value)
    response = await call(app, "GET", target)
    if not response.is_success:
        raise RuntimeError(f"{target} answered {response.status}: {response.body.decode()}")
    return response.json()


@contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """Show a bar of virtual time; where there is no terminal, a line now and then."""
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[day]}"),
        BarColumn(None),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[counts]}"),
    )
    with Progress(*columns, console=console) as bar:
        total = (END - BEGIN).total_seconds()
        task = bar.add_task("", total=total, day="puts the services together", counts="")

        def watch(moment: Moment) -> None:
            done = (moment.now - BEGIN).total_seconds()
            bar.update(task, completed=done, day=_day(moment), counts=_counts(moment))

        yield watch


def _lines(console: Console) -> Watch:
    """Return what prints a line each half month."""
    told: set[tuple[int, bool]] = set()

    def watch(moment: Moment) -> None:
        local = moment.now.astimezone(ZONE)
        half = (local.month, local.day > 15)
        if half not in told:
            told.add(half)
            console.print(f"{_day(moment)}  {_counts(moment)}", highlight=False)

    return watch


def _day(moment: Moment) -> str:
    return f"{moment.now.astimezone(ZONE):%a %d %b %H:%M}"


def _counts(moment: Moment) -> str:
    names = {
        "leads": "leads",
        "HandoffRouted": "handed over",
        "HandoffConverted": "deals",
        "DealWon": "won",
    }
    return "  ".join(f"{word} {moment.counts[name]:,}" for name, word in names.items())
