"""Every change as a CSV file: each process writes its part, then the parts are put together."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from heapq import merge
from pathlib import Path

from services.lab.backtest.changes import Change

# What says how great a change is sorts them elsewhere; people need it not.
_HEADER = Change._fields[1:]
_LINE = Change._fields.index("line")


@contextmanager
def writing(part: Path | None) -> Iterator[Callable[[Change], object]]:
    """Write changes as a part, or nowhere."""
    if part is None:
        yield lambda _: None
        return
    with part.open("w", newline="", encoding="utf-8") as file:
        yield csv.writer(file).writerow


def gather_by_line(path: Path, parts: Sequence[Path]) -> None:
    """Write some parts as one file, in the order of the lines that leads had in theirs."""
    with ExitStack() as stack:
        files = [stack.enter_context(part.open(newline="", encoding="utf-8")) for part in parts]
        rows = merge(*map(csv.reader, files), key=lambda row: int(row[_LINE]))
        _write(path, rows)


def gather_in_turn(path: Path, parts: Sequence[Path]) -> None:
    """Write many parts as one file, one after another."""
    _write(path, (row for part in parts for row in _rows(part)))


def _rows(part: Path) -> Iterator[list[str]]:
    with part.open(newline="", encoding="utf-8") as file:
        yield from csv.reader(file)


def _write(path: Path, rows: Iterator[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(_HEADER)
        writer.writerows(row[1:] for row in rows)
