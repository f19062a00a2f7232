"""A lead's score on one readable page: every rule with its points and its evidence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from leadloop.zones import UTC
from services.scoring import fading
from services.scoring.cycles import Stage
from services.scoring.definition import Activity, Axis
from services.scoring.explain.next_tier import Missing, missing_to_next_tier
from services.scoring.explain.stood import Stood
from services.scoring.explain.would_change import Fade, Kind, Lead, Step, fade, steps
from services.scoring.models import foreseen
from services.scoring.models.predictor import Prediction
from services.scoring.rules import Part

_WIDTH = 30
_INDENT = " " * 9
# Long addresses and texts are cut: the page must stay readable.
_VALUE_LENGTH_MAX = 60
_STEPS_SHOWN = 5
_STAGES = {
    Stage.OPEN: "with sales",
    Stage.RETURNED: "given back by sales",
    Stage.LOST: "ended with a lost deal",
    Stage.WON: "ended with a won deal",
    Stage.GATE_CLOSED: "ended because a gate closed",
    Stage.MERGED: "joined with another cycle of the same person",
    Stage.DISQUALIFIED: "ended for good by sales",
}
_WHEN = {
    Kind.ACTIVITY: "where",
    Kind.FACT: "counts if",
    Kind.ENDS: "counts while",
    Kind.GATE: "opens when",
}
_FOR_GOOD = {
    Stage.WON: "A deal was won: nothing hands this lead over again.",
    Stage.DISQUALIFIED: "Sales ended it for good: nothing hands this lead over again.",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that there is to say about a lead's score.

    Attributes:
        missing: What is missing to the next tier; None when there is none above.
        fade: When time alone changes the tier; None when it never will.
        steps: What would change the score.
        is_asked: A moment or a version was asked for by name.
        prediction: Of the model that the agreement names; None without one at hand.
        zone: That times are told in.
    """

    stood: Stood
    missing: Missing | None = None
    fade: Fade | None = None
    steps: Sequence[Step] = ()
    is_asked: bool = False
    prediction: Prediction | None = None
    zone: tzinfo = UTC


def explained(stood: Stood, *, is_asked: bool = False, zone: tzinfo = UTC) -> Explanation:
    """Find out what there is to say about a score."""
    agreement, score = stood.agreement, stood.score
    if agreement is None:
        return Explanation(stood, is_asked=is_asked, zone=zone)
    lead = Lead(stood.standing, stood.facts, agreement, stood.at)
    missing = missing_to_next_tier(
        stood.standing, score.sums, stood.facts, agreement, score.tier
    )
    prediction = foreseen.prediction_of(lead)
    return Explanation(stood, missing, fade(lead), steps(lead), is_asked, prediction, zone)


def page(explained: Explanation) -> str:
    """Return the page as plain text."""
    if explained.stood.agreement is None:
        lines = [*_head(explained), *_cycles(explained)]
    else:
        lines = [
            *_head(explained),
            *_points(explained),
            *foreseen.lines(explained.stood.agreement, explained.prediction),
            *_gates(explained.stood),
            *_next(explained),
            *_steps(explained),
            *_fades(explained),
            *_cycles(explained),
        ]
    return "\n".join([*lines, ""])


def _head(explained: Explanation) -> Iterator[str]:
    stood = explained.stood
    yield _who(stood)
    if explained.is_asked:
        yield f"As of {_time(stood.at, explained.zone)}: what was known and done by then"
    if stood.agreement is None:
        yield "No agreement is signed yet: nothing is scored."
        return
    score = stood.score
    tier = f"Tier {score.tier}" if score.tier else "No tier"
    yield (
        f"{tier}, {score.sums.total} points = {score.sums.fit} for who they are "
        f"{_with_sign(score.sums.engagement)} for what they did"
    )
    if score.sums.products:
        lines = ", ".join(f"{line} {points}" for line, points in score.sums.products.items())
        yield f"Of them by product line: {lines}"
    yield f"Under the agreement {stood.agreement.name!r}, version {stood.agreement.version}"


def _who(stood: Stood) -> str:
    lead = stood.lead
    if lead is None:
        return f"Lead {stood.lead_id}, of whom nothing was known"
    name = f"{lead.first_name} {lead.last_name}".strip() or lead.email
    told = ", ".join(filter(None, (name, lead.job_title, lead.company)))
    return f"{told} (lead {stood.lead_id})" if told else f"Lead {stood.lead_id}"


def _points(explained: Explanation) -> Iterator[str]:
    stood = explained.stood
    titles = {Axis.FIT: "Who they are", Axis.ENGAGEMENT: "What they did"}
    for axis, title in titles.items():
        parts = [part for part in stood.score.parts if part.axis is axis]
        yield ""
        yield f"{title}: {_counted(sum(part.points for part in parts), 'point')}"
        for part in parts:
            told = f"  {part.points:>+5}  {part.rule:<{_WIDTH}}  {_evidence(part, explained)}"
            yield told.rstrip()
            yield from _taken(part)
        if not parts:
            yield f"{_INDENT}no rule holds"


def _evidence(part: Part, explained: Explanation) -> str:
    """Tell the activities behind a part: how many, and the newest one."""
    if part.evidence is None:
        return ""
    times = _counted(part.evidence.times, "time")
    told = f"{times}, last on {_time(part.evidence.occurred_at, explained.zone)}"
    activity = explained.stood.evidence.get(part.evidence.activity_id)
    return told if activity is None else f"{told}: {_about(activity)}"


def _taken(part: Part) -> Iterator[str]:
    """Tell what time and caps took away, so that the sum can be followed."""
    taken = []
    if part.decayed:
        taken.append(f"{part.decayed} lost with time")
    if part.capped:
        taken.append(f"{part.capped} above the agreed limit")
    if taken:
        whole = abs(part.points) + part.decayed + part.capped
        yield f"{_INDENT}of {_counted(whole, 'point')}: {', '.join(taken)}"


def _about(activity: Activity) -> str:
    """Name what they did, and where."""
    for name in ("url", "form"):
        value = str(activity.values.get(name, ""))
        if value:
            return f"{_kind(activity.kind)} {_cut(value)}"
    return _kind(activity.kind)


def _gates(stood: Stood) -> Iterator[str]:
    if stood.agreement is None or not stood.agreement.gates:
        return
    yield ""
    if not stood.score.closed_gates:
        yield "All gates are open."
    for gate in stood.score.closed_gates:
        yield f"Kept back by the gate {gate.name!r}: {gate.reason}"
        yield f"  It opens when {gate.condition.text}"


def _next(explained: Explanation) -> Iterator[str]:
    missing = explained.missing
    if missing is None or explained.stood.score.closed_gates:
        return
    yield ""
    if missing.axis is None:
        yield f"To tier {missing.tier} points alone are not enough; it asks for"
    else:
        side = "who they are" if missing.axis is Axis.FIT else "what they did"
        points = _counted(missing.points, "more point")
        yield f"To tier {missing.tier}: {points} for {side}; it asks for"
    yield f"  {missing.condition}"


def _steps(explained: Explanation) -> Iterator[str]:
    found = [step for step in explained.steps if step.kind is not Kind.GATE]
    if not found or explained.missing is None:
        return
    yield ""
    yield "What would change it"
    for step in found[:_STEPS_SHOWN]:
        yield f"  {step.points:>+5}  {step.name}: {_what(step)}{_reaches(step)}"
        if step.condition not in ("", "true"):
            yield f"{_INDENT}{_WHEN[step.kind]} {_cut(step.condition)}"


def _what(step: Step) -> str:
    """Say what would have to be so."""
    if step.kind is Kind.ACTIVITY:
        more = "one more" if step.is_again else "a first"
        return f"{more} {_kind(step.activity_kind) or 'activity'}"
    if step.kind is Kind.ENDS:
        return "if it were no longer so"
    return f"{', '.join(step.unknown)} not known yet" if step.unknown else "if it were so"


def _reaches(step: Step) -> str:
    if not step.times:
        return ""
    often = "" if step.times == 1 else f", {step.times} of them"
    return f"{often} -> tier {step.tier}"


def _fades(explained: Explanation) -> Iterator[str]:
    found = explained.fade
    if found is None:
        return
    then = f"tier {found.tier}" if found.tier else "no tier"
    since = _time(fading.midnight(found.day), explained.zone)
    yield ""
    yield f"If nothing happens: {then} from {since} on."


def _cycles(explained: Explanation) -> Iterator[str]:
    """Tell the times with sales, and what keeps the next one from beginning."""
    stood, zone = explained.stood, explained.zone
    if stood.cycles:
        yield ""
    for record in stood.cycles:
        line = (
            f"Cycle {record.cycle} (tier {record.tier}) since {_time(record.opened_at, zone)}: "
        )
        line += _STAGES[Stage(record.stage)]
        if record.closed_at is not None:
            line += f" on {_time(record.closed_at, zone)}"
        yield line + (f", {record.reason}" if record.reason else "")
    yield from _waits(stood, zone)


def _waits(stood: Stood, zone: tzinfo) -> Iterator[str]:
    cycle, agreement = stood.cycle, stood.agreement
    if cycle.stage in _FOR_GOOD:
        yield _FOR_GOOD[cycle.stage]
        return
    if agreement and not cycle.is_open and 0 < agreement.cycles_max <= cycle.so_far:
        yield f"It has had all {agreement.cycles_max} agreed cycles: nothing begins another."
        return
    if cycle.not_before is not None and cycle.not_before > stood.at:
        until = _time(cycle.not_before, zone)
        yield f"Cools down until {until}; then something new they did counts."
    reason = (
        agreement.reason(cycle.reason) if agreement and cycle.stage is Stage.RETURNED else None
    )
    if reason and reason.new_evidence and not cycle.is_reopened:
        yield f"What must change first: {reason.new_evidence}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if abs(number) == 1 else f"{number} {what}s"


def _with_sign(points: int) -> str:
    return f"+ {points}" if points >= 0 else f"- {-points}"


def _kind(kind: str) -> str:
    return kind.replace("_", " ")


def _cut(value: str) -> str:
    return value if len(value) <= _VALUE_LENGTH_MAX else value[:_VALUE_LENGTH_MAX] + "..."


def _time(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"
