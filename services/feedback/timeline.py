"""One lead's timeline as a story: why it scored, why it went to whom, why it was due when."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from google.protobuf.message import Message

from leadloop.events import moment, route_of
from leadloop.v1 import handoff_pb2 as handoff
from leadloop.v1 import lead_pb2 as lead
from leadloop.v1 import outcome_pb2 as outcome
from leadloop.v1 import qualification_pb2 as qualification
from services.feedback.render import duration, money
from services.feedback.reports import clock_word
from services.feedback.scene import Scene, event_of
from services.feedback.store import Entry

# A lead seldom has more; the rest of a longer explanation is in the event itself.
DETAILS_MAX = 30
INTERVALS_MAX = 4
_SERVICES = {
    "leads.v1": "intake",
    "qualifications.v1": "scoring",
    "handoffs.v1": "handoff",
    "outcomes.v1": "feedback",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One entry told to people.

    Attributes:
        sentence: What happened.
        details: Why, line by line.
    """

    entry: Entry
    service: str
    event: Message
    sentence: str
    details: tuple[str, ...]


def tell(entries: Sequence[Entry], scene: Scene) -> list[Told]:
    """Tell entries in their order."""
    return [_told(entry, event_of(entry), scene) for entry in entries]


def story(told: Sequence[Told], zone: tzinfo) -> str:
    """Return the whole as plain text, a paragraph a day."""
    lines: list[str] = []
    day = ""
    for one in told:
        local = one.entry.at.astimezone(zone)
        if f"{local:%x}" != day:
            day = f"{local:%x}"
            lines += ["" if lines else f"Lead {one.entry.lead_id}, times in {zone}\n"]
            lines += [f"{local:%A} {local.day} {local:%B %Y}"]
        lines.append(f"  {local:%H:%M:%S}  {one.service:<8}  {one.sentence}")
        lines += [" " * 22 + detail for detail in one.details]
    return "\n".join(lines) + "\n"


def _told(entry: Entry, event: Message, scene: Scene) -> Told:
    sentence, *details = _TELL[type(event)](event, scene)
    if len(details) > DETAILS_MAX:
        details = [*details[:DETAILS_MAX], f"and {len(details) - DETAILS_MAX} more"]
    service = _SERVICES[route_of(type(event)).topic]
    return Told(entry, service, event, sentence, tuple(details))


def _captured(event: lead.LeadCaptured, scene: Scene) -> list[str]:
    # Not by `is_new`: the one that came first need not be the one that happened first.
    is_first = event.capture_id == scene.first_capture_id
    what = "First heard of" if is_first else "Heard of again"
    return [f"{what} through {event.source}", *_came(event)]


def _did(event: lead.ActivityRecorded, _: Scene) -> list[str]:
    kind = event.activity.kind.replace("_", " ") or "activity"
    return [f"Did: {kind}, told by {event.source}", *_touched(event)]


def _merged(event: lead.LeadsMerged, _: Scene) -> list[str]:
    return [f"Is the same person as {event.merged_lead_id}: {event.reason}"]


def _unmerged(event: lead.LeadsUnmerged, _: Scene) -> list[str]:
    return [f"Is not the same person as {event.unmerged_lead_id} after all: {event.reason}"]


def _quarantined(event: lead.ActivitiesQuarantined, _: Scene) -> list[str]:
    many = len(event.activity_ids)
    what = f"{many} {'activity' if many == 1 else 'activities'}"
    verb = "No longer counts" if event.is_quarantined else "Counts again"
    return [f"{verb}: {what}, {event.reason}"]


def _erased(_: lead.LeadErased, __: Scene) -> list[str]:
    return ["Asked to be forgotten"]


def _scored(event: qualification.LeadScored, _: Scene) -> list[str]:
    before, now = event.tier_before or "no tier", event.tier or "no tier"
    return [
        f"Scored {_points(event.score)}: from {before} to {now}{_version(event)}",
        *_parts(event.score),
    ]


def _qualified(event: qualification.LeadQualified, _: Scene) -> list[str]:
    trigger = f", on {event.trigger.replace('_', ' ')}" if event.trigger else ""
    return [
        f"Qualified as {event.tier}, cycle {event.cycle}, with {_points(event.score)}"
        f"{trigger}{_version(event)}",
        *_parts(event.score),
    ]


def _disqualified(event: qualification.LeadDisqualified, _: Scene) -> list[str]:
    return [f"Is no longer qualified: {event.reason}{_version(event)}"]


def _routed(event: handoff.HandoffRouted, scene: Scene) -> list[str]:
    if event.HasField("owner"):
        sentence = f"Goes to {scene.person(event.owner)} as {event.tier}{_version(event)}"
    else:
        sentence = f"Waits in the queue: nobody is available{_version(event)}"
    told = [*_passed_over(event, scene), *_clocks(event.clocks, scene.zone), *_changes(event)]
    return [sentence, *told]


def _changes(event: handoff.HandoffRouted) -> list[str]:
    return [
        f"New since last time: {one.what}: {one.before or 'none'} -> {one.after or 'none'}"
        for one in event.changes
    ]


def _reassigned(event: handoff.HandoffReassigned, scene: Scene) -> list[str]:
    # `from` is a word of Python.
    left = scene.person(getattr(event, "from")) or "the queue"
    sentence = f"Goes from {left} to {scene.person(event.to)}: {event.reason}"
    return [sentence, *_passed_over(event, scene), *_clocks(event.clocks, scene.zone)]


def _accepted(event: handoff.HandoffAccepted, scene: Scene) -> list[str]:
    return [f"{scene.actor(event.actor)} accepts"]


def _rejected(event: handoff.HandoffRejected, scene: Scene) -> list[str]:
    return [f"{scene.actor(event.actor)} refuses: {event.reason}{_note(event.note)}"]


def _attempted(event: handoff.ContactAttempted, scene: Scene) -> list[str]:
    channel = _word(handoff.Channel.items(), event.channel, "CHANNEL_")
    result = _word(handoff.AttemptResult.items(), event.result, "ATTEMPT_RESULT_")
    return [
        f"{scene.actor(event.actor)} tries to reach the person, attempt {event.attempt}: "
        f"{channel}, {result}{_note(event.note)}"
    ]


def _warned(event: handoff.ClockWarned, scene: Scene) -> list[str]:
    return [f"Warning to {_owner(event, scene)}: {_due(event.clock, scene.zone)}"]


def _breached(event: handoff.ClockBreached, scene: Scene) -> list[str]:
    return [f"Broken by {_owner(event, scene)}: {_due(event.clock, scene.zone)}"]


def _met(event: handoff.ClockMet, _: Scene) -> list[str]:
    kind = clock_word(event.clock.kind)
    used, allowed = duration(event.used_seconds), duration(event.clock.allowed_seconds)
    late = ", late" if event.is_late else ""
    return [f"Kept{late}: {kind} after {used} of {allowed}"]


def _escalated(event: handoff.HandoffEscalated, _: Scene) -> list[str]:
    return [f"Needs a manager: {event.reason}"]


def _recycled(event: handoff.HandoffRecycled, scene: Scene) -> list[str]:
    when = (
        f", not before {_day(event.not_before, scene.zone)}"
        if _has(event, "not_before")
        else ""
    )
    return [
        f"{scene.actor(event.actor)} gives it back: {event.reason}{when}{_note(event.note)}"
    ]


def _withdrawn(event: handoff.HandoffWithdrawn, _: Scene) -> list[str]:
    return [f"Is taken from sales: {event.reason}"]


def _converted(event: handoff.HandoffConverted, scene: Scene) -> list[str]:
    deal = f", deal {event.deal_id}" if event.deal_id else ""
    return [f"{scene.actor(event.actor)} makes it an opportunity{deal}"]


def _opened(event: outcome.DealOpened, _: Scene) -> list[str]:
    return [f"Deal {event.deal_id} is open{_value(event)}"]


def _won(event: outcome.DealWon, _: Scene) -> list[str]:
    return [f"Deal {event.deal_id} is won{_value(event)}"]


def _lost(event: outcome.DealLost, _: Scene) -> list[str]:
    reason = f": {event.reason}" if event.reason else ""
    return [f"Deal {event.deal_id} is lost{_value(event)}{reason}"]


def _returned(event: outcome.LeadReturned, scene: Scene) -> list[str]:
    if not event.HasField("not_before"):
        return [f"Never to come back: {event.label}{_note(event.note)}"]
    again = f"Back to marketing: {event.label}, not before {_day(event.not_before, scene.zone)}"
    evidence = f"comes back with: {event.new_evidence}"
    return [again + _note(event.note), *([evidence] if event.new_evidence else [])]


def _said(event: outcome.FeedbackGiven, scene: Scene) -> list[str]:
    return [f"{scene.actor(event.author)} on {event.subject}: {event.text}"]


def _came(event: lead.LeadCaptured) -> list[str]:
    details = _touched(event)
    if event.HasField("activity"):
        details.append(f"did: {event.activity.kind.replace('_', ' ')}")
    return details


def _touched(event: lead.LeadCaptured | lead.ActivityRecorded) -> list[str]:
    touch = event.touch
    way = " / ".join(part for part in (touch.source, touch.medium) if part)
    words = [f"campaign {touch.campaign}"] if touch.campaign else []
    return [", ".join([*words, *([way] if way else [])])] if words or way else []


def _points(score: qualification.Score) -> str:
    return f"{score.total} points (fit {score.fit}, engagement {score.engagement})"


def _parts(score: qualification.Score) -> list[str]:
    """Return why a score is what it is; the points add up to it."""
    parts = []
    for part in score.parts:
        times = f", {part.count} times" if part.count > 1 else ""
        capped = f", {part.capped} more cut off by the cap" if part.capped else ""
        parts.append(f"{part.points:+4d}  {part.rule}{times}{capped}")
    return parts + [f"kept back by {gate.gate}: {gate.reason}" for gate in score.closed_gates]


def _passed_over(
    event: handoff.HandoffRouted | handoff.HandoffReassigned, scene: Scene
) -> list[str]:
    told = [
        f"not {scene.person(candidate)}: {candidate.passed_over_because}"
        for candidate in event.candidates
        if candidate.passed_over_because
    ]
    if event.behind:
        told.append(f"{event.behind} more in line, who got a lead more recently")
    return told


def _clocks(clocks: Iterable[handoff.Clock], zone: tzinfo) -> list[str]:
    return [_due(clock, zone) for clock in clocks]


def _due(clock: handoff.Clock, zone: tzinfo) -> str:
    """Return when a clock is due, and the stretches of business time that make it so."""
    due = moment(clock.due_at).astimezone(zone)
    stretches = [_stretch(one, zone) for one in clock.intervals[:INTERVALS_MAX]]
    if len(clock.intervals) > INTERVALS_MAX:
        stretches.append("...")
    why = f": {', '.join(stretches)}" if stretches else ""
    allowed = duration(clock.allowed_seconds)
    return f"{clock_word(clock.kind)} due {due:%a %H:%M}, {allowed} of business time{why}"


def _stretch(interval: handoff.Interval, zone: tzinfo) -> str:
    starts = moment(interval.starts_at).astimezone(zone)
    ends = moment(interval.ends_at).astimezone(zone)
    # An end at midnight is the end of the day that it closes.
    last = "24:00" if ends - starts > timedelta(0) and f"{ends:%H:%M}" == "00:00" else ""
    return f"{starts:%a %H:%M}-{last or f'{ends:%H:%M}'}"


def _owner(event: handoff.ClockWarned | handoff.ClockBreached, scene: Scene) -> str:
    return scene.person(event.owner) or "nobody yet"


def _version(event: Any) -> str:  # noqa: ANN401 (every event with a version)
    return f", by agreement version {event.agreement_version}"


def _note(note: str) -> str:
    return f' ("{" ".join(note.split())}")' if note else ""


def _value(event: outcome.DealOpened | outcome.DealWon | outcome.DealLost) -> str:
    return f", {money({event.currency: event.value_cents})}" if event.value_cents else ""


def _day(stamp: Any, zone: tzinfo) -> str:  # noqa: ANN401 (protobuf's timestamp)
    local: datetime = moment(stamp).astimezone(zone)
    return f"{local.day} {local:%B %Y}"


def _has(event: Message, name: str) -> bool:
    return event.HasField(name)


def _word(names: Sequence[tuple[str, int]], number: int, prefix: str) -> str:
    found = {value: name for name, value in names}.get(number, str(number))
    return found.removeprefix(prefix).lower().replace("_", " ")


_TELL: Mapping[type[Message], Callable[[Any, Scene], list[str]]] = {
    lead.LeadCaptured: _captured,
    lead.ActivityRecorded: _did,
    lead.LeadsMerged: _merged,
    lead.LeadsUnmerged: _unmerged,
    lead.ActivitiesQuarantined: _quarantined,
    lead.LeadErased: _erased,
    qualification.LeadScored: _scored,
    qualification.LeadQualified: _qualified,
    qualification.LeadDisqualified: _disqualified,
    handoff.HandoffRouted: _routed,
    handoff.HandoffReassigned: _reassigned,
    handoff.HandoffAccepted: _accepted,
    handoff.HandoffRejected: _rejected,
    handoff.ContactAttempted: _attempted,
    handoff.ClockWarned: _warned,
    handoff.ClockBreached: _breached,
    handoff.ClockMet: _met,
    handoff.HandoffEscalated: _escalated,
    handoff.HandoffRecycled: _recycled,
    handoff.HandoffConverted: _converted,
    handoff.HandoffWithdrawn: _withdrawn,
    outcome.DealOpened: _opened,
    outcome.DealWon: _won,
    outcome.DealLost: _lost,
    outcome.LeadReturned: _returned,
    outcome.FeedbackGiven: _said,
}
