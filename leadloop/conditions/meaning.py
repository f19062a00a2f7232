"""What CEL means by comparing two values, where Python means something else."""

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any

from leadloop.conditions.verdict import Value, Verdict

_INT_LEAST = -(2**63)
_UINT_MOST = 2**64 - 1


def equal(left: Value, right: Value) -> bool:
    """Say whether two values are equal; those of different kinds never are, nor is NaN."""
    if _kind(left) is not _kind(right):
        return False
    left, right = _same_width(left, right)
    return left == right


def unequal(left: Value, right: Value) -> bool:
    """Say whether two values differ."""
    return not equal(left, right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], object]:
    def ordered(left: Value, right: Value) -> bool | Verdict:
        """Compare two values of one kind; NaN is before or after nothing."""
        if _kind(left) is not _kind(right):
            return Verdict.WRONG_TYPE
        left, right = _same_width(left, right)
        # Only NaN differs from itself.
        if left != left or right != right:  # noqa: PLR0124
            return Verdict.WRONG_TYPE
        return compare(left, right)

    return ordered


COMPARED: Mapping[str, Callable[[Value, Value], object]] = {
    "==": equal,
    "!=": unequal,
    "<": _ordered(lt),
    "<=": _ordered(le),
    ">": _ordered(gt),
    ">=": _ordered(ge),
}


def size(text: str) -> int:
    """Return the length of a text as the engine counts it, in bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def not_this_kind(value: object) -> Verdict:
    """Return what comes of comparing a value of another kind.

    Raises:
        TypeError: It is of no kind that conditions know; the engine has to say.
    """
    _kind(value)
    return Verdict.WRONG_TYPE


def not_a_text(value: object) -> Verdict:
    """Return what comes of calling a function of texts on a value of another kind.

    Raises:
        TypeError: It is of no kind that conditions know; the engine has to say.
    """
    _kind(value)
    return Verdict.UNKNOWN


def _kind(value: object) -> type:
    """Return str, bool, or float for all numbers."""
    kind = type(value)
    if kind is int:
        return float
    if kind is str or kind is float or kind is bool:
        return kind
    raise TypeError(f"expected a text or a number, found {kind.__name__}")


def _same_width(left: Value, right: Value) -> tuple[Value, Value]:
    """Return numbers as 64 bits hold them: next to a float, an int loses its last digits."""
    left, right = _narrow(left), _narrow(right)
    if type(left) is type(right):
        return left, right
    return float(left), float(right)


def _narrow(value: Value) -> Value:
    """Return an int that doesn't fit 64 bits as a float."""
    if type(value) is int and not _INT_LEAST <= value <= _UINT_MOST:
        return float(value)
    return value
