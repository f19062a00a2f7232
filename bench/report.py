"""How a benchmark talks: progress aside, a table for people, one line of JSON at the end."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# In a log file there is no line to overwrite; a new one this often shows that it goes on.
LINE_EVERY_SECONDS: Final = 5.0

console = Console(highlight=False)
aside = Console(stderr=True, highlight=False)


class Steps:
    """Shows how far something long has come: a bar on a terminal, else a line now and then."""

    def __init__(self, what: str, total: int) -> None:
        """Name what goes on and how many of it there will be."""
        self._what = what
        self._total = total
        self._said_at = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=aside,
            transient=True,
            disable=not aside.is_terminal,
        )
        self._task = self._bar.add_task(what, total=total, note="")

    def show(self, done: int, note: str = "") -> None:
        """Say how many are done, and what else is worth knowing."""
        self._bar.update(self._task, completed=done, note=note)
        now = time.monotonic()
        if not aside.is_terminal and now - self._said_at >= LINE_EVERY_SECONDS:
            self._said_at = now
            tell(f"{self._what}: {done:,} of {self._total:,} {note}".rstrip())

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._bar.stop()


def command_line() -> typer.Typer:
    """Return an empty command line that looks like those of the other benchmarks."""
    # A broker that has just been started answers "not yet" a few times; clients ask again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )


def tell(line: str) -> None:
    """Say what begins, beside the results."""
    aside.print(line, style="dim", markup=False)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows for people; every column but the first is a number or short."""
    shown = Table()
    shown.add_column(columns[0])
    for column in columns[1:]:
        shown.add_column(column, justify="right")
    for row in rows:
        shown.add_row(*(_cell(value) for value in row))
    # Not the table's own title: it would be broken at the table's width.
    console.print(f"\n{title}", style="bold")
    console.print(shown)


def last_line(figures: "DataclassInstance", digits: int = 2) -> None:
    """Print the figures as one line of JSON; nothing may follow it."""
    rounded = {
        name: round(value, digits) if isinstance(value, float) else value
        for name, value in asdict(figures).items()
    }
    # Not through rich, which would break a long line.
    print(json.dumps(rounded), flush=True)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all do not exceed, by nearest rank; 0 for none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    rank = max(1, -int(-share * len(ordered) // 1))
    return ordered[rank - 1]


def _cell(value: object) -> str:
    """Write a number so that it can be read."""
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
