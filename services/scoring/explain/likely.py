"""What an activity would likely look like for which a condition holds."""

from collections.abc import Iterator

from leadloop.conditions import Value, Values
from leadloop.conditions.syntax import Binary, Call, Field, List, Literal, Logic, Name, Node

_OF_TEXTS = ("contains", "startsWith", "endsWith")
_STEPS = {"==": 0, ">=": 0, "<=": 0, ">": 1, "<": -1}


def likely_activity(tree: Node | None, kind: str) -> Values:
    """Return an activity that a condition asks for, as far as that is plain to see.

    Args:
        tree: The condition; None when it has no tree.
        kind: Of the activities that its rule judges; empty for every kind.
    """
    values: dict[str, Value] = {"url": "", "form": "", "kind": kind}
    if tree is not None:
        values.update(_asked(tree))
    return values if not kind else {**values, "kind": kind}


def _asked(node: Node) -> Iterator[tuple[str, Value]]:
    """Give the fields that a condition asks for, of alternatives the first."""
    if isinstance(node, Logic):
        terms = node.terms if node.operator == "&&" else node.terms[:1]
        for term in terms:
            yield from _asked(term)
    elif isinstance(node, Binary):
        yield from _compared(node)
    elif isinstance(node, Call) and node.name in _OF_TEXTS and len(node.args) == 1:
        yield from _field_with(node.target, node.args[0], 0)


def _compared(node: Binary) -> Iterator[tuple[str, Value]]:
    if node.operator in _STEPS:
        yield from _field_with(node.left, node.right, _STEPS[node.operator])
    elif node.operator == "in" and isinstance(node.right, List) and node.right.items:
        yield from _field_with(node.left, node.right.items[0], 0)


def _field_with(field: Node | None, value: Node, step: int) -> Iterator[tuple[str, Value]]:
    """Give a field of the activity with a value written out, moved by a step if a number."""
    if not isinstance(field, Field) or field.of != Name("activity"):
        return
    if not isinstance(value, Literal):
        return
    match value.value:
        case bool():
            return
        case str(text):
            yield field.name, text
        case int(number) | float(number):
            yield field.name, number + step
