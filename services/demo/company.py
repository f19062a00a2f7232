"""Quendelhof, a made-up company that sells shift planning: its people, campaigns, agreement.

Everything here is invented; addresses end in .example, which is reserved (RFC 2606), and phone
numbers come from ranges that the German regulator keeps free for stories.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from string import Template
from zoneinfo import ZoneInfo

from leadloop.agreement.reader import check
from leadloop.agreement.terms import Agreement
from services.handoff.calendar import Calendar, Opening

NAME = "Quendelhof"
DOMAIN = "quendelhof.example"
ZONE = ZoneInfo("Europe/Berlin")

FIRST_DAY = date(2026, 4, 1)
LAST_DAY = date(2026, 6, 30)

_AGREEMENT = Path(__file__).parent / "agreement.yaml"
# The file of configured senders that is put beside the demo's data.
SOURCES = Path(__file__).parent / "sources.yaml"


def local(day: date, hour: int, minute: int = 0) -> datetime:
    """Return a moment of the company's wall clock, in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE).astimezone(UTC)


BEGIN = local(FIRST_DAY, 8)
END = local(LAST_DAY + timedelta(days=1), 0)


@dataclass(frozen=True, slots=True)
class Size:
    """How much happens in the quarter.

    Attributes:
        leads: How many people marketing reaches.
        customers: The shared goal.
        revenue: The shared goal, in EUR.
        qualified_per_month: What marketing promises sales.
    """

    name: str
    leads: int
    customers: int
    revenue: int
    qualified_per_month: int


SIZES = {
    "full": Size("full", 2_000, 65, 1_000_000, 125),
    "small": Size("small", 200, 6, 100_000, 12),
    # Too few for a story; enough to see that two runs are alike.
    "tiny": Size("tiny", 40, 2, 20_000, 4),
}


def agreement_text(size: Size) -> str:
    """Return the text that both sides sign."""
    return Template(_AGREEMENT.read_text()).substitute(
        customers=size.customers,
        revenue=size.revenue,
        qualified_per_month=size.qualified_per_month,
    )


@lru_cache(maxsize=1)
def _terms() -> Agreement:
    agreement = check(agreement_text(SIZES["full"]), FIRST_DAY).agreement
    if agreement is None:
        raise ValueError(f"expected a sound agreement in {_AGREEMENT}")
    return agreement


@lru_cache(maxsize=1)
def office_hours() -> Calendar:
    """Return when people in sales are at work: the calendar of the agreement itself."""
    known = _terms().calendar
    openings = [Opening(o.weekday, o.opens_minute, o.closes_minute) for o in known.openings]
    closed = frozenset(one.day for one in known.closed_days)
    return Calendar(known.name, known.time_zone, tuple(openings), closed)


def holidays() -> dict[date, str]:
    """Return the public holidays of the quarter by day."""
    return {
        one.day: one.name
        for one in _terms().calendar.closed_days
        if FIRST_DAY <= one.day <= LAST_DAY
    }


class Sender(StrEnum):
    """The systems that tell Leadloop about people, by the name of their source."""

    HUBSPOT = "hubspot"
    MAUTIC = "mautic"
    WEBSITE = "website"


# Made up, like everybody in this story; a real secret lives in the environment.
SECRETS = {
    Sender.HUBSPOT: "5d7f9b1e-demo-4c3a-9e51-0a7d2c64f1b8",
    Sender.MAUTIC: "quendelhof-mautic-demo",
    Sender.WEBSITE: "whsec_cXVlbmRlbGhvZi13ZWJzaXRlLWRlbW8tc2VjcmV0",
}
CURL_TOKEN = "quendelhof-curl-demo"  # noqa: S105 (made up; for the reader's first request)


def secrets() -> dict[str, str]:
    """Return the secrets of the sources by the environment variables that they name."""
    own = {f"DEMO_{sender.name}_SECRET": secret for sender, secret in SECRETS.items()}
    return own | {"DEMO_CURL_TOKEN": CURL_TOKEN}


@dataclass(frozen=True, slots=True)
class Campaign:
    """What marketing spends on, and whom it brings.

    Attributes:
        share: Of 100 leads.
        days: On which days of the quarter people come, counted from 0; on all if None.
        fits: Share of people from companies that could buy.
        needs: Share of those who have the problem now.
        reachable: Share whose contact data are right.
    """

    name: str
    sender: Sender
    source: str
    medium: str
    share: int
    fits: float
    needs: float
    reachable: float
    days: tuple[int, ...] | None = None


CAMPAIGNS = (
    Campaign("pricing-search", Sender.WEBSITE, "google", "cpc", 22, 0.72, 0.50, 0.96),
    Campaign("partner-referral", Sender.WEBSITE, "partner", "referral", 6, 0.92, 0.70, 1.0),
    Campaign(
        "shift-webinar", Sender.HUBSPOT, "linkedin", "paid-social", 22, 0.66, 0.30, 0.95,
        (*range(5, 16), *range(40, 50), *range(62, 72)),
    ),
    Campaign("rota-guide", Sender.HUBSPOT, "linkedin", "paid-social", 18, 0.38, 0.15, 0.9),
    Campaign(
        "spring-fair", Sender.MAUTIC, "fair", "event", 16, 0.60, 0.25, 0.6, (20, 21, 22, 23)
    ),
    Campaign("newsletter", Sender.MAUTIC, "newsletter", "email", 16, 0.60, 0.25, 0.95),
)  # fmt: skip
# The webinars of the quarter, at 10 o'clock.
WEBINARS = (date(2026, 4, 17), date(2026, 5, 21), date(2026, 6, 12))


@dataclass(frozen=True, slots=True)
class Seller:
    """Someone in sales, with their habits.

    Attributes:
        looks_after_minutes: Business minutes until they look at a new lead, in the median.
        forgets: Share of leads they do not look at before somebody asks.
        attempts_max: How often they try to reach someone.
        convinces: How much better than the team they turn interest into a deal; 1 is the team.
    """

    id: str
    name: str
    looks_after_minutes: int
    forgets: float
    attempts_max: int
    convinces: float


SELLERS = (
    Seller("jonas", "Jonas Keller", 15, 0.01, 4, 1.1),
    Seller("amira", "Amira Haddad", 20, 0.02, 4, 1.25),
    Seller("piotr", "Piotr Nowak", 75, 0.05, 3, 1.0),
    Seller("clara", "Clara Vogel", 40, 0.30, 2, 0.9),
    Seller("ben", "Ben Aydin", 30, 0.03, 3, 1.05),
    Seller("signe", "Signe Holm", 40, 0.04, 3, 1.0),
)
SELLER_OF = {seller.id: seller for seller in SELLERS}


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody's leave; `at` is when they remembered to say so."""

    at: datetime
    seller_id: str
    begins_at: datetime
    ends_at: datetime


# Ben leaves on Monday; nobody tells Leadloop before Tuesday, so that some leads wait for him.
ABSENCE = Absence(
    at=local(date(2026, 5, 12), 10),
    seller_id="ben",
    begins_at=local(date(2026, 5, 11), 8),
    ends_at=local(date(2026, 5, 26), 9),
)
