"""A lead's score on one readable page: every rule with its points and its evidence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.scoring.cycles import Cycle, Stage
from services.scoring.definition import Activity, Agreement, Axis
from services.scoring.next_tier import Missing
from services.scoring.rules import Part, Score
from services.scoring.tables import CycleRecord

_WIDTH = 34
# Long addresses and texts are cut: the page must stay readable.
_VALUE_LENGTH_MAX = 60
_STAGES = {
    Stage.OPEN: "with sales",
    Stage.RETURNED: "given back by sales",
    Stage.LOST: "ended with a lost deal",
    Stage.WON: "ended with a won deal",
    Stage.GATE_CLOSED: "ended because a gate closed",
    Stage.MERGED: "joined with another cycle of the same person",
    Stage.DISQUALIFIED: "ended for good by sales",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that there is to say about a lead's score.

    Attributes:
        agreement: The version that it stands under; None before the first agreement.
        evidence: The activities that parts name, by id.
        missing: What is missing to the next tier; None when there is none above.
    """

    lead_id: str
    score: Score
    agreement: Agreement | None
    cycle: Cycle
    cycles: Sequence[CycleRecord]
    evidence: Mapping[str, Activity]
    missing: Missing | None


def page(explained: Explanation, now: datetime) -> str:
    """Return the page as plain text."""
    return "\n".join([*_head(explained), *_points(explained), *_rest(explained, now), ""])


def _head(explained: Explanation) -> Iterator[str]:
    score, agreement = explained.score, explained.agreement
    yield f"Lead {explained.lead_id}"
    if agreement is None:
        yield "No agreement is signed yet: nothing is scored."
        return
    yield f"Tier {score.tier}" if score.tier else "No tier"
    yield (
        f"{score.sums.total} points = {score.sums.fit} for who they are "
        f"{_with_sign(score.sums.engagement)} for what they did"
    )
    yield f"under the agreement {agreement.name!r}, version {agreement.version}"


def _points(explained: Explanation) -> Iterator[str]:
    titles = {Axis.FIT: "Who they are", Axis.ENGAGEMENT: "What they did"}
    for axis, title in titles.items():
        parts = [part for part in explained.score.parts if part.axis is axis]
        yield ""
        yield f"{title}: {sum(part.points for part in parts)}"
        for part in parts:
            told = f"  {part.points:>+5}  {part.rule:<{_WIDTH}}{_evidence(part, explained)}"
            yield told.rstrip()
        if not parts:
            yield "         no rule holds"


def _evidence(part: Part, explained: Explanation) -> str:
    """Tell the activities behind a part: how many, the newest one, what a cap took."""
    if part.evidence is None:
        return ""
    told = f"{part.times} x, newest {_time(part.evidence.occurred_at)}"
    activity = explained.evidence.get(part.evidence.activity_id)
    if activity is not None:
        told += f", {activity.kind} {_about(activity)}".rstrip()
    if part.capped:
        told += f" ({part.evidence.times - part.times} more not counted: {part.capped} points)"
    return told


def _about(activity: Activity) -> str:
    """Name where the activity happened."""
    for name in ("url", "form"):
        value = str(activity.values.get(name, ""))
        if value:
            return (
                value if len(value) <= _VALUE_LENGTH_MAX else value[:_VALUE_LENGTH_MAX] + "..."
            )
    return ""


def _rest(explained: Explanation, now: datetime) -> Iterator[str]:
    yield from _gates(explained)
    yield from _next(explained)
    yield from _cycles(explained, now)


def _gates(explained: Explanation) -> Iterator[str]:
    if explained.agreement is None or not explained.agreement.gates:
        return
    yield ""
    if not explained.score.closed_gates:
        yield "All gates are open."
    for gate in explained.score.closed_gates:
        yield f"Kept back by {gate.name!r}: {gate.reason}"


def _next(explained: Explanation) -> Iterator[str]:
    missing = explained.missing
    if missing is None:
        return
    yield ""
    if missing.axis is None:
        yield f"To tier {missing.tier} points alone are not enough: {missing.condition}"
    else:
        side = "who they are" if missing.axis is Axis.FIT else "what they did"
        yield f"To tier {missing.tier}: {missing.points} more points for {side}."


def _cycles(explained: Explanation, now: datetime) -> Iterator[str]:
    if explained.cycles:
        yield ""
    for record in explained.cycles:
        line = f"Cycle {record.cycle} (tier {record.tier}) since {_time(record.opened_at)}: "
        line += _STAGES[Stage(record.stage)]
        if record.closed_at is not None:
            line += f" on {_time(record.closed_at)}"
        yield line + (f", {record.reason}" if record.reason else "")
    not_before = explained.cycle.not_before
    if not_before is not None and not_before > now:
        yield f"Cools down until {_time(not_before)}; then something new that they did counts."


def _with_sign(points: int) -> str:
    return f"+ {points}" if points >= 0 else f"- {-points}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
