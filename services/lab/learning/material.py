"""Leads of the past as arrays to learn from: each as it stood when it would have been judged.

Only what was known by then counts: what a lead did after its outcome, or long after it came,
would tell the outcome rather than foretell it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from struct import pack
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np

from leadloop.conditions import Values
from services.lab.history.past import PastLead
from services.lab.learning.history import Flags, History, RatedRule
from services.scoring import rules
from services.scoring.definition import Agreement
from services.scoring.models.columns import Field
from services.scoring.models.strengths import strengths_on
from services.scoring.tallies import day_of

# Leads get so long to show what they do; the same for all, since those that were lost are
# watched longer than those that bought.
WATCHED: Final = timedelta(days=30)
# Bounds on what is held in memory; of more leads a part is drawn, the same one each time.
LEADS_MAX: Final = 400_000
CELLS_MAX: Final = 20_000_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Different keys that ids can have.
_KEYS: Final = 2**32
_ORDER: Final = itemgetter(0, 1)


class Sample(NamedTuple):
    """A lead of the past with the moment at which it is judged.

    Attributes:
        source: Where it came from; empty when nobody knows.
        reason: Why sales refused it; None when they did not, or nobody knows.
    """

    lead: PastLead
    judged_at: datetime
    source: str = ""
    reason: str | None = None


def judged_at(lead: PastLead, watched: timedelta = WATCHED) -> datetime:
    """Return when a lead is judged: some time after it came, and never after its outcome."""
    at = lead.at + watched
    return at if lead.decided_at is None else min(at, lead.decided_at)


def facts_at(lead: PastLead, moment: datetime) -> Values:
    """Return what was known of a lead at a moment; what was known first, before that."""
    facts = lead.facts
    for learned in lead.learned:
        if learned.at > moment:
            break
        facts = learned.facts
    return facts


class _Row(NamedTuple):
    """A lead as it was judged; the first two put leads in an order of their own."""

    came: int
    key: int
    won: bool
    score: int
    gates_open: bool
    strengths: bytes
    fields: tuple[Field, ...]
    source: str
    reason: str | None


class Material:
    """Leads with a known outcome, gathered one by one or in parts that are put together.

    Attributes:
        seen: Leads with a known outcome.
        undecided: Leads whose outcome is open.
        drawn_of: One of so many leads is held.
    """

    def __init__(self, agreement: Agreement, fields: Sequence[str]) -> None:
        """Gather what the rules of `agreement` see, and these fields of leads."""
        self._rules = tuple(RatedRule(rule.name, rule.points) for rule in agreement.rules)
        self._fields = tuple(fields)
        self._most = min(LEADS_MAX, CELLS_MAX // (len(self._rules) + len(fields) + 1))
        self._packed = f"<{len(self._rules)}f"
        self._rows: list[_Row] = []
        self.seen = 0
        self.undecided = 0
        self.drawn_of = 1

    def __len__(self) -> int:
        """Return how many leads are held."""
        return len(self._rows)

    def add(self, sample: Sample, agreement: Agreement) -> None:
        """Add a lead, judged under the agreement that this was begun with."""
        lead = sample.lead
        if lead.won is None:
            self.undecided += 1
            return
        self.seen += 1
        key = crc32(lead.lead_id.encode())
        if key % self.drawn_of == 0:
            self._rows.append(self._row(sample, agreement, key, lead.won))
            self._thin_out()

    def merge(self, other: "Material") -> None:
        """Add the leads of another part, gathered under the same agreement."""
        self.seen += other.seen
        self.undecided += other.undecided
        self.drawn_of = max(self.drawn_of, other.drawn_of)
        self._rows += other._rows
        self._draw()
        self._thin_out()

    def history(self) -> History:
        """Return all that was gathered, in the order in which leads came."""
        rows = self._in_order()
        packed = b"".join([row.strengths for row in rows])
        strengths = np.frombuffer(packed, dtype="<f4").astype(np.float32)
        came = np.array([row.came for row in rows], dtype=np.int64)
        return History(
            rules=self._rules,
            strengths=strengths.reshape(len(rows), len(self._rules)),
            won=np.array([row.won for row in rows], dtype=np.bool_),
            at=came.astype("datetime64[s]"),
            scores=np.array([row.score for row in rows], dtype=np.int64),
            fields={
                name: [row.fields[n] for row in rows] for n, name in enumerate(self._fields)
            },
            sources=[r.source for r in rows] if any(r.source for r in rows) else (),
            reasons=[r.reason for r in rows] if any(r.reason for r in rows) else (),
        )

    def gates_open(self) -> Flags:
        """Say for each lead of the history whether no gate kept it back."""
        return np.array([row.gates_open for row in self._in_order()], dtype=np.bool_)

    def _row(self, sample: Sample, agreement: Agreement, key: int, won: bool) -> _Row:
        lead, facts = sample.lead, facts_at(sample.lead, sample.judged_at)
        known = [a for a in lead.activities if a.occurred_at <= sample.judged_at]
        standing = rules.replay(facts, known, agreement).standing
        day = day_of(sample.judged_at)
        return _Row(
            came=(lead.at - _EPOCH) // timedelta(seconds=1),
            key=key,
            won=won,
            score=sum(rules.points_on(standing, agreement, day).given),
            gates_open=not standing.closed,
            strengths=pack(self._packed, *strengths_on(standing, agreement, day)),
            fields=tuple([_filled(facts, name) for name in self._fields]),
            source=sample.source,
            reason=sample.reason,
        )

    def _in_order(self) -> list[_Row]:
        """Return the leads in one order, however they were gathered: it makes one model."""
        self._rows.sort(key=_ORDER)
        return self._rows

    def _thin_out(self) -> None:
        """Keep every second lead while there are too many; which ones, their ids decide."""
        while len(self) > self._most and self.drawn_of < _KEYS:
            self.drawn_of *= 2
            self._draw()

    def _draw(self) -> None:
        self._rows = [row for row in self._rows if row.key % self.drawn_of == 0]


def _filled(facts: Values, name: str) -> Field:
    """Return what is known in a field, None when nothing is."""
    value = facts.get(name)
    return None if value == "" else value
