"""CSV files of leads with outcomes, and of what they did, as a history that can be replayed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, TypeVar

from leadloop.errors import Rejected
from services.lab.history import records, spool
from services.lab.history.aside import Aside, joined
from services.lab.history.columns import (
    UNKNOWN,
    UNKNOWN_OF_ACTIVITY,
    Columns,
    Reading,
    columns_of,
    reading_of,
)
from services.lab.history.dialect import Dialect, dialect_of
from services.lab.history.joined import Joined, Plan, Side, kind_of
from services.lab.history.leaks import Leak, leaks
from services.lab.history.outcomes import ANYTHING, Meaning, Values, meaning_of
from services.lab.history.past import PastLead
from services.lab.history.spool import SAMPLED_ROWS, Sorted, Task
from services.lab.history.times import Evidence, TimeForm, form_of, time_columns

SHARD_BYTES: Final = 4 << 20
SHARDS_MAX: Final = 256
RANGE_BYTES: Final = 16 << 20
SHOWN_ROWS: Final = 200
# Names that such columns go by, when none is told.
_IDS: Final = ("lead_id", "id", "prospect_id", "contact_id", "record_id", "email")
_KINDS: Final = ("kind", "type", "activity", "event", "activity_type", "event_type", "action")
_TIMES: Final = ("time", "occurred_at", "timestamp", "date", "created_at", "activity_time")

T = TypeVar("T")
R = TypeVar("R")
# Calls a function with each of some values, perhaps elsewhere; results come in any order.
Each = Callable[[Callable[[T], R], Sequence[T]], Iterable[R]]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the person who asks says about the files; names of columns are as in the header.

    Attributes:
        time: When the lead came; empty: the file does not say.
        lead_id: The column of both files with the lead's id; empty: found by its name.
        activity_lead_id: The same for the activities, when it has another name there.
        time_format: A name of `times.FORMS` or a format with %; empty: told from the values.
        zone: Where times without a zone are from.
        encoding: Empty: told from the bytes.
        delimiter: Likewise.
        decimal_comma: Numbers are written as 1.234,56.
    """

    leads: Path
    outcome: str
    time: str = ""
    lead_id: str = ""
    won: Sequence[str] = ()
    lost: Sequence[str] = ()
    activities: Path | None = None
    activity_lead_id: str = ""
    activity_kind: str = ""
    activity_time: str = ""
    time_format: str = ""
    zone: str = "UTC"
    encoding: str = ""
    delimiter: str = ""
    decimal_comma: bool = False


class Wanted(NamedTuple):
    """The fields that are needed of leads and of activities; None: all of them."""

    lead: frozenset[str] | None = None
    activity: frozenset[str] | None = None


EVERYTHING: Final = Wanted()


@dataclass(frozen=True)
class Table:
    """One file, opened."""

    name: str
    dialect: Dialect
    columns: Columns
    reading: Reading
    lead_id: int | None
    time: int | None
    value: int | None

    def tasks(self, folder: Path, shards: int) -> list[Task]:
        """Return the ranges to sort."""
        size = self.dialect.size - self.dialect.begins
        ranges = records.cut(self.dialect, max(1, size // RANGE_BYTES))
        sampled = SAMPLED_ROWS // len(ranges) if self.name == "leads" and ranges else 0
        return [
            Task(
                self.name,
                self.dialect,
                part,
                folder,
                shards,
                self.lead_id,
                self.time,
                self.value,
                self.reading.columns,
                sampled,
            )
            for part in ranges
        ]


class Progress(NamedTuple):
    """How far the sorting of files has come, in bytes."""

    done: int
    total: int


class Export:
    """CSV files of a history."""

    def __init__(self, told: Told, folder: Path, wanted: Wanted = EVERYTHING) -> None:
        """Open the files and find the columns.

        Raises:
            Rejected: A file can't be read, or a column is not there.
        """
        self.told = told
        self._folder = folder
        self.leads = _leads(told, folder, wanted)
        self.activities = _activities(told, folder, wanted, self.leads)

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(table.dialect.size for table in self._tables())

    def sort(
        self, each: "Each[Task, Sorted]", watch: Callable[[Progress], None] = lambda _: None
    ) -> "Past":
        """Read the files once, sort them into shards, and tell what their columns mean.

        Raises:
            Rejected: Outcomes or times can't be understood.
        """
        shards = min(max(1, self.size // SHARD_BYTES), SHARDS_MAX)
        tasks = [t for table in self._tables() for t in table.tasks(self._folder, shards)]
        found: list[Sorted] = []
        for one in each(spool.sort, tasks):
            found.append(one)
            watch(Progress(sum(done.size for done in found), self.size))
        found.sort(key=lambda one: one.part.number)
        return self._past(found, shards)

    def _leaks(self, found: Sequence[Sorted], meaning: Meaning) -> list[Leak]:
        """Return the columns that tell the outcome, as far as a sample shows."""
        table, read = self.leads, meaning.reader()
        rows = [row for one in found for row in one.sample]
        outcomes = [read(row[table.value or 0]) for row in rows]
        own = frozenset(n for n in (table.lead_id, table.time, table.value) if n is not None)
        return leaks(table.columns.names, rows, outcomes, own)

    def _tables(self) -> list[Table]:
        return [self.leads, *([self.activities] if self.activities else [])]

    def _past(self, found: Sequence[Sorted], shards: int) -> "Past":
        told, sorted_leads = self.told, [one for one in found if one.table == "leads"]
        sorted_activities = [one for one in found if one.table == "activities"]
        asides = [_placed(table, found) for table in self._tables()]
        if not any(one.rows for one in sorted_leads):
            raise Rejected(_no_rows(self.leads, asides[0]))
        outcomes = _values(sorted_leads)
        meaning = meaning_of(outcomes, told.outcome, told.won, told.lost)
        plan = Plan(
            folder=self._folder,
            shards=shards,
            meaning=meaning,
            decided=_decided(meaning, outcomes, told),
            has_ids=self.leads.lead_id is not None,
            leads=_side(self.leads, sorted_leads, told),
            activities=_side(self.activities, sorted_activities, told)
            if self.activities
            else None,
            has_kinds=bool(self.activities and self.activities.value is not None),
        )
        kinds = _values(sorted_activities).counts if plan.has_kinds else {}
        return Past(
            export=self,
            plan=plan,
            rows=sum(one.rows for one in sorted_leads),
            aside=joined(asides),
            foreign=sum(one.foreign for one in found),
            kinds={said: kind_of(said) for said in kinds},
            leaks=self._leaks(sorted_leads, meaning),
        )


@dataclass(frozen=True)
class Past:
    """A history that is ready to be replayed.

    Attributes:
        rows: Of leads, those that will be set aside included.
        aside: Rows that could not be read.
        foreign: Lines that were not of the encoding that was guessed.
        kinds: Of activities: as the file says them, and as rules name them.
        leaks: Columns of leads that were filled in when the outcome was known.
    """

    export: Export
    plan: Plan
    rows: int
    aside: Aside
    foreign: int
    kinds: dict[str, str]
    leaks: list[Leak]

    def shards(self) -> Iterator[Joined]:
        """Return the shards, each to be read once, here or in another process."""
        return (Joined(self.plan, shard) for shard in range(self.plan.shards))

    def leads(self) -> Iterator[PastLead]:
        """Read all leads here, one by one."""
        return chain.from_iterable(shard.leads() for shard in self.shards())


@contextmanager
def reading(told: Told, wanted: Wanted = EVERYTHING) -> Iterator[Past]:
    """Read CSV files as a history, in this process.

    Raises:
        Rejected: They can't be read or understood.
    """
    with TemporaryDirectory(prefix="leadloop-") as folder:
        yield Export(told, Path(folder), wanted).sort(map)


def _leads(told: Told, folder: Path, wanted: Wanted) -> Table:
    dialect = dialect_of(told.leads, folder, told.encoding, told.delimiter)
    columns = columns_of(dialect.name, dialect.header)
    outcome = columns.require(told.outcome, "--outcome")
    return Table(
        "leads",
        dialect,
        columns,
        reading_of(columns, wanted.lead, UNKNOWN, decimal_comma=told.decimal_comma),
        _lead_id(columns, told),
        columns.require(told.time, "--time") if told.time else None,
        outcome,
    )


def _activities(told: Told, folder: Path, wanted: Wanted, leads: Table) -> Table | None:
    if told.activities is None:
        return None
    dialect = dialect_of(told.activities, folder, told.encoding, told.delimiter)
    columns = columns_of(dialect.name, dialect.header)
    if leads.lead_id is None:
        raise Rejected(
            f"{leads.dialect.name} needs a column with the lead's id to go with "
            f"{dialect.name}: name it with --id; it has {leads.columns.listed()}."
        )
    own = leads.columns.names[leads.lead_id]
    name = told.activity_lead_id or own
    kind = _named(columns, told.activity_kind, "--kind", _KINDS)
    return Table(
        "activities",
        dialect,
        columns,
        reading_of(
            columns,
            wanted.activity,
            UNKNOWN_OF_ACTIVITY,
            own={},
            decimal_comma=told.decimal_comma,
        ),
        columns.require(name, "--lead-id"),
        _activity_time(told, dialect, columns),
        kind,
    )


def _lead_id(columns: Columns, told: Told) -> int | None:
    """Return where leads have their id; None when rows need none."""
    if told.lead_id:
        return columns.require(told.lead_id, "--id")
    if told.activities is None:
        return None
    return _named(columns, told.activity_lead_id, "--lead-id", _IDS, is_required=False)


def _named(
    columns: Columns, told: str, option: str, usual: Sequence[str], *, is_required: bool = True
) -> int | None:
    """Return the column that was told, or else one that goes by a usual name."""
    if told and (is_required or columns.place(told) is not None):
        return columns.require(told, option)
    return next((columns.places[name] for name in usual if name in columns.places), None)


def _activity_time(told: Told, dialect: Dialect, columns: Columns) -> int:
    """Return the column with the time of activities: told, by name, or the only one."""
    place = _named(columns, told.activity_time, "--activity-time", _TIMES)
    if place is not None:
        return place
    part = records.cut(dialect, 1)[0]
    rows = next((block.rows for block in records.read(dialect, part)), [])
    found = time_columns(columns.names, rows[:SHOWN_ROWS])
    if len(found) == 1:
        return columns.names.index(found[0])
    shown = f"; {' and '.join(found)} hold times" if found else ""
    raise Rejected(
        f"{dialect.name}: it is not clear which column says when an activity was: name it "
        f"with --activity-time{shown}. It has {columns.listed()}."
    )


def _values(found: Sequence[Sorted]) -> Values:
    values = Values()
    for one in found:
        values.merge(one.values)
    return values


def _decided(meaning: Meaning, values: Values, told: Told) -> TimeForm | None:
    """Return how outcomes write their time; one that can't be told is left out."""
    if not meaning.says_when:
        return None
    try:
        return form_of(values.times, told.outcome, told.time_format, told.zone)
    except Rejected:
        return None


def _side(table: Table, found: Sequence[Sorted], told: Told) -> Side:
    times = Evidence()
    for one in found:
        times.merge(one.times)
    form = None
    if table.time is not None:
        column = table.columns.names[table.time]
        # A format is told for leads; activities need theirs told only when they are unclear.
        is_clear = table.name == "activities" and times.is_of_times and not times.forms["d/m"]
        form = form_of(times, column, "" if is_clear else told.time_format, told.zone)
    return Side(table.dialect.name, _bases(table, found), table.reading.read, form)


def _bases(table: Table, found: Sequence[Sorted]) -> tuple[int, ...]:
    """Return the number of the first line of each range."""
    counts = [table.dialect.first_line, *(one.lines for one in found)]
    return tuple(accumulate(counts[: len(found)]))


def _placed(table: Table, found: Sequence[Sorted]) -> Aside:
    """Return what could not be read, lines counted from the beginning of the file."""
    own = [one for one in found if one.table == table.name]
    aside = Aside()
    for base, one in zip(_bases(table, own), own, strict=True):
        moved = [row._replace(line=base + row.line) for row in one.aside.first]
        aside.merge(Aside(one.aside.counts, moved))
    return aside


def _no_rows(table: Table, aside: Aside) -> str:
    name = table.dialect.name
    if not aside.total:
        return f"{name} has a header and no rows: expected a row for each lead."
    first = aside.first[0]
    return (
        f"{name}: none of {aside.total:,} rows could be read. Line {first.line}: {first.why}."
    )


__all__ = ["ANYTHING", "EVERYTHING", "Each", "Export", "Past", "Progress", "Told", "Wanted"]
