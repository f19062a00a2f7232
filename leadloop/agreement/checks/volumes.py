"""Goals that the agreed volumes can't meet."""

from collections.abc import Iterator

from leadloop.agreement.checks.case import Case
from leadloop.agreement.checks.finding import Found, Level
from leadloop.agreement.goals import MONTHS, fewest_qualified, needed
from leadloop.agreement.terms import Goals, MarketingLevel


def goals_out_of_reach(case: Case) -> Iterator[Found]:
    """Give a finding for goals that need more leads than marketing owes."""
    goals, owed = case.agreement.goals, case.agreement.marketing_level
    if goals is None or owed is None:
        return
    yield from _too_few_leads(goals, owed)
    if goals.accepted_percent > owed.accepted_percent:
        yield Found(
            "/goals/conversion/accepted",
            "goals_count_on_more",
            f"The goals count on {goals.accepted_percent}% of leads being accepted, marketing "
            f"owes {owed.accepted_percent}%.",
            "Use one rate for both.",
            Level.WARNING,
        )


def _too_few_leads(goals: Goals, owed: MarketingLevel) -> Iterator[Found]:
    volume = owed.qualified_per_month * MONTHS
    wanted = needed(goals)
    if wanted is None:
        fewest = fewest_qualified(goals.customers, owed.accepted_percent)
        if fewest is not None and volume >= fewest:
            return
        how = f"even if every accepted lead became a customer ({owed.accepted_percent}% are)"
        needs = "more than there are" if fewest is None else f"at least {fewest}"
    elif volume >= wanted.qualified:
        return
    else:
        how = "at the agreed conversion"
        needs = f"{wanted.qualified}"
    yield Found(
        "/marketing_owes/qualified_per_month",
        "goals_out_of_reach",
        f"{goals.customers} customers need {needs} qualified leads a quarter {how}; "
        f"{owed.qualified_per_month} a month are {volume}.",
        "Raise what marketing owes, or lower the goals.",
    )
