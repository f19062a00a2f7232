"""Which assets of marketing suit a lead: what the agreement offers at its stage, and why."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import cel

from leadloop.conditions import Condition, Values, engine
from leadloop.v1 import agreement_pb2
from services.scoring.cycles import Stage

CAPTURED = "captured"

# Where a lead stands in the loop, in the words of people who write conditions.
STAGES = {
    Stage.NONE: CAPTURED,
    Stage.OPEN: "qualified",
    Stage.RETURNED: "returned",
    Stage.LOST: "lost",
    Stage.WON: "won",
    Stage.GATE_CLOSED: "disqualified",
    Stage.DISQUALIFIED: "disqualified",
    # The other record's cycle went on, and is that record's.
    Stage.MERGED: CAPTURED,
}
_CONDITIONS_REMEMBERED = 500


class Asset(NamedTuple):
    """Something to read, and the condition for which it suits."""

    name: str
    url: str
    condition: str


def suiting(
    agreement: agreement_pb2.Agreement, facts: Values, stage: Stage, question: str
) -> Iterator[Asset]:
    """Give the assets whose condition holds, in the agreement's order.

    Args:
        agreement: The version in force.
        facts: Who the lead is.
        stage: Of its newest cycle.
        question: What they asked; empty when nothing.
    """
    variables: dict[str, object] = {
        "lead": dict(facts),
        "stage": STAGES[stage],
        "question": question,
    }
    for content in agreement.content:
        program = _program(content.condition)
        # What can't be judged does not hold, and is no reason to offer nothing.
        if program is not None and engine.run(program, variables) is True:
            yield Asset(content.name, content.url, content.condition)


@lru_cache(maxsize=_CONDITIONS_REMEMBERED)
def _program(text: str) -> cel.Program | None:
    """Return a condition ready to run; None when it can't, or would take too long."""
    return None if Condition(text).fault else engine.program_of(text)
