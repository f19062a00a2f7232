"""Between the contract's messages and the values that rules work with."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from leadloop.conditions import Condition, Value, Values
from leadloop.errors import FieldError, Rejected
from leadloop.events import moment, timestamp
from leadloop.v1 import agreement_pb2, lead_pb2, qualification_pb2
from services.scoring.definition import Activity, Agreement, Axis, Gate, Reason, Rule, Tier
from services.scoring.rules import Part, Score
from services.scoring.tallies import Timing

# Canonical decimals only: 007 and +49 are codes, and 18 digits fit CEL's 64 bits.
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,17})\.\d{1,17}", re.ASCII)
_CONSENT = {lead_pb2.CONSENT_GRANTED: "granted", lead_pb2.CONSENT_DENIED: "denied"}
_AXIS = {
    Axis.FIT: qualification_pb2.AXIS_FIT,
    Axis.ENGAGEMENT: qualification_pb2.AXIS_ENGAGEMENT,
}


def facts_of(lead: lead_pb2.Lead) -> Values:
    """Return a lead as conditions see it: the known fields always, "" when not known.

    Attributes are there when they are not empty, as numbers when they are written as numbers;
    they can't hide a known field.
    """
    return {
        **attributes_of(lead.attributes),
        "email": lead.email,
        "email_domain": lead.email.rpartition("@")[2],
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "phone": lead.phone,
        "company": lead.company,
        "job_title": lead.job_title,
        "country": lead.country,
        "consent": _CONSENT.get(lead.consent, "unknown"),
    }


def activity_of(activity: lead_pb2.Activity) -> Activity:
    """Return an activity as rules judge it; `url` and `form` are always there."""
    values = {
        "url": "",
        "form": "",
        **attributes_of(activity.attributes),
        "kind": activity.kind,
    }
    return Activity(activity.activity_id, activity.kind, moment(activity.occurred_at), values)


def attributes_of(attributes: Mapping[str, str]) -> dict[str, Value]:
    """Return the attributes that are given, numbers as numbers."""
    return {name: _value(text) for name, text in attributes.items() if text}


# The one in force, the shadows, and those of the past that people ask about.
@lru_cache(maxsize=16)
def agreement_of(body: bytes) -> Agreement:
    """Compile a stored agreement; the same bytes are compiled once.

    Raises:
        Rejected: Two rules, gates or tiers have one name: parts could not be told apart.
    """
    agreement = agreement_pb2.Agreement.FromString(body)
    definition = agreement.definition
    _require_unique("rules", (rule.name for rule in definition.rules))
    _require_unique("gates", (gate.name for gate in definition.gates))
    _require_unique("tiers", (tier.name for tier in definition.tiers))
    return Agreement(
        name=agreement.name,
        version=agreement.version,
        rules=tuple(_rule(rule) for rule in definition.rules),
        gates=tuple(
            Gate(gate.name, Condition(gate.condition), gate.reason) for gate in definition.gates
        ),
        tiers=tuple(Tier(tier.name, Condition(tier.condition)) for tier in definition.tiers),
        cycles_max=definition.cycles_max,
        points_max={cap.group: cap.points for cap in definition.caps},
        product_lines=tuple(definition.products),
        predictive_model=definition.predictive_model,
        reasons=tuple(_reason(reason) for reason in agreement.reasons),
    )


def score_message(score: Score) -> qualification_pb2.Score:
    """Return a score as events carry it."""
    sums = score.sums
    return qualification_pb2.Score(
        total=sums.total,
        fit=sums.fit,
        engagement=sums.engagement,
        products=sums.products,
        predicted=sums.predicted,
        parts=[_part_message(part) for part in score.parts],
        closed_gates=[
            qualification_pb2.ClosedGate(gate=gate.name, reason=gate.reason)
            for gate in score.closed_gates
        ],
    )


def newest_touch(one: bytes | None, other: bytes | None) -> bytes | None:
    """Return the later of two serialised touches; of two at one moment the first."""
    if one is None or other is None:
        return one or other
    return other if _touched_at(other) > _touched_at(one) else one


def _touched_at(touch: bytes) -> datetime:
    return moment(lead_pb2.Touch.FromString(touch).occurred_at)


def _value(text: str) -> Value:
    """Return a number for a text that is one, else the text."""
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _rule(rule: agreement_pb2.Rule) -> Rule:
    return Rule(
        name=rule.name,
        axis=Axis.ENGAGEMENT if rule.is_engagement else Axis.FIT,
        condition=Condition(rule.condition),
        points=rule.points,
        activity_kind=rule.activity_kind,
        timing=Timing(rule.count_max, rule.period_days, rule.half_life_days, rule.within_days),
        group=rule.group,
        product=rule.product,
    )


def _reason(reason: agreement_pb2.Reason) -> Reason:
    reopened_by = Condition(reason.reopened_by) if reason.reopened_by else None
    return Reason(reason.code, reason.label, reason.new_evidence, reopened_by)


def _require_unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Rejected(
                "The agreement can't be scored by.",
                FieldError(f"/definition/{what}", "a name of its own for each", repr(name)),
            )
        seen.add(name)


def _part_message(part: Part) -> qualification_pb2.ScorePart:
    message = qualification_pb2.ScorePart(
        rule=part.rule,
        axis=_AXIS[part.axis],
        points=part.points,
        capped=part.capped,
        decayed=part.decayed,
        count=part.times,
    )
    if part.evidence is not None:
        message.activity_id = part.evidence.activity_id
        message.occurred_at.CopyFrom(timestamp(part.evidence.occurred_at))
    return message
