"""A condition of an agreement: judged fast, and never able to raise or to run for long."""

import cel

from leadloop.conditions import engine
from leadloop.conditions.compiled import compiled, verdicts_of
from leadloop.conditions.cost import is_too_costly, may_be_costly
from leadloop.conditions.parser import parse
from leadloop.conditions.reads import Reads, reads
from leadloop.conditions.syntax import Node
from leadloop.conditions.tokens import Unreadable
from leadloop.conditions.verdict import (
    LENGTH_MAX,
    NOTHING,
    Function,
    Sums,
    Values,
    Verdict,
)


class Condition:
    """One condition of the agreement.

    A field that is missing makes the condition fail, without a fault: what nobody knows is not
    so. `has(lead.x)` asks whether it is there; `||` passes over a missing side when the other
    side holds. A condition that can't be judged counts as failed and says why.

    Attributes:
        text: The condition in CEL.
        fault: What is wrong with the text whatever the values: BROKEN, TOO_COSTLY, or None.
        tree: Its syntax; None when it is no CEL, or deeper than our parser goes.
        reads: What it reads; None without a tree.
        lead_fields: The fields of the lead that it reads; None when that can't be told.
        function: Judges as `judge` does, without the cost of a method: for hot loops.
    """

    __slots__ = ("fault", "function", "lead_fields", "reads", "text", "tree")

    fault: Verdict | None
    function: Function
    lead_fields: tuple[str, ...] | None
    reads: Reads | None
    text: str
    tree: Node | None

    def __init__(self, text: str) -> None:
        """Compile `text`; a text that can't run is kept and never holds."""
        self.text = text
        program = engine.program_of(text) if len(text) <= LENGTH_MAX else None
        self.tree = _tree(text) if program else None
        self.reads = reads(self.tree) if self.tree else None
        self.lead_fields = self.reads.lead if self.reads else None
        self.fault = _fault(text, program, self.tree)
        self.function = _function(text, program, self.tree, self.fault)

    @property
    def compiles(self) -> bool:
        """Say whether the text is CEL."""
        return self.fault is not Verdict.BROKEN

    def judge(self, lead: Values, activity: Values = NOTHING, sums: Sums = NOTHING) -> Verdict:
        """Say whether the condition holds for these values.

        The sums are fit, engagement, total and predicted, each unknown unless given; and under
        "products" stands the record of the products' scores, empty unless given.
        """
        return self.function(lead, activity, sums)


def _tree(text: str) -> Node | None:
    try:
        return parse(text)
    except Unreadable:
        return None


def _fault(text: str, program: cel.Program | None, tree: Node | None) -> Verdict | None:
    """Return what is wrong with a text whatever it will be judged on."""
    if len(text) > LENGTH_MAX:
        return Verdict.TOO_COSTLY
    if program is None:
        return Verdict.BROKEN
    costly = is_too_costly(tree) if tree else may_be_costly(text)
    return Verdict.TOO_COSTLY if costly else None


def _function(
    text: str, program: cel.Program | None, tree: Node | None, fault: Verdict | None
) -> Function:
    if program is None or fault:
        return verdicts_of(lambda _lead, _activity, _sums: fault or Verdict.BROKEN)
    if tree is None:
        return verdicts_of(engine.whole_part(program))
    return compiled(tree, program, text)
