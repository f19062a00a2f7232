"""How many leads the goals need, derived from the agreed conversion of each stage."""

from dataclasses import dataclass

from leadloop.agreement.terms import Goals

# Goals are per quarter, what marketing owes per month.
MONTHS = 3


@dataclass(frozen=True)
class Needed:
    """What a quarter needs so that its goals are met; each stage rounded up.

    Attributes:
        revenue_cents_each: Revenue per customer.
    """

    customers: int
    opportunities: int
    accepted: int
    qualified: int
    qualified_per_month: int
    revenue_cents_each: int


def needed(goals: Goals) -> Needed | None:
    """Return what the goals need; None when the conversion of the stages is not agreed."""
    won, converted, accepted = (
        goals.won_percent,
        goals.converted_percent,
        goals.accepted_percent,
    )
    if not (won and converted and accepted):
        return None
    qualified = _up(goals.customers * 100**3, won * converted * accepted)
    return Needed(
        customers=goals.customers,
        opportunities=_up(goals.customers * 100, won),
        accepted=_up(goals.customers * 100**2, won * converted),
        qualified=qualified,
        qualified_per_month=_up(qualified, MONTHS),
        revenue_cents_each=revenue_cents_each(goals),
    )


def revenue_cents_each(goals: Goals) -> int:
    """Return the revenue per customer, in whole cents."""
    return goals.revenue_cents // goals.customers


def fewest_qualified(customers: int, accepted_percent: int) -> int | None:
    """Return how many leads are needed if all that are accepted are won; None: no number is."""
    return _up(customers * 100, accepted_percent) if accepted_percent else None


def _up(numerator: int, denominator: int) -> int:
    """Divide and round up, without floats."""
    return -(-numerator // denominator)
