"""What the tests of backtests are made of, each with defaults."""

from datetime import datetime, timedelta
from random import Random

from bench.random_scores import random_lead, random_ledger
from services.lab.history.past import PastLead
from tests.unit.scoring.builders import START, facts


def a_past_lead(
    *activities,
    won: bool | None = True,
    lead_id: str = "a",
    at: datetime = START,
    line: int = 0,
    **known: str | int,
) -> PastLead:
    ordered = tuple(sorted(activities, key=lambda one: (one.occurred_at, one.activity_id)))
    return PastLead(lead_id, at, facts(**known), ordered, won, line=line)


def a_random_lead(seed: int) -> PastLead:
    random = Random(seed)
    ledger = sorted(random_ledger(random), key=lambda one: (one.occurred_at, one.activity_id))
    at = START - timedelta(days=random.randrange(90))
    won = random.choice((True, False, False, None))
    return PastLead(f"l{seed}", at, random_lead(random), tuple(ledger), won, line=seed + 2)
