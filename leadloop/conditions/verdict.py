"""What a condition is judged on, and what judging it can come to."""

from collections.abc import Callable, Mapping
from enum import Enum

Value = str | int | float
Values = Mapping[str, Value]
# The sums of a score: fit, engagement, total, predicted; under "products" a record of its own.
Sums = Mapping[str, Value | Values]

NOTHING: Mapping[str, Value] = {}

# The names that a condition may read. A record is always there, if empty; a sum only if given.
LEAD = "lead"
ACTIVITY = "activity"
PRODUCTS = "products"
RECORDS = (LEAD, ACTIVITY, PRODUCTS)
SUMS = ("fit", "engagement", "total", "predicted")

# Longer texts are refused unread: nobody understands them, and the engine takes its time.
LENGTH_MAX = 1_000


class Verdict(Enum):
    """What judging a condition came to; all but the first two are faults of its wording."""

    HOLDS = "holds"
    FAILS = "fails"
    BROKEN = "does not compile"
    TOO_COSTLY = "would take too long"
    NOT_BOOLEAN = "gives no boolean"
    WRONG_TYPE = "compares or computes with values of the wrong type"
    DIVIDES_BY_ZERO = "divides by zero"
    TOO_LARGE = "computes a number that is too large"
    UNKNOWN = "uses an unknown name, or a function on a value that it can't take"

    @property
    def is_fault(self) -> bool:
        """Say whether the condition could not be judged."""
        return self is not Verdict.HOLDS and self is not Verdict.FAILS


# Judges a lead, an activity and the sums.
Function = Callable[[Values, Values, Sums], Verdict]
