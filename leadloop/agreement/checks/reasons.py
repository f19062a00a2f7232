"""Reasons that lead nowhere: a return that can't come back, evidence that nobody can give."""

from collections.abc import Iterator

from leadloop.agreement.checks.case import Case, tree_of
from leadloop.agreement.checks.finding import Found
from leadloop.agreement.terms import Reason, Then
from leadloop.possible import worlds
from leadloop.possible.world import all_of


def reasons_that_lead_nowhere(case: Case) -> Iterator[Found]:
    """Give a finding for each reason after which what is agreed can't happen."""
    yield from _no_second_cycle(case)
    for reason in case.agreement.reasons:
        if reason.reopened_by:
            yield from _against_gates(case, reason)


def _no_second_cycle(case: Case) -> Iterator[Found]:
    definition = case.agreement.definition
    returning = [one.code for one in case.agreement.reasons if one.then is Then.RETURN]
    if definition.cycles_max == 1 and returning:
        yield Found(
            "/qualified_lead/cycles_at_most",
            "no_way_back",
            f"With cycles_at_most: 1 nobody qualifies a second time, so {', '.join(returning)} "
            "return leads that can never come back.",
            "Allow at least 2 cycles, or let these reasons disqualify.",
        )


def _against_gates(case: Case, reason: Reason) -> Iterator[Found]:
    tree = tree_of(reason.reopened_by)
    reopened_in = worlds(tree, case.lead_scope) if tree else ()
    if reopened_in and not all_of((reopened_in, case.gates)):
        yield Found(
            f"{reason.path}/reopened_by",
            "reopened_against_gate",
            f'What reopens "{reason.code}" holds only for leads that the gates keep out, so '
            "nobody comes back.",
            "Change reopened_by, or the gate.",
        )
