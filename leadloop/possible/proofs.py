"""From a condition to the worlds in which it holds, or fails without a fault.

Both are never too few: what is not followed is taken as possible. So a condition without any
world never holds, whatever the values. One that errs, or that reads what is missing, neither
holds nor fails here, as in CEL.
"""

from collections.abc import Callable, Mapping
from typing import Any

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
    Map,
    Name,
    Negative,
    Node,
    Not,
    children,
)
from leadloop.possible.atoms import atom, is_sure_atom
from leadloop.possible.reading import Read, value_read
from leadloop.possible.sums import may_compare
from leadloop.possible.value import Possible
from leadloop.possible.world import (
    ANY,
    NONE,
    Domain,
    World,
    Worlds,
    all_of,
    either,
    with_sums,
)

# Functions of CEL that never give a boolean.
_NO_BOOLEANS = frozenset(
    {
        *("size", "int", "uint", "double", "string", "bytes", "timestamp", "duration"),
        *("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear"),
        *("getMonth", "getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    }
)


def worlds(tree: Node, domain: Domain, *, wanted: bool = True) -> Worlds:
    """Return the worlds in which a condition is true, or is false: all of them, or more."""
    found = _WORLDS.get(type(tree), _unknown)(tree, domain, wanted)
    return found if found in (ANY, NONE) else _coherent(found, domain)


def holds_never(tree: Node, domain: Domain) -> bool:
    """Say whether it is proven that a condition never holds."""
    return not worlds(tree, domain)


def implies(one: Node | Worlds, two: Node, domain: Domain) -> bool:
    """Say whether it is proven that the second condition holds whenever the first does."""
    first = one if isinstance(one, tuple) else worlds(one, domain)
    fails = worlds(two, domain, wanted=False)
    return not all_of((first, fails)) and all(is_sure(two, world, domain) for world in first)


def is_sure(tree: Node, world: World, domain: Domain) -> bool:
    """Say whether it is proven that a condition is true or false, and no fault, in a world."""
    match tree:
        case Literal(kind="bool"):
            return True
        case Not() | Logic() | Choice():
            return all(is_sure(child, world, domain) for child in children(tree))
        case _:
            return is_sure_atom(tree, lambda read: world.possible(read, domain))


def _coherent(found: Worlds, domain: Domain) -> Worlds:
    """Leave out the worlds in which the sums contradict one another."""
    return tuple(world for world in found if _is_coherent(world, domain))


def _is_coherent(world: World, domain: Domain) -> bool:
    named = with_sums(world, domain)
    if named is None:
        return False

    def known(read: Read) -> Possible:
        return named.possible(read, domain)

    return all(may_compare(node, wanted, known) for node, wanted in world.sums)


def _logic(node: Logic, domain: Domain, wanted: bool) -> Worlds:
    terms = (worlds(term, domain, wanted=wanted) for term in node.terms)
    return all_of(terms) if wanted is (node.operator == "&&") else either(terms)


def _not(node: Not, domain: Domain, wanted: bool) -> Worlds:
    return worlds(node.operand, domain, wanted=not wanted)


def _choice(node: Choice, domain: Domain, wanted: bool) -> Worlds:
    return either(
        all_of(
            (worlds(node.condition, domain, wanted=is_so), worlds(one, domain, wanted=wanted))
        )
        for is_so, one in ((True, node.yes), (False, node.no))
    )


def _literal(node: Literal, _domain: Domain, wanted: bool) -> Worlds:
    return ANY if node.value is wanted else NONE


def _compared(node: Node, domain: Domain, wanted: bool) -> Worlds:
    found = atom(node, domain, wanted)
    return _unknown(node, domain, wanted) if found is None else found


def _call(node: Call, domain: Domain, wanted: bool) -> Worlds:
    if node.name in _NO_BOOLEANS:
        return NONE
    return _compared(node, domain, wanted)


def _read(node: Node, domain: Domain, wanted: bool) -> Worlds:
    """Nothing that conditions read is a boolean."""
    return NONE if value_read(node) else _unknown(node, domain, wanted)


def _never(_node: Node, _domain: Domain, _wanted: bool) -> Worlds:
    return NONE


def _unknown(_node: Node, _domain: Domain, _wanted: bool) -> Worlds:
    return ANY


# Each takes the type of node that it stands for; a table can't say so.
_WORLDS: Mapping[type, Callable[[Any, Domain, bool], Worlds]] = {
    Logic: _logic,
    Not: _not,
    Choice: _choice,
    Literal: _literal,
    Has: _compared,
    Binary: _compared,
    Call: _call,
    Field: _read,
    Index: _read,
    Name: _read,
    List: _never,
    Map: _never,
    Negative: _never,
}
