"""The leads of one shard with their activities, as rules judge them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple

from leadloop.conditions import Values
from services.lab.history import spool
from services.lab.history.aside import Aside, SetAside
from services.lab.history.columns import alias_of
from services.lab.history.outcomes import Meaning
from services.lab.history.past import PastLead
from services.lab.history.spool import Row
from services.lab.history.times import TimeForm
from services.scoring.definition import Activity

# Of leads in a file without times and without activities.
UNDATED: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Exports write "never" as the year 1 or 9999.
_YEARS: Final = (1970, 2100)
_CELLS: Final = 4
_BY_TIME: Final = attrgetter("occurred_at", "activity_id")
_REMEMBERED_MAX: Final = 50_000


class Side(NamedTuple):
    """One file of a history.

    Attributes:
        bases: By range: the number of the line before its first.
        reads: Makes what rules see from a row's cells.
        form: How times are written; None when there are none.
    """

    file: str
    bases: tuple[int, ...]
    reads: Callable[[Sequence[str]], Values]
    form: TimeForm | None


class Plan(NamedTuple):
    """How sorted files are joined again; picklable, for other processes.

    Attributes:
        meaning: Of outcomes.
        decided: How the outcomes write their time; None when they say none.
        has_ids: Whether leads have ids of their own, rather than line numbers.
        activities: None without such a file.
        has_kinds: Whether activities say what they are.
    """

    folder: Path
    shards: int
    meaning: Meaning
    decided: TimeForm | None
    has_ids: bool
    leads: Side
    activities: Side | None
    has_kinds: bool


@dataclass
class Joined:
    """One shard; what could not be used is known after the last lead.

    Attributes:
        activities: How many were of a lead.
        early: Activities before their lead was known.
        late: Activities that came after the outcome, and are left out.
    """

    plan: Plan
    shard: int
    aside: Aside = field(default_factory=Aside)
    activities: int = 0
    early: int = 0
    late: int = 0

    def leads(self) -> Iterator[PastLead]:
        """Read the leads, in the order of their file."""
        plan = self.plan
        rows = self._lead_rows()
        deeds = self._deeds(rows) if plan.activities else {}
        read_time = plan.leads.form.reader() if plan.leads.form else None
        read_outcome = plan.meaning.reader()
        read_decided = plan.decided.reader() if plan.decided else None
        for lead_id, row in rows.items():
            activities = deeds.pop(lead_id, [])
            at = self._begin(row, read_time, activities)
            if at is None:
                continue
            decided_at = read_decided(row[3]) if read_decided else None
            yield PastLead(
                lead_id,
                at,
                plan.leads.reads(row[_CELLS]),
                self._until(activities, at, decided_at),
                read_outcome(row[3]),
                decided_at,
                row[0],
            )

    def _lead_rows(self) -> dict[str, Row]:
        """Return the rows of leads by id; of two with one id the first."""
        side, rows = self.plan.leads, dict[str, Row]()
        for line, row in self._rows("leads", side):
            lead_id = row[1] if self.plan.has_ids else f"line {line}"
            if not lead_id:
                self._set_aside(side, line, "no id", "expected an id, found none")
            elif lead_id in rows:
                first = rows[lead_id][0]
                why = f"the lead of line {first} again: keep one row for each lead"
                self._set_aside(side, line, "lead twice", why)
            else:
                rows[lead_id] = (line, *row[1:])
        return rows

    def _deeds(self, leads: Mapping[str, Row]) -> dict[str, list[Activity]]:
        """Return the activities of known leads."""
        side = self.plan.activities
        deeds: dict[str, list[Activity]] = {}
        if side is None or side.form is None:
            return deeds
        read_time, seen = side.form.reader(), _Seen(self.plan.has_kinds, side.reads)
        for line, row in self._rows("activities", side):
            _, lead_id, time, said, cells = row
            if lead_id not in leads:
                self._unknown(side, line, lead_id)
                continue
            at = read_time(time)
            if at is None or not _YEARS[0] <= at.year < _YEARS[1]:
                self._bad_time(side, line, time)
                continue
            kind, values = seen[said, cells]
            activity = Activity(f"{line:012}", kind, at, values)
            if lead_id in deeds:
                deeds[lead_id].append(activity)
            else:
                deeds[lead_id] = [activity]
        self.activities = sum(map(len, deeds.values()))
        return deeds

    def _rows(self, table: str, side: Side) -> Iterator[tuple[int, Row]]:
        for part, base in enumerate(side.bases):
            for row in spool.rows_of(self.plan.folder, table, part, self.shard):
                yield base + row[0], row

    def _begin(
        self,
        row: Row,
        read_time: Callable[[str], datetime | None] | None,
        activities: list[Activity],
    ) -> datetime | None:
        """Return when a lead was first known; None when its row does not say so."""
        if read_time is None:
            return min((a.occurred_at for a in activities), default=UNDATED)
        at = read_time(row[2])
        if at is None or not _YEARS[0] <= at.year < _YEARS[1]:
            self._bad_time(self.plan.leads, row[0], row[2])
            return None
        return at

    def _until(
        self, activities: list[Activity], at: datetime, decided_at: datetime | None
    ) -> tuple[Activity, ...]:
        """Sort activities; those after the outcome can't have led to it."""
        if not activities:
            return ()
        activities.sort(key=_BY_TIME)
        self.early += sum(a.occurred_at < at for a in activities)
        if decided_at is None:
            return tuple(activities)
        kept = tuple(a for a in activities if a.occurred_at <= decided_at)
        self.late += len(activities) - len(kept)
        return kept

    def _set_aside(self, side: Side, line: int, kind: str, why: str) -> None:
        self.aside.add(SetAside(side.file, line, kind, why))

    def _unknown(self, side: Side, line: int, lead_id: str) -> None:
        why = f"no lead has the id {lead_id[:40]!r}" if lead_id else "it names no lead"
        self._set_aside(side, line, "unknown lead", why)

    def _bad_time(self, side: Side, line: int, text: str) -> None:
        found = repr(text.strip()[:40]) if text.strip() else "none"
        why = f"expected a time from 1970 to 2100, found {found}"
        self._set_aside(side, line, "no time", why)


class _Seen(dict[tuple[str, tuple[str, ...]], tuple[str, Values]]):
    """What rules see of an activity, by what its row says; equal ones share it."""

    def __init__(self, has_kinds: bool, reads: Callable[[Sequence[str]], Values]) -> None:
        super().__init__()
        self._has_kinds = has_kinds
        self._reads = reads

    def __missing__(self, key: tuple[str, tuple[str, ...]]) -> tuple[str, Values]:
        """Make the kind as rules name it, and the values."""
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        said, cells = key
        kind = kind_of(said) if self._has_kinds else ""
        found = self[key] = kind, {**self._reads(cells), "kind": kind}
        return found


def kind_of(said: str) -> str:
    """Return a kind of activity as `on:` can name it: "Page View" is page_view."""
    return alias_of(said.strip())[:40]
