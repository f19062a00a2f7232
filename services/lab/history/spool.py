"""Rows of a file sorted into shards on disk: all that belongs to a lead lies in one of them.

So leads and activities meet whatever the order of their files, and no more than one shard is in
memory at a time.
"""

import marshal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple
from zlib import crc32

from services.lab.history import records
from services.lab.history.aside import Aside
from services.lab.history.dialect import Dialect
from services.lab.history.outcomes import Values
from services.lab.history.records import Block, Range
from services.lab.history.times import Evidence

# Rows of a shard that are written together.
BATCH_ROWS: Final = 256
# Rows of all leads that are looked at as they are, shared among the ranges of their file.
SAMPLED_ROWS: Final = 20_000
# Times that are looked at in each range of a file to tell their form.
TIMES_LOOKED_AT: Final = 20_000

# The line within its range, the lead's id, the time, the outcome or kind, the other cells.
Row = tuple[Any, ...]


class Task(NamedTuple):
    """One range of a file to sort.

    Attributes:
        table: What the rows are, for the names of files.
        lead_id: The place of the column with the lead's id; None: every row is a lead.
        time: Of the column with the time; None when there is none.
        value: Of the column with the outcome or the kind, likewise.
        cells: Of all other columns that are needed.
        sampled: How many rows are kept as they are.
    """

    table: str
    dialect: Dialect
    part: Range
    folder: Path
    shards: int
    lead_id: int | None
    time: int | None
    value: int | None
    cells: tuple[int, ...]
    sampled: int = 0


@dataclass
class Sorted:
    """What a range held.

    Attributes:
        lines: All lines of it, for counting the lines of the ranges behind it.
        sample: The first rows.
        foreign: Lines that were not of the encoding that was guessed.
    """

    table: str
    part: Range
    rows: int = 0
    lines: int = 0
    foreign: int = 0
    aside: Aside = field(default_factory=Aside)
    values: Values = field(default_factory=Values)
    times: Evidence = field(default_factory=Evidence)
    sample: list[list[str]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Return how many bytes were read."""
        return self.part.end - self.part.start


def sort(task: Task) -> Sorted:
    """Sort the rows of a range into the files of its shards."""
    found = Sorted(task.table, task.part)
    with ExitStack() as stack:
        files = [stack.enter_context(_path(task, n).open("wb")) for n in range(task.shards)]
        batches: list[list[Row]] = [[] for _ in files]
        for block in records.read(task.dialect, task.part):
            _note(block, task, found)
            _distribute(block, task, batches)
            _write(batches, files, least=BATCH_ROWS)
        _write(batches, files, least=1)
    return found


def rows_of(folder: Path, table: str, part: int, shard: int) -> Iterator[Row]:
    """Read back the rows of a range that lie in a shard."""
    with _named(folder, table, part, shard).open("rb") as file:
        while True:
            try:
                yield from marshal.load(file)  # noqa: S302 (we wrote it a moment ago)
            except EOFError:
                return


def _note(block: Block, task: Task, found: Sorted) -> None:
    """Count what the block holds, and look at its outcomes and times."""
    for one in block.broken:
        found.aside.add(one)
    if task.time is not None and found.rows < TIMES_LOOKED_AT:
        found.times.look_at(map(itemgetter(task.time), block.rows))
    if task.value is not None:
        found.values.look_at(list(map(itemgetter(task.value), block.rows)))
    found.sample += block.rows[: task.sampled - len(found.sample)]
    found.rows += len(block.rows)
    found.lines = block.lines_read
    found.foreign += block.foreign


def _distribute(block: Block, task: Task, batches: list[list[Row]]) -> None:
    """Put each row to its lead's shard."""
    lead_id, time, value, cells, shards = (
        *(task.lead_id, task.time, task.value),
        *(task.cells, task.shards),
    )
    for line, row in zip(block.lines, block.rows, strict=True):
        owner = "" if lead_id is None else row[lead_id].strip()
        shard = crc32(owner.encode("utf-8", "replace")) % shards if owner else line % shards
        batches[shard].append(
            (
                line,
                owner,
                "" if time is None else row[time],
                "" if value is None else row[value],
                tuple([row[n] for n in cells]),
            )
        )


def _write(batches: list[list[Row]], files: Sequence[BinaryIO], least: int) -> None:
    """Write batches that have grown."""
    for batch, file in zip(batches, files, strict=True):
        if len(batch) >= least:
            marshal.dump(batch, file)
            batch.clear()


def _path(task: Task, shard: int) -> Path:
    return _named(task.folder, task.table, task.part.number, shard)


def _named(folder: Path, table: str, part: int, shard: int) -> Path:
    return folder / f"{table}-{part}-{shard}"
