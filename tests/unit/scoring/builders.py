"""What the tests of scoring are made of, each with defaults."""

from datetime import UTC, datetime, timedelta

from leadloop.conditions import Condition, Values
from services.scoring.definition import Activity, Agreement, Axis, Gate, Rule, Tier
from services.scoring.tallies import Timing, day_of

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TODAY = day_of(START)


def a_fit_rule(condition: str, points: int = 10, name: str = "") -> Rule:
    return Rule(name or condition, Axis.FIT, Condition(condition), points)


def an_engagement_rule(
    condition: str = "true",
    points: int = 5,
    name: str = "",
    kind: str = "",
    **timing: int,
) -> Rule:
    return Rule(
        name or condition,
        Axis.ENGAGEMENT,
        Condition(condition),
        points,
        kind,
        Timing(**timing),
    )


def a_gate(condition: str, reason: str = "not wanted") -> Gate:
    return Gate(condition, Condition(condition), reason)


def a_tier(name: str, condition: str) -> Tier:
    return Tier(name, Condition(condition))


def an_agreement(
    rules: tuple[Rule, ...] = (),
    gates: tuple[Gate, ...] = (),
    tiers: tuple[Tier, ...] = (),
    cycles_max: int = 0,
) -> Agreement:
    return Agreement("sales", 1, rules, gates, tiers, cycles_max)


def facts(**values: str | int | float) -> Values:
    known = ("email", "email_domain", "first_name", "last_name", "phone", "company")
    blank = dict.fromkeys((*known, "job_title", "country"), "")
    return {**blank, "consent": "unknown", **values}


def an_activity(
    number: int = 1, kind: str = "page_view", minutes: int | None = None, **values: str | int
) -> Activity:
    at = START + timedelta(minutes=number if minutes is None else minutes)
    return Activity(f"a{number:05}", kind, at, {"url": "", "form": "", "kind": kind, **values})
