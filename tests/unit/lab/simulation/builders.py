"""Agreements, teams and leads for simulations, every field defaulted."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from services.handoff.routing import Person
from services.lab.simulation.leads import Prospect, Seen
from services.lab.simulation.pattern import Pattern
from services.lab.simulation.runs import Coming
from services.lab.simulation.stream import Stream
from services.lab.simulation.team import Market, Pace, Team, Worker
from services.lab.simulation.trial import Trial, read_trial
from services.scoring.definition import Activity

MONDAY = date(2026, 3, 2)
# Ten o'clock in Berlin.
TEN = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REASONS = """
  no_budget: {label: No budget, then: return, cool_down: 7d}
  rival: {label: A rival, then: disqualify}
"""
TWO_TIERS = """
    - {name: A, when: total >= 20}
    - {name: B, when: total >= 10}
"""
TWO_LEVELS = """
    A: {accept: 1h, first_attempt: 2h}
    B: {accept: 4h, first_attempt: 8h}
"""


def an_agreement(
    *,
    tiers: str = TWO_TIERS,
    levels: str = TWO_LEVELS,
    reasons: str = REASONS,
    reassign: int = 1,
    more: str = "",
) -> str:
    return f"""
agreement: default
signers: {{marketing: Mara, sales: Tom}}
qualified_lead:
  engagement:
    - {{name: sent a form, on: form_submit, points: 10}}
  gates:
    - {{name: may be contacted, when: lead.consent != "denied", reason: Said no.}}
  tiers: {tiers}
  cycles_at_most: 3
service_levels:
  calendar: office
  tiers: {levels}
calendars:
  office:
    time_zone: Europe/Berlin
    open: {{mon-fri: ["09:00-17:00"]}}
routing: {{reassign_at_most: {reassign}}}
reasons: {reasons}
{more}
"""


def a_trial(text: str = "") -> Trial:
    return read_trial(text or an_agreement(), MONDAY)


def a_pace(
    *,
    sees_after: timedelta = 10 * MINUTE,
    minutes: int = 20,
    attempts: int = 3,
    at_once: int = 0,
    forgets: float = 0.0,
) -> Pace:
    """Return how someone works who takes the same time to see each lead."""
    return Pace(sees_after, sees_after, minutes, 10, at_once, forgets, attempts)


EVERYBODY_ACCEPTS = Market(accepted=1.0, reached=1.0, converted=1.0, won=1.0, comes_back=0.0)


def a_team(
    count: int = 1,
    trial: Trial | None = None,
    *,
    pace: Pace | None = None,
    market: Market = EVERYBODY_ACCEPTS,
) -> Team:
    calendar = (trial or a_trial()).terms.calendar
    people = [Person(f"p{n:03}", f"Person {n}") for n in range(count)]
    return Team(tuple(Worker(one, calendar, pace or a_pace()) for one in people), market)


def a_stream(
    per_week: float = 20,
    weeks: int = 4,
    *,
    pattern: Pattern = Pattern.OFFICE,
    seed: int = 1,
    shares: tuple[tuple[str, float], ...] = (),
) -> Coming:
    stream = Stream(MONDAY, weeks, per_week, pattern, "Europe/Berlin", seed)
    return Coming(stream.begins_at, stream.ends_at, list(stream.prospects()), stream, shares)


def forms(lead_id: str, *moments: datetime) -> Prospect:
    """Return a lead who sends forms at these moments, and is known from the first one on."""
    return Prospect(lead_id, tuple(_seen(lead_id, moments)))


def _seen(lead_id: str, moments: tuple[datetime, ...]) -> Iterator[Seen]:
    yield Seen(moments[0], {"consent": "granted"})
    for number, at in enumerate(moments):
        values = {"kind": "form_submit"}
        yield Seen(at, None, Activity(f"{lead_id}/{number}", "form_submit", at, values))


def coming(*prospects: Prospect, weeks: int = 4) -> Coming:
    return Coming(TEN, TEN + timedelta(weeks=weeks), prospects)
