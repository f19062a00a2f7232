"""Caps that nothing is under, that never bite, or that leave a rule without effect."""

from collections.abc import Iterator, Sequence

from leadloop.agreement.checks.case import Case, tree_of
from leadloop.agreement.checks.finding import Found, Level
from leadloop.agreement.checks.reach import Reach
from leadloop.agreement.definition import SIDES
from leadloop.agreement.terms import Cap, Rule
from leadloop.possible import implies


def caps_that_do_not_fit(case: Case) -> Iterator[Found]:
    """Give a finding for each cap without effect, and for each rule that a cap makes idle."""
    reach = Reach(case)
    for cap in case.agreement.definition.caps:
        members = _members(case, cap)
        if not members:
            yield _without_rules(cap)
        elif _most(reach, cap) <= cap.points:
            yield _never_bites(cap, _most(reach, cap))
        elif all(rule.points >= 0 for rule in members):
            for rule in members:
                yield from _about_rule(case, cap, rule, members)


def _members(case: Case, cap: Cap) -> list[Rule]:
    """Return the rules under a cap, in the order in which they keep their points."""
    rules = case.agreement.definition.rules
    if cap.group in SIDES:
        return [rule for rule in rules if rule.is_engagement is (cap.group == "engagement")]
    return [rule for rule in rules if rule.group == cap.group]


def _most(reach: Reach, cap: Cap) -> float:
    """Return the most points that the rules under a cap could give without it."""
    if cap.group in SIDES:
        return reach.side(is_engagement=cap.group == "engagement", capped=False)[1]
    return reach.group(cap.group)


def _without_rules(cap: Cap) -> Found:
    where = "on that side" if cap.group in SIDES else f"with group: {cap.group}"
    return Found(
        cap.path,
        "cap_without_rules",
        f"The cap {cap.group} caps nothing: there is no rule {where}.",
        "Put the rules that it is for under it, or take the cap out.",
    )


def _never_bites(cap: Cap, most: float) -> Found:
    return Found(
        cap.path,
        "cap_never_bites",
        f"The cap {cap.group} of {cap.points} never bites: its rules come to at most {most:g}.",
        "Lower the cap, or take it out.",
        Level.WARNING,
    )


def _about_rule(case: Case, cap: Cap, rule: Rule, members: Sequence[Rule]) -> Iterator[Found]:
    if _is_idle(case, cap, rule, members):
        yield Found(
            rule.path,
            "rule_idle",
            f'The rule "{rule.name}" never adds anything: whenever it holds, rules before it '
            f"have filled the cap {cap.group} of {cap.points} already.",
            "Raise the cap, put the rule first, or take it out.",
        )
    elif rule.half_life_days:
        # Under a cap, points that fade last longer: more of them than the cap may be meant.
        return
    elif rule.points > cap.points:
        yield Found(
            f"{rule.path}/points",
            "points_above_cap",
            f'The rule "{rule.name}" never gives its {rule.points} points: the cap {cap.group} '
            f"lets {cap.points} of them count.",
            "Lower the points, or raise the cap.",
            Level.WARNING,
        )
    elif rule.points == cap.points and rule.count_max > 1:
        yield Found(
            f"{rule.path}/at_most",
            "at_most_idle",
            f'The rule "{rule.name}" counts up to {rule.count_max} times, but once fills the '
            f"cap {cap.group} of {cap.points}.",
            "Set at_most to 1, or raise the cap.",
            Level.WARNING,
        )


def _is_idle(case: Case, cap: Cap, rule: Rule, members: Sequence[Rule]) -> bool:
    """Say whether rules that come first always fill the cap when this one holds.

    A cap takes from the last of its rules first.
    """
    if not rule.points:
        return False
    before = members[: members.index(rule)]
    counting = [one.points for one in before if _counts_whenever(case, cap, one, rule)]
    return sum(counting) >= cap.points


def _counts_whenever(case: Case, cap: Cap, one: Rule, rule: Rule) -> bool:
    """Say whether a rule counts in full whenever another does."""
    is_cut_before = cap.group in SIDES and one.group
    is_older = one.within_days and not 0 < rule.within_days <= one.within_days
    if is_cut_before or is_older or one.half_life_days:
        return False
    if one.is_engagement is not rule.is_engagement:
        return False
    if one.activity_kind not in ("", rule.activity_kind):
        return False
    first, second = tree_of(rule.condition), tree_of(one.condition)
    if first is None or second is None or not case.rule_alone(rule):
        return False
    return implies(first, second, case.scope_of(rule))
