"""Whether a condition may come to hold because points fade: seldom, but then a lead rises."""

from typing import Final

from leadloop.conditions import Condition
from leadloop.conditions.syntax import Binary, Field, Index, Logic, Name, Node, children

# Facts give fit alone, so time takes nothing from it.
_FADING: Final = frozenset(("engagement", "total", "products"))


def may_hold_for_less(condition: Condition) -> bool:
    """Say whether a condition that does not hold may hold once a sum has fallen."""
    if condition.fault is not None:
        return False
    return condition.tree is None or not _asks_for_more(condition.tree)


def _asks_for_more(node: Node) -> bool:
    """Say whether a node never comes to hold by sums that fall."""
    if isinstance(node, Logic):
        return all(map(_asks_for_more, node.terms))
    if isinstance(node, Binary) and node.operator in (">=", ">"):
        return _is_more(node.left, node.right)
    if isinstance(node, Binary) and node.operator in ("<=", "<"):
        return _is_more(node.right, node.left)
    return not _reads_sums(node)


def _is_more(greater: Node, less: Node) -> bool:
    return not _reads_sums(less) and (_is_sum(greater) or not _reads_sums(greater))


def _is_sum(node: Node) -> bool:
    if isinstance(node, Field | Index):
        return node.of == Name("products")
    return isinstance(node, Name) and node.name in _FADING


def _reads_sums(node: Node) -> bool:
    if isinstance(node, Name) and node.name in _FADING:
        return True
    return any(map(_reads_sums, children(node)))
