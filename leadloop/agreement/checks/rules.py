"""Rules that gates make pointless, that cancel each other out, or that give nothing."""

from collections.abc import Iterable, Iterator
from itertools import chain, combinations, islice

from leadloop.agreement.checks.case import Case, tree_of
from leadloop.agreement.checks.finding import Found, Level
from leadloop.agreement.terms import Rule
from leadloop.possible import implies, reads_in, worlds
from leadloop.possible.world import all_of

# Rules by the hundred about the very same values are not all compared: it would take long.
_PAIRS_MAX = 1_000


def rules_that_can_not_count(case: Case) -> Iterator[Found]:
    """Give a finding for each rule that never adds to a score that matters."""
    yield from _without_points(case)
    yield from _behind_gates(case)
    yield from _twice(case)


def _without_points(case: Case) -> Iterator[Found]:
    for rule in case.agreement.definition.rules:
        if not rule.points:
            yield Found(
                f"{rule.path}/points",
                "no_points",
                f'The rule "{rule.name}" gives 0 points, so it changes no score.',
                "Give it points, or take it out.",
                Level.WARNING,
            )


def _behind_gates(case: Case) -> Iterator[Found]:
    for rule, behind in zip(case.agreement.definition.rules, case.rule_worlds, strict=True):
        alone = case.rule_alone(rule)
        if behind or not alone:
            continue
        closed = next((gate for gate in _gates_against(case, rule)), "all of them together")
        yield Found(
            f"{rule.path}/when",
            "against_gate",
            f'The rule "{rule.name}" holds only for leads that the gates keep out ({closed}).',
            "Take the rule out, or change the gate.",
            Level.ERROR if rule.points > 0 else Level.WARNING,
        )


def _gates_against(case: Case, rule: Rule) -> Iterator[str]:
    for gate in case.agreement.definition.gates:
        tree = tree_of(gate.condition)
        open_in = worlds(tree, case.lead_scope) if tree else ()
        if open_in and not all_of((case.rule_alone(rule), open_in)):
            yield f'"{gate.name}"'


def _twice(case: Case) -> Iterator[Found]:
    """Give a finding for each two rules that always count together."""
    for one, two in _alike(case.agreement.definition.rules):
        if not _always_together(case, one, two):
            continue
        if one.points + two.points == 0:
            yield Found(
                two.path,
                "cancel_out",
                f'The rules "{one.name}" and "{two.name}" always hold together and give '
                f"{one.points:+} and {two.points:+}: they cancel each other out.",
                "Take out the one that is wrong.",
            )
        else:
            yield Found(
                two.path,
                "counted_twice",
                f'The rules "{one.name}" and "{two.name}" always hold together: the same thing '
                "counts twice.",
                "Make one rule of the two, or word them apart.",
                Level.WARNING,
            )


def _alike(rules: Iterable[Rule]) -> Iterator[tuple[Rule, Rule]]:
    """Give the pairs of rules that count in one manner and read the same values."""
    alike: dict[tuple[object, ...], list[Rule]] = {}
    for rule in rules:
        tree = tree_of(rule.condition)
        if tree and rule.points:
            read = frozenset(read for read, _ in reads_in(tree))
            alike.setdefault((*_manner(rule), read), []).append(rule)
    pairs = chain.from_iterable(combinations(group, 2) for group in alike.values())
    yield from islice(pairs, _PAIRS_MAX)


def _manner(rule: Rule) -> tuple[object, ...]:
    """Return all that says how a rule counts, but for its condition and its points."""
    return (
        *(rule.is_engagement, rule.activity_kind, rule.count_max, rule.period_days),
        *(rule.half_life_days, rule.within_days, rule.product, rule.group),
    )


def _always_together(case: Case, one: Rule, two: Rule) -> bool:
    if one.condition == two.condition:
        return bool(case.rule_alone(one))
    first, second, scope = tree_of(one.condition), tree_of(two.condition), case.scope_of(one)
    if first is None or second is None or not case.rule_alone(one):
        return False
    return implies(first, second, scope) and implies(second, first, scope)
