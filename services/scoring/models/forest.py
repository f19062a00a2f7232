"""Boosted trees as plain values: kept as JSON, judged with Python alone.

A pickle runs code when it is read, so nobody should keep one in a database; and a service that
scores leads should not have to import a learning library. Numbers go through JSON unchanged.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

LEAF: Final = -1


class Node(NamedTuple):
    """A question and where to go, or the end of a path.

    Attributes:
        feature: The number of the feature asked about; LEAF at the end of a path.
        threshold: At most this goes left; not read when `levels` is given.
        levels: The numbers of texts that go left; None for a question about a number.
        missing_left: Whether a missing value goes left.
        left: The node that follows there; likewise right.
        value: What a leaf adds to the log-odds.
        leads: How many leads came by when the tree was learned.
    """

    feature: int
    threshold: float
    levels: frozenset[int] | None
    missing_left: bool
    left: int
    right: int
    value: float
    leads: int

    def goes_left(self, value: float) -> bool:
        """Say where a value goes."""
        if math.isnan(value):
            return self.missing_left
        if self.levels is not None:
            return value in self.levels
        return value <= self.threshold


Tree = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees whose leaves are summed.

    Attributes:
        base: The log-odds that the trees begin from.
    """

    base: float
    trees: tuple[Tree, ...]

    def log_odds(self, row: Sequence[float]) -> float:
        """Return what the trees say of one lead, a value for each feature."""
        total = self.base
        for tree in self.trees:
            total += value_of(tree, row)
        return total

    def to_json(self) -> dict[str, object]:
        """Return lists and numbers only."""
        return {"base": self.base, "trees": [[_listed(n) for n in tree] for tree in self.trees]}


def value_of(tree: Tree, row: Sequence[float]) -> float:
    """Return what the leaf adds that a lead comes to, by a value for each feature."""
    node = tree[0]
    while node.feature != LEAF:
        node = tree[node.left if node.goes_left(row[node.feature]) else node.right]
    return node.value


def read_forest(kept: Mapping[str, Any]) -> Forest:
    """Return the forest that `to_json` wrote.

    Raises:
        ValueError: It is no forest: a part is missing, or a path does not end.
    """
    listed = kept.get("trees")
    if not isinstance(listed, list):
        raise ValueError("expected a forest with trees, found something else")  # noqa: TRY004 (bad input, no bug)
    trees = tuple(tuple(_node(item) for item in tree) for tree in listed)
    for number, tree in enumerate(trees):
        _check(number, tree)
    return Forest(float(kept["base"]), trees)


def _listed(node: Node) -> list[object]:
    """Write a node; a list, since names would be most of the text."""
    levels = None if node.levels is None else sorted(node.levels)
    return [*node[:2], levels, *node[3:]]


def _node(item: object) -> Node:
    """Read a node."""
    if not isinstance(item, list) or len(item) != len(Node._fields):
        raise ValueError(f"expected a node of {len(Node._fields)} values, found {item!r:.80}")
    feature, threshold, levels, missing_left, left, right, value, leads = item
    return Node(
        int(feature),
        float(threshold),
        None if levels is None else frozenset(int(level) for level in levels),
        bool(missing_left),
        int(left),
        int(right),
        float(value),
        int(leads),
    )


def _check(number: int, tree: Tree) -> None:
    """Refuse a tree in which a path could run in circles or out of the tree."""
    if not tree:
        raise ValueError(f"expected nodes, found none in tree {number}")
    for place, node in enumerate(tree):
        follows = node.feature == LEAF or (
            place < node.left < len(tree) and place < node.right < len(tree)
        )
        if not follows or node.feature < LEAF:
            raise ValueError(f"expected paths that end, found node {place} of tree {number}")
