"""Conditions in CEL over plain values: read, checked and judged, the same in every service."""

from leadloop.conditions.condition import Condition
from leadloop.conditions.verdict import (
    LENGTH_MAX,
    NOTHING,
    Function,
    Sums,
    Value,
    Values,
    Verdict,
)

__all__ = [
    "LENGTH_MAX",
    "NOTHING",
    "Condition",
    "Function",
    "Sums",
    "Value",
    "Values",
    "Verdict",
]
