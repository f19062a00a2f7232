"""The agreement as its event carries it, and back again as far as feedback reads it."""

from collections.abc import Iterable
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from leadloop.agreement.calendars import Calendar
from leadloop.agreement.terms import Agreement, Definition, Reason, Rule, ServiceLevel, Then
from leadloop.v1 import agreement_pb2 as pb

SIDES = {"marketing": pb.SIDE_MARKETING, "sales": pb.SIDE_SALES}
CONSEQUENCES = {
    Then.RETURN: pb.CONSEQUENCE_RETURN,
    Then.REROUTE: pb.CONSEQUENCE_REROUTE,
    Then.DISQUALIFY: pb.CONSEQUENCE_DISQUALIFY,
}
_THEN = {consequence: then for then, consequence in CONSEQUENCES.items()}


def to_contract(
    agreement: Agreement, version: int, signatures: Iterable[pb.Signature]
) -> pb.Agreement:
    """Return an agreement as every service reads it.

    Args:
        agreement: Checked.
        version: From 1, one more for each signed version of its name.
        signatures: Of both sides.
    """
    contract = pb.Agreement(
        name=agreement.name,
        version=version,
        text_sha256=agreement.text_sha256,
        signatures=signatures,
        definition=_definition(agreement.definition),
        service_levels=[_service_level(level) for level in agreement.service_levels],
        calendar=_calendar(agreement.calendar),
        routing=pb.Routing(reassign_max=agreement.reassign_max),
        reasons=[_reason(reason) for reason in agreement.reasons],
        content=[
            pb.Content(name=asset.name, url=asset.url, condition=asset.condition)
            for asset in agreement.content
        ],
    )
    if goals := agreement.goals:
        contract.goals.customers = goals.customers
        contract.goals.revenue_cents = goals.revenue_cents
        contract.goals.currency = goals.currency
        contract.goals.accepted_percent = goals.accepted_percent
        contract.goals.converted_percent = goals.converted_percent
        contract.goals.won_percent = goals.won_percent
    if level := agreement.marketing_level:
        contract.marketing_level.qualified_per_month = level.qualified_per_month
        contract.marketing_level.accepted_percent = level.accepted_percent
        contract.marketing_level.complete_percent = level.complete_percent
    return contract


def reason_of(contract: pb.Agreement, code: str) -> Reason | None:
    """Return the reason with this code; None when the agreement has none."""
    for reason in contract.reasons:
        if reason.code == code:
            return Reason(
                code=reason.code,
                label=reason.label,
                then=_THEN.get(reason.consequence, Then.RETURN),
                cool_down=reason.cool_down.ToTimedelta(),
                new_evidence=reason.new_evidence,
                reopened_by=reason.reopened_by,
            )
    return None


def _definition(definition: Definition) -> pb.Definition:
    return pb.Definition(
        rules=[_rule(rule) for rule in definition.rules],
        gates=[
            pb.Gate(name=gate.name, condition=gate.condition, reason=gate.reason)
            for gate in definition.gates
        ],
        tiers=[pb.Tier(name=tier.name, condition=tier.condition) for tier in definition.tiers],
        cycles_max=definition.cycles_max,
        caps=[pb.Cap(group=cap.group, points=cap.points) for cap in definition.caps],
        products=definition.products,
        predictive_model=definition.predictive_model,
    )


def _rule(rule: Rule) -> pb.Rule:
    return pb.Rule(
        name=rule.name,
        is_engagement=rule.is_engagement,
        activity_kind=rule.activity_kind,
        condition=rule.condition,
        points=rule.points,
        count_max=rule.count_max,
        group=rule.group,
        product=rule.product,
        half_life_days=rule.half_life_days,
        within_days=rule.within_days,
        period_days=rule.period_days,
    )


def _service_level(level: ServiceLevel) -> pb.ServiceLevel:
    return pb.ServiceLevel(
        tier=level.tier,
        accept=_duration(level.accept),
        first_attempt=_duration(level.first_attempt),
        warn_percent=level.warn_percent,
    )


def _calendar(calendar: Calendar) -> pb.Calendar:
    return pb.Calendar(
        name=calendar.name,
        time_zone=calendar.time_zone,
        opening_hours=[
            pb.OpeningHours(
                weekday=opening.weekday,
                opens_minute=opening.opens_minute,
                closes_minute=opening.closes_minute,
            )
            for opening in calendar.openings
        ],
        closed_days=[
            pb.ClosedDay(date=closed.day.isoformat(), name=closed.name)
            for closed in calendar.closed_days
        ],
    )


def _reason(reason: Reason) -> pb.Reason:
    return pb.Reason(
        code=reason.code,
        label=reason.label,
        consequence=CONSEQUENCES[reason.then],
        cool_down=_duration(reason.cool_down) if reason.cool_down else None,
        new_evidence=reason.new_evidence,
        reopened_by=reason.reopened_by,
    )


def _duration(length: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(length)
    return duration
