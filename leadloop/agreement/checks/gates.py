"""Gates that never open, that never close, or that are never open together."""

from collections.abc import Iterator
from itertools import combinations

from leadloop.agreement.checks.case import Case, tree_of
from leadloop.agreement.checks.finding import Found, Level
from leadloop.conditions.syntax import Literal
from leadloop.possible import implies, worlds
from leadloop.possible.world import all_of

_TRUE = Literal("bool", True)


def gates_that_can_not_work(case: Case) -> Iterator[Found]:
    """Give a finding for each gate that keeps everybody out, or nobody."""
    gates = case.agreement.definition.gates
    trees = [(gate, tree_of(gate.condition)) for gate in gates]
    open_in = [(gate, worlds(tree, case.lead_scope)) for gate, tree in trees if tree]
    for gate, tree in trees:
        if tree and implies(_TRUE, tree, case.lead_scope):
            yield Found(
                f"{gate.path}/when",
                "gate_never_closes",
                f'The gate "{gate.name}" is open for every lead.',
                "Change the condition so that it keeps somebody out, or take the gate out.",
                Level.WARNING if tree == _TRUE else Level.ERROR,
            )
    for (one, in_one), (two, in_two) in combinations(open_in, 2):
        if in_one and in_two and not all_of((in_one, in_two)):
            yield Found(
                f"{two.path}/when",
                "gates_contradict",
                f'The gates "{one.name}" and "{two.name}" are never open together, so nobody '
                "can qualify.",
                "Change one of the two conditions.",
            )
