"""How fast leads are scored: from scratch, and by one new activity; one core.

From scratch: 20 fit rules, 20 engagement rules that are each bound to a kind of activity, 50
activities a lead, to the whole score with its parts. Beside it the same agreement's conditions
by cel-python, and by Python lambdas in a plain loop, which cap, fade and explain nothing.

By one new activity: of each lead of a batch the new activity is judged, and the sums, the tier
and what follows are decided; then the same with reading each standing as it is kept before, and
writing it so after; and that for leads that did 10 things, and 10,000.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, repeat
from random import Random
from typing import Annotated, Any, Final, NamedTuple

import celpy
import typer
from celpy import celtypes
from celpy.adapter import json_to_cel

from bench import report
from bench.random_scores import START
from leadloop.conditions import Condition, Values
from services.scoring import rules
from services.scoring.cycles import Cycle
from services.scoring.definition import Activity, Agreement, Axis, Gate, Rule, Tier
from services.scoring.standings import Standing, decode_standing, encode_standing
from services.scoring.tallies import Timing, day_of

ACTIVITIES: Final = 50
KINDS: Final = 20
DAYS: Final = 120
DAY: Final = day_of(START) + DAYS
FEW, MANY = 10, 10_000
LEADS_OF_A_KIND, TIMES_EACH = 20, 25
ROUNDS: Final = 7
# cel-python takes so long that few leads will do.
CEL_LEADS_MAX: Final = 40

ABOUT_LEAD: Final[Sequence[tuple[str, Callable[[Any], bool]]]] = (
    ('lead.country in ["DE", "AT", "CH"]', lambda lead: lead["country"] in ("DE", "AT", "CH")),
    ('lead.company != ""', lambda lead: lead["company"] != ""),
    ("lead.employees >= 50", lambda lead: lead["employees"] >= 50),
    (
        'lead.industry == "software" && lead.employees < 1000',
        lambda lead: lead["industry"] == "software" and lead["employees"] < 1000,
    ),
    (
        'lead.job_title.contains("Head") || lead.job_title.contains("Chief")',
        lambda lead: "Head" in lead["job_title"] or "Chief" in lead["job_title"],
    ),
)
ABOUT_ACTIVITY: Final[Sequence[tuple[str, Callable[[Any, Any], bool]]]] = (
    ('activity.url.contains("/pricing")', lambda _, activity: "/pricing" in activity["url"]),
    ("true", lambda _lead, _activity: True),
    ("activity.seconds >= 10", lambda _, activity: activity["seconds"] >= 10),
    (
        'activity.form == "demo" || lead.country == "DE"',
        lambda lead, activity: activity["form"] == "demo" or lead["country"] == "DE",
    ),
)
TIMINGS: Final = (
    Timing(),
    Timing(count_max=3),
    Timing(half_life_days=30),
    Timing(2, 7),
    Timing(within_days=30),
)


class Known(NamedTuple):
    """A lead with what it did."""

    facts: Values
    activities: list[Activity]


@dataclass(frozen=True)
class Figures:
    """What the last line tells.

    Attributes:
        kept_per_second: Activities decided, with reading and writing the standings' JSON.
        activity_cost_ratio: With reading and writing.
    """

    leads_per_second: float
    cel_python: float
    python_loop: float
    activities_per_second: float
    kept_per_second: float
    activity_cost_ratio: float
    parts_per_lead: float


def an_agreement() -> Agreement:
    """Return 20 fit rules and 20 engagement rules, each for a kind of its own."""
    fit = [
        Rule(f"fit {n}", Axis.FIT, Condition(ABOUT_LEAD[n % len(ABOUT_LEAD)][0]), 1 + n % 7)
        for n in range(20)
    ]
    engagement = [
        Rule(
            f"engagement {n}",
            Axis.ENGAGEMENT,
            Condition(ABOUT_ACTIVITY[n % len(ABOUT_ACTIVITY)][0]),
            2 + n % 9,
            f"kind_{n}",
            TIMINGS[n % 5],
            group="web" if n % 3 == 0 else "",
        )
        for n in range(KINDS)
    ]
    return Agreement(
        "bench",
        1,
        (*fit, *engagement),
        (Gate("may be contacted", Condition('lead.consent != "denied"'), "no consent"),),
        (
            Tier("A", Condition("total >= 200 && fit >= 40")),
            Tier("B", Condition("total >= 120")),
        ),
        points_max={"web": 60, "engagement": 250},
    )


def a_lead(random: Random, number: int, activities: int) -> Known:
    """Return a lead; what it did comes in the order of time."""
    facts = {
        "email": f"lead{number}@example.com",
        "country": random.choice(("DE", "AT", "US", "FR")),
        "company": f"Company {number}",
        "employees": random.randrange(2_000),
        "industry": random.choice(("software", "steel")),
        "job_title": random.choice(("Head of Sales", "Engineer", "Chief of Staff")),
        "consent": "granted",
    }
    days = sorted(random.random() * (DAYS - 1) for _ in range(activities))
    return Known(facts, [_activity(random, number, n, day) for n, day in enumerate(days)])


def _activity(random: Random, lead: int, number: int, day: float) -> Activity:
    kind = f"kind_{random.randrange(KINDS)}"
    values = {
        "kind": kind,
        "url": f"https://example.com/{random.choice(('pricing', 'jobs', 'blog'))}/{number}",
        "form": random.choice(("demo", "newsletter", "")),
        "seconds": random.randrange(120),
    }
    at = START + timedelta(days=day)
    return Activity(f"{lead:06}-{number:06}", kind, at, values)


def from_scratch(leads: Sequence[Known], agreement: Agreement) -> int:
    """Score all leads; return how many parts their scores have."""
    return sum(
        len(rules.score(lead.facts, lead.activities, agreement, DAY).parts) for lead in leads
    )


def by_lambdas(leads: Sequence[Known], agreement: Agreement) -> int:
    """Add up points by Python's own functions in a plain loop: the least there is to do."""
    fit = [(rule.points, ABOUT_LEAD[n % 5][1]) for n, rule in enumerate(agreement.fit_rules)]
    engagement = [
        (rule.activity_kind, rule.points, ABOUT_ACTIVITY[n % 4][1])
        for n, rule in enumerate(agreement.engagement_rules)
    ]
    total = 0
    for facts, activities in leads:
        for points, holds in fit:
            if holds(facts):
                total += points
        for activity in activities:
            for kind, points, judge in engagement:
                if kind == activity.kind and judge(facts, activity.values):
                    total += points
    return total


def by_cel_python(leads: Sequence[Known], agreement: Agreement) -> int:
    """Add up points by cel-python's compiled programs, rules found by their kind."""
    environment = celpy.Environment(
        annotations={"lead": celtypes.MapType, "activity": celtypes.MapType}
    )

    def program(rule: Rule) -> celpy.Runner:
        return environment.program(environment.compile(rule.condition.text))

    fit = [(rule.points, program(rule)) for rule in agreement.fit_rules]
    engagement = {
        rule.activity_kind: (rule.points, program(rule)) for rule in agreement.engagement_rules
    }
    total = 0
    for facts, activities in leads:
        lead = json_to_cel(dict(facts))
        total += sum(points for points, run in fit if run.evaluate({"lead": lead}))
        for activity in activities:
            points, run = engagement[activity.kind]
            values = json_to_cel(dict(activity.values))
            if run.evaluate({"lead": lead, "activity": values}):
                total += points
    return total


def decide(known: Sequence[tuple[Known, Standing]], agreement: Agreement) -> list[Standing]:
    """Judge each lead's newest activity alone, as a batch does; return how they stand then."""
    decided, cycle, now = [], Cycle(), START + timedelta(days=DAYS)
    for lead, standing in known:
        facts = lead.facts
        found = rules.advance(standing, facts, facts, lead.activities[-1], agreement)
        found = found or rules.replay(facts, lead.activities, agreement)
        points = rules.points_on(found.standing, agreement, DAY)
        sums = rules.sums_of(points, agreement)
        tier, _ = rules.tier_of(found.standing, sums, facts, agreement)
        rules.decide("B", tier, found.standing, cycle, agreement, now)
        decided.append(found.standing)
    return decided


def decide_kept(kept: Sequence[tuple[Known, bytes]], agreement: Agreement) -> list[bytes]:
    """Do the same from standings as the database has them to standings as it gets them."""
    known = [(lead, decode_standing(standing)) for lead, standing in kept]
    return [encode_standing(standing) for standing in decide(known, agreement)]


def known_but_for_the_newest(lead: Known, agreement: Agreement) -> tuple[Known, bytes]:
    """Return a lead with its standing before its newest activity, as it is kept."""
    standing: Standing = rules.replay(lead.facts, lead.activities[:-1], agreement).standing
    return lead, encode_standing(standing)


def best_seconds(works: Sequence[Callable[[], object]]) -> list[float]:
    """Return how long each takes at best, in rounds of all: the machine has slow spells."""
    best = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for n, work in enumerate(works):
            began = time.perf_counter()
            work()
            best[n] = min(best[n], time.perf_counter() - began)
    return best


def measure(leads: int, seed: int) -> Figures:
    """Measure all, in turns."""
    random, agreement = Random(seed), an_agreement()
    known = [a_lead(random, n, ACTIVITIES) for n in range(leads)]
    slow = known[:CEL_LEADS_MAX]
    kept = [known_but_for_the_newest(lead, agreement) for lead in known]
    standing = [(lead, decode_standing(body)) for lead, body in kept]
    few, many = (_alike(random, agreement, activities) for activities in (FEW, MANY))
    seconds = best_seconds(
        (
            lambda: from_scratch(known, agreement),
            lambda: by_cel_python(slow, agreement),
            lambda: by_lambdas(known, agreement),
            lambda: decide(standing, agreement),
            lambda: decide_kept(kept, agreement),
            lambda: decide_kept(few, agreement),
            lambda: decide_kept(many, agreement),
        )
    )
    return Figures(
        leads_per_second=leads / seconds[0],
        cel_python=len(slow) / seconds[1],
        python_loop=leads / seconds[2],
        activities_per_second=leads / seconds[3],
        kept_per_second=leads / seconds[4],
        activity_cost_ratio=seconds[6] / seconds[5],
        parts_per_lead=from_scratch(known, agreement) / leads,
    )


def _alike(random: Random, agreement: Agreement, activities: int) -> list[tuple[Known, bytes]]:
    """Return leads that did so many things before their newest, each of them many times."""
    leads = [a_lead(random, number, activities + 1) for number in range(LEADS_OF_A_KIND)]
    kept = [known_but_for_the_newest(lead, agreement) for lead in leads]
    return list(chain.from_iterable(repeat(kept, TIMES_EACH)))


app = report.command_line()


@app.command()
def main(
    leads: Annotated[int, typer.Option(help="With 50 activities each.")] = 2_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same leads.")] = 1,
) -> None:
    """Measure how fast leads are scored, on one core."""
    figures = measure(leads, seed)
    each = 1_000_000 / figures.activities_per_second
    report.table(
        f"{leads:,} leads, {ACTIVITIES} activities each, {figures.parts_per_lead:.0f} parts",
        ("from scratch, with all parts", "leads/s", "activities/s"),
        [
            (name, f"{value:,.0f}", f"{value * ACTIVITIES:,.0f}")
            for name, value in (
                ("leadloop", figures.leads_per_second),
                ("Python lambdas, sums only", figures.python_loop),
                ("cel-python, sums only", figures.cel_python),
            )
        ],
    )
    report.table(
        "One new activity on known leads, decided in batches",
        ("", ""),
        [
            ("activities decided a second", f"{figures.activities_per_second:,.0f}"),
            ("microseconds each", f"{each:.1f}"),
            (
                "with reading and writing standings, a second",
                f"{figures.kept_per_second:,.0f}",
            ),
            (f"its cost after {MANY:,} against {FEW}", f"{figures.activity_cost_ratio:.2f}"),
        ],
    )
    report.last_line(figures)


if __name__ == "__main__":
    app()
