"""Tiers that nobody reaches: by gates, by points, or as another tier always comes first."""

from collections.abc import Iterator, Sequence
from math import isinf

from leadloop.agreement.checks.case import Case, tree_of
from leadloop.agreement.checks.finding import Found
from leadloop.agreement.checks.known import Scope
from leadloop.agreement.checks.reach import Reach
from leadloop.agreement.document import shortened
from leadloop.agreement.terms import Tier
from leadloop.conditions.syntax import Logic, Node
from leadloop.possible import implies, reads_in, worlds
from leadloop.possible.ranges import Numbers
from leadloop.possible.world import World, all_of

# A tier of more alternatives is not looked at lead by lead.
_ALTERNATIVES_MAX = 8


def tiers_nobody_reaches(case: Case) -> Iterator[Found]:
    """Give a finding for each tier that no lead is ever in."""
    scope = Reach(case).scope(case.free_scope)
    earlier: list[tuple[Tier, Node]] = []
    for tier in case.agreement.definition.tiers:
        tree = tree_of(tier.condition)
        if tree is None or not worlds(tree, case.free_scope):
            continue
        found = _out_of_reach(case, tier, tree, scope) or _comes_too_late(
            case, tier, tree, scope, earlier
        )
        if found:
            yield found
        else:
            earlier.append((tier, tree))


def _out_of_reach(case: Case, tier: Tier, tree: Node, scope: Scope) -> Found | None:
    """Return what keeps everybody from a tier: a gate, or too few points."""
    if not all_of((worlds(tree, case.free_scope), case.gates)):
        return Found(
            f"{tier.path}/when",
            "tier_against_gate",
            f'The tier "{tier.name}" holds only for leads that the gates keep out.',
            "Change the tier's condition or the gate's: nobody meets both.",
        )
    reached = all_of((worlds(tree, scope), case.gates))
    if not reached:
        return _too_few_points(tier, tree, scope)
    asked: list[World] = []
    for world in reached:
        if world.only("lead") not in asked:
            asked.append(world.only("lead"))
    if len(asked) > _ALTERNATIVES_MAX or World() in asked:
        return None
    for world in asked:
        narrow = Reach(case, (world,)).scope(case.free_scope)
        if all_of((worlds(tree, narrow), (world,))):
            return None
    return _too_few_points(tier, tree, narrow, " for the leads that it asks for")


def _too_few_points(tier: Tier, tree: Node, scope: Scope, whom: str = "") -> Found:
    return Found(
        f"{tier.path}/when",
        "tier_out_of_reach",
        f'Nobody reaches the tier "{tier.name}": `{shortened(tier.condition)}` asks for what '
        f"the points can't come to{whom} ({_ends(tree, scope)}).",
        "Lower what it asks for, or raise points, caps or at_most of the rules.",
    )


def _ends(tree: Node, scope: Scope) -> str:
    """Tell what each sum that a condition reads can come to."""
    told = []
    for read in dict.fromkeys(read for read, _ in reads_in(tree)):
        numbers = scope(read).numbers
        if read.record == "products" or not read.record:
            name = f"products.{read.name}" if read.record else read.name
            told.append(f"{name} is {_span(numbers)}")
    return ", ".join(told)


def _span(numbers: Numbers) -> str:
    least, most = numbers.least, numbers.most
    if isinf(most):
        return "without limit" if isinf(least) else f"from {least:g} up"
    return f"at most {most:g}" if isinf(least) else f"from {least:g} to {most:g}"


def _comes_too_late(
    case: Case,
    tier: Tier,
    tree: Node,
    scope: Scope,
    earlier: Sequence[tuple[Tier, Node]],
) -> Found | None:
    """Return which tiers before it take every lead that it could have."""
    reached = all_of((worlds(tree, scope), case.gates))
    taking = [one.name for one, before in earlier if implies(reached, before, scope)][:1]
    if not taking and len(earlier) > 1:
        together = Logic("||", tuple(before for _, before in earlier))
        if implies(reached, together, scope):
            taking = [one.name for one, _ in earlier]
    if not taking:
        return None
    names = " or ".join(f'"{name}"' for name in taking)
    return Found(
        f"{tier.path}/when",
        "tier_comes_too_late",
        f'Nobody is ever in the tier "{tier.name}": whoever meets it is in {names} already, '
        "which stands before it.",
        "Put the narrower tier first, or change its condition.",
    )
