"""A bound on how long judging a condition takes, told before it runs.

CEL ends always, but not soon: macros inside one another multiply, and each of a row of
`.map(x, x + x)` doubles a text, until the process is out of memory. So every node is given the
most that it can cost and the largest value that it can come to.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from leadloop.conditions.parser import MACROS
from leadloop.conditions.patterns import pattern_cost
from leadloop.conditions.syntax import (
    Binary,
    Call,
    Choice,
    Field,
    Has,
    Index,
    List,
    Literal,
    Logic,
    Macro,
    Map,
    Message,
    Name,
    Negative,
    Node,
    Not,
)
from leadloop.conditions.tokens import Unreadable, tokens_of
from leadloop.conditions.verdict import RECORDS

# In tenths of a microsecond, about what the engine takes for a node; so 10 ms at most. A usual
# condition costs 10 to 50, with a regular expression 1,000 to 10,000.
COST_MAX = 100_000
_PER_MICROSECOND = 10
# No sum goes above it, so that absurd ones don't become numbers of a thousand digits.
_ENDLESS = 10**9
# What is assumed of values that nobody knows yet: so many fields, so many pieces of text each.
_RECORD_FIELDS = 50
_FIELD_WEIGHT = 16
_CHARACTERS_A_PIECE = 16


class _Extent(NamedTuple):
    """How large a value can be: all of it, how many elements, its heaviest element."""

    weight: int = 1
    length: int = 0
    widest: int = 0


_SMALL = _Extent()
_FIELD = _Extent(_FIELD_WEIGHT)
_RECORD = _Extent(_RECORD_FIELDS * _FIELD_WEIGHT, _RECORD_FIELDS, _FIELD_WEIGHT)

_Scope = Mapping[str, _Extent]
_Bound = tuple[int, _Extent]


def cost(tree: Node) -> int:
    """Return the most that judging takes, about, in tenths of a microsecond."""
    return _bound(tree, {})[0]


def is_too_costly(tree: Node) -> bool:
    """Say whether a condition may take so long that it must not run."""
    return cost(tree) > COST_MAX


def may_be_costly(text: str) -> bool:
    """Say whether a text that could not be parsed may take long: by a macro or a pattern."""
    try:
        words = {token.text for token in tokens_of(text)}
    except Unreadable:
        return True
    return not words.isdisjoint({*MACROS, "matches"})


def _bound(node: Node, scope: _Scope) -> _Bound:
    steps, extent = _BOUNDS[type(node)](node, scope)
    return (
        min(steps + 1, _ENDLESS),
        _Extent(*(min(size, _ENDLESS) for size in extent)),
    )


def _bounds(nodes: tuple[Node, ...], scope: _Scope) -> tuple[int, list[_Extent]]:
    """Return what all of them cost together, and each one's extent."""
    found = [_bound(node, scope) for node in nodes]
    return sum(steps for steps, _ in found), [extent for _, extent in found]


def _literal(node: Literal, _scope: _Scope) -> _Bound:
    if isinstance(node.value, str | bytes):
        return 0, _Extent(1 + len(node.value) // _CHARACTERS_A_PIECE)
    return 0, _SMALL


def _name(node: Name, scope: _Scope) -> _Bound:
    extent = scope.get(node.name) or (_RECORD if node.name in RECORDS else _SMALL)
    return extent.weight if extent.length else 0, extent


def _member(node: Field | Has | Index, scope: _Scope) -> _Bound:
    """Bound a read: of a record that is named nothing but the field is handed over."""
    at = _bound(node.at, scope)[0] if isinstance(node, Index) else 0
    if isinstance(node.of, Name) and node.of.name in RECORDS and node.of.name not in scope:
        return at, _FIELD
    steps, of = _bound(node.of, scope)
    return steps + at + of.weight, _Extent(of.widest, of.widest, of.widest)


def _call(node: Call, scope: _Scope) -> _Bound:
    target = (node.target,) if node.target else ()
    steps, extents = _bounds((*target, *node.args), scope)
    weight = sum(extent.weight for extent in extents)
    length = max((extent.length for extent in extents), default=0)
    widest = max((extent.widest for extent in extents), default=0)
    if node.name == "matches":
        steps += _pattern(node)
    return steps + weight, _Extent(1 + weight, length, widest)


def _pattern(node: Call) -> int:
    """Bound a regular expression; one that is not written out may be any."""
    pattern = node.args[-1] if node.args else None
    if isinstance(pattern, Literal):
        known = isinstance(pattern.value, str)
        return pattern_cost(str(pattern.value)) * _PER_MICROSECOND if known else 0
    return _ENDLESS


def _macro(node: Macro, scope: _Scope) -> _Bound:
    steps, over = _bound(node.over, scope)
    # What an element holds is not followed: it is as if all its weight were elements.
    element = _Extent(over.widest, over.widest, over.widest)
    each, bodies = _bounds(node.bodies, {**scope, node.variable: element})
    extent = _SMALL
    if node.name == "map":
        widest = bodies[-1].weight
        extent = _Extent(1 + over.length * widest, over.length, widest)
    elif node.name == "filter":
        extent = over
    # A list that grows is copied each time, as is each element.
    copied = extent.weight + element.weight
    return steps + over.weight + over.length * (3 + each + copied), extent


def _list(node: List, scope: _Scope) -> _Bound:
    steps, extents = _bounds(node.items, scope)
    weights = [extent.weight for extent in extents]
    return steps, _Extent(1 + sum(weights), len(weights), max(weights, default=0))


def _map(node: Map, scope: _Scope) -> _Bound:
    steps, extents = _bounds(tuple(part for entry in node.entries for part in entry), scope)
    weights = [extent.weight for extent in extents]
    return steps, _Extent(1 + sum(weights), len(node.entries), max(weights, default=0))


def _message(node: Message, scope: _Scope) -> _Bound:
    return _bounds(tuple(value for _, value in node.entries), scope)[0], _SMALL


def _unary(node: Not | Negative, scope: _Scope) -> _Bound:
    return _bound(node.operand, scope)


def _binary(node: Binary, scope: _Scope) -> _Bound:
    steps, (left, right) = _bounds((node.left, node.right), scope)
    weight = left.weight + right.weight
    if node.operator != "+":
        return steps + weight, _SMALL
    longer = _Extent(weight, left.length + right.length, max(left.widest, right.widest))
    return steps + weight, longer


def _logic(node: Logic, scope: _Scope) -> _Bound:
    return _bounds(node.terms, scope)[0], _SMALL


def _choice(node: Choice, scope: _Scope) -> _Bound:
    steps, (_, yes, no) = _bounds((node.condition, node.yes, node.no), scope)
    return steps, _Extent(*map(max, yes, no))


# Each takes the type of node that it stands for; a table can't say so.
_BOUNDS: Mapping[type, Callable[[Any, _Scope], _Bound]] = {
    Literal: _literal,
    Name: _name,
    Field: _member,
    Has: _member,
    Index: _member,
    Call: _call,
    Macro: _macro,
    List: _list,
    Map: _map,
    Message: _message,
    Not: _unary,
    Negative: _unary,
    Binary: _binary,
    Logic: _logic,
    Choice: _choice,
}
