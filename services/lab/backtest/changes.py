"""What a proposed agreement changes for each lead of the past, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final, NamedTuple

from services.lab.backtest.counts import Groups
from services.lab.backtest.course import Course, Qualified
from services.lab.history.past import PastLead
from services.scoring import rules
from services.scoring.definition import Agreement
from services.scoring.rules import Score
from services.scoring.tallies import day_of

TOLD_MAX: Final = 20
# Parts of a score that are told as the reason for one change.
PARTS_MAX: Final = 4

NEW: Final = "now qualified"
GONE: Final = "no longer qualified"
OTHER_TIER: Final = "another tier"
EARLIER: Final = "earlier"
LATER: Final = "later"
SAME: Final = "the same"
KINDS: Final = (GONE, NEW, OTHER_TIER, EARLIER, LATER)


class Change(NamedTuple):
    """What changes for one lead; the greatest changes sort first.

    Attributes:
        rank: By the difference of totals; of two equal ones a lead that was won comes first.
        cause: The gate, rule or tier that makes most of the difference.
        won: "won", "not won" or "open".
    """

    rank: int
    line: int
    lead_id: str
    kind: str
    won: str
    tier_before: str
    tier: str
    at_before: str
    at: str
    cause: str
    why: str


@dataclass
class Changes:
    """Changes by kind: counted, and the greatest told.

    Attributes:
        groups: Leads by kind of change.
        causes: Leads by kind of change and what makes most of the difference.
        told: The greatest changes of each kind.
    """

    groups: Groups = field(default_factory=Groups)
    causes: Groups = field(default_factory=Groups)
    told: dict[str, list[Change]] = field(default_factory=dict)

    def add(self, change: Change | None, lead: PastLead) -> None:
        """Add what changed for a lead; None when nothing did."""
        if change is None:
            self.groups[SAME].add(lead.won)
            return
        self.groups[change.kind].add(lead.won)
        self.causes[f"{change.kind}: {change.cause}"].add(lead.won)
        self._keep(change.kind, [change])

    def merge(self, other: "Changes") -> None:
        """Add the changes of other leads."""
        self.groups.merge(other.groups)
        self.causes.merge(other.causes)
        for kind, changes in other.told.items():
            self._keep(kind, changes)

    def each(self) -> Iterator[Change]:
        """Yield the changes that are told, the gravest kind first."""
        for kind in KINDS:
            yield from self.told.get(kind, [])

    def _keep(self, kind: str, changes: list[Change]) -> None:
        kept = self.told.get(kind, [])
        self.told[kind] = nsmallest(TOLD_MAX, [*kept, *changes])


def change_of(
    lead: PastLead,
    current: tuple[Agreement, Course],
    proposed: tuple[Agreement, Course],
) -> Change | None:
    """Return what changes for a lead; None when it qualifies as before."""
    before, after = current[1].qualified, proposed[1].qualified
    kind = _kind(before, after)
    if kind == SAME:
        return None
    moment = min(one.at for one in (before, after) if one)
    then = [a for a in lead.activities if a.occurred_at <= moment]
    facts = next((one.facts for one in reversed(lead.learned) if one.at <= moment), lead.facts)
    scores = [
        rules.score(facts, then, agreement, day_of(moment))
        for agreement, _ in (current, proposed)
    ]
    differs = abs(scores[1].sums.total - scores[0].sums.total)
    return Change(
        -2 * differs - bool(lead.won),
        lead.line,
        lead.lead_id,
        kind,
        {True: "won", False: "not won", None: "open"}[lead.won],
        before.tier if before else "",
        after.tier if after else "",
        before.at.isoformat() if before else "",
        after.at.isoformat() if after else "",
        _cause(scores[0], scores[1], current[0], proposed[0]),
        _why(scores[0], scores[1], current[0], proposed[0]),
    )


def _kind(before: Qualified | None, after: Qualified | None) -> str:
    if before is None or after is None:
        return SAME if before is after else GONE if after is None else NEW
    if before.tier != after.tier:
        return OTHER_TIER
    if before.at == after.at:
        return SAME
    return EARLIER if after.at < before.at else LATER


def _why(before: Score, after: Score, current: Agreement, proposed: Agreement) -> str:
    """Tell what differs between two scores of a lead at one moment."""
    said = [*_gates(before, after), *_parts(before, after, current, proposed)]
    if before.sums.total != after.sums.total:
        said.append(f"total {before.sums.total} → {after.sums.total}")
    else:
        said.append(f"total {after.sums.total} as before")
    said += _predicted(before, after)
    return "; ".join([*said, *_tiers(before, after, current, proposed)])


def _cause(before: Score, after: Score, current: Agreement, proposed: Agreement) -> str:
    """Name what makes most of the difference, without the numbers of this one lead."""
    gates, tiers = _gates(before, after), _tiers(before, after, current, proposed)
    rules_differing, predicted = _differing(before, after), _predicted(before, after)
    return (
        next(gates, "")
        or next(iter(rules_differing), "")
        or next(tiers, "")
        or ("the predicted score" if any(predicted) else "fading")
    )


def _gates(before: Score, after: Score) -> Iterator[str]:
    """Tell which gates keep the lead back now, and which do no more."""
    old, new = ({gate.name for gate in score.closed_gates} for score in (before, after))
    yield from (f"the gate {name} closes" for name in sorted(new - old))
    yield from (f"the gate {name} opens" for name in sorted(old - new))


def _parts(
    before: Score, after: Score, current: Agreement, proposed: Agreement
) -> Iterator[str]:
    """Tell the rules that give other points, the greatest differences first."""
    old, new = _points(before), _points(after)
    names = _differing(before, after)
    for name in names[:PARTS_MAX]:
        was, now = old.get(name, 0), new.get(name, 0)
        if name not in current.by_name:
            yield f"{name} {now:+} (new rule)"
        elif name not in proposed.by_name:
            yield f"{name} {-was:+} (rule gone)"
        else:
            yield f"{name} {was} → {now}"
    if len(names) > PARTS_MAX:
        yield f"{len(names) - PARTS_MAX} more rules"


def _differing(before: Score, after: Score) -> list[str]:
    """Return the rules that give other points, the greatest differences first."""
    old, new = _points(before), _points(after)
    return sorted(
        (name for name in {**old, **new} if old.get(name, 0) != new.get(name, 0)),
        key=lambda name: (-abs(new.get(name, 0) - old.get(name, 0)), name),
    )


def _predicted(before: Score, after: Score) -> Iterator[str]:
    """Tell what models say, where that differs."""
    old, new = before.sums.predicted, after.sums.predicted
    if old != new:
        was, now = ("nothing" if one is None else one for one in (old, new))
        yield f"predicted {was} → {now}"


def _points(score: Score) -> Mapping[str, int]:
    return {part.rule: part.points for part in score.parts}


def _tiers(
    before: Score, after: Score, current: Agreement, proposed: Agreement
) -> Iterator[str]:
    """Tell the conditions of the tiers in question, where they differ."""
    old = {tier.name: tier.condition.text for tier in current.tiers}
    new = {tier.name: tier.condition.text for tier in proposed.tiers}
    for name in dict.fromkeys(one for one in (before.tier, after.tier) if one):
        if name not in new:
            yield f"there is no tier {name} any more"
        elif name not in old:
            yield f"the tier {name} is new"
        elif old[name] != new[name]:
            yield f"{name} asks {new[name]}, asked {old[name]}"
