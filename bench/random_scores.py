"""Random agreements and ledgers: small worlds in which every rule of the score is used."""

from datetime import UTC, datetime, timedelta
from random import Random

from leadloop.conditions import Condition, Value
from services.scoring.definition import Activity, Agreement, Axis, Gate, Rule, Tier
from services.scoring.tallies import Timing

KINDS = ("page_view", "form_submit", "email_click")
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAYS = 150
ABOUT_LEAD = (
    "true",
    'lead.country == "DE"',
    'lead.country in ["DE", "AT"]',
    "lead.employees > 50",
    "lead.employees + 1 == 2",
    'has(lead.industry) && lead.industry == "steel"',
    'lead.industry != "steel" || lead.employees >= 1',
    "size(lead) > 10",
    "lead.country > 3",
    "100 / lead.employees > 1",
    "lead.",
)
ABOUT_ACTIVITY = (
    *ABOUT_LEAD,
    'activity.url == "/pricing"',
    'activity.url.matches("^/p")',
    'activity.url.contains("job") && !(activity.seconds < 5)',
    "activity.seconds >= 30",
    'activity.kind != "page_view"',
    'activity.form == "demo" || lead.country == "DE"',
    "size(activity) > 3",
)
ABOUT_SCORE = (
    *ABOUT_ACTIVITY,
    "total >= 20",
    "fit > 0 && engagement > 0",
    "engagement >= 10 || fit >= 30",
    "fit >= 20",
    "products.crm >= 10",
    'total > 0 && activity.kind == "form_submit"',
)
GROUPS = ("web", "mail")
LINES = ("crm", "billing")

_CONDITIONS: dict[str, Condition] = {}


def condition(text: str) -> Condition:
    """Return a condition, compiled once for all random agreements."""
    if text not in _CONDITIONS:
        _CONDITIONS[text] = Condition(text)
    return _CONDITIONS[text]


def random_agreement(random: Random) -> Agreement:
    """Return an agreement of up to eight rules."""
    rules = [_rule(random, f"r{n}") for n in range(random.randrange(9))]
    capped = random.sample(("web", "mail", "fit", "engagement"), random.randrange(4))
    return Agreement(
        name="any",
        version=1,
        rules=tuple(rules),
        gates=tuple(
            Gate(f"g{n}", condition(random.choice(ABOUT_LEAD)), "")
            for n in range(random.random() < 0.2)
        ),
        tiers=tuple(
            Tier(f"t{n}", condition(random.choice(ABOUT_SCORE)))
            for n in range(random.randrange(4))
        ),
        points_max={group: random.randrange(1, 60) for group in capped},
        product_lines=LINES,
    )


def random_lead(random: Random) -> dict[str, Value]:
    """Return the facts of a lead, some of them missing or of the wrong type."""
    facts: dict[str, Value] = {
        "email": "",
        "country": random.choice(("", "DE", "AT", "FR")),
        "consent": "unknown",
    }
    if random.random() < 0.7:
        facts["employees"] = random.choice((0, 1, 1.0, 80, "many"))
    if random.random() < 0.5:
        facts["industry"] = random.choice(("steel", "games"))
    return facts


def random_ledger(random: Random, prefix: str = "a") -> list[Activity]:
    """Return up to fourteen activities, some at one moment, some on the edges of days."""
    return [_activity(random, f"{prefix}{n:02}") for n in range(random.randrange(15))]


def _rule(random: Random, name: str) -> Rule:
    points = random.randrange(-30, 50)
    product = random.choice(("", *LINES))
    if random.random() < 0.35:
        text = random.choice(ABOUT_LEAD)
        group = random.choice(("", *GROUPS))
        return Rule(name, Axis.FIT, condition(text), points, group=group, product=product)
    return Rule(
        name,
        Axis.ENGAGEMENT,
        condition(random.choice(ABOUT_ACTIVITY)),
        points,
        random.choice(("", *KINDS)),
        _timing(random),
        random.choice(("", *GROUPS)),
        product,
    )


def _timing(random: Random) -> Timing:
    half_life, within = random.choice(
        ((0, 0), (0, 0), (7, 0), (30, 0), (1, 0), (0, 10), (0, 1))
    )
    count_max = random.choice((0, 0, 1, 3))
    period = random.choice((0, 1, 7, 30)) if count_max else 0
    return Timing(count_max, period, half_life, within)


def _activity(random: Random, activity_id: str) -> Activity:
    kind = random.choice(KINDS)
    # Few days and few times of day, so that rules meet repetitions and ties.
    at = START + timedelta(days=random.choice((random.randrange(DAYS), random.randrange(8))))
    at += random.choice((timedelta(0), timedelta(hours=12), timedelta(hours=-12)))
    values: dict[str, Value] = {"url": "", "form": "", "kind": kind}
    if random.random() < 0.6:
        values["url"] = random.choice(("/pricing", "/jobs"))
    if random.random() < 0.3:
        values["form"] = "demo"
    if random.random() < 0.4:
        values["seconds"] = random.randrange(60)
    return Activity(activity_id, kind, at, values)
