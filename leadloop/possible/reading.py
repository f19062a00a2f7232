"""Which values a condition reads, also those of content: the stage and the question."""

from collections.abc import Iterator

from leadloop.conditions.reads import Read, read_of
from leadloop.conditions.syntax import Has, Macro, Name, Node, children

# What conditions of content read beside the lead.
CONTENT_NAMES = ("stage", "question")

__all__ = ["CONTENT_NAMES", "Read", "reads_in", "value_read"]


def value_read(node: Node) -> Read | None:
    """Return the value that this very node reads; None when it is no such read."""
    if isinstance(node, Has):
        return None
    if isinstance(node, Name) and node.name in CONTENT_NAMES:
        return Read("", node.name)
    return read_of(node)


def reads_in(tree: Node) -> Iterator[tuple[Read, Node]]:
    """Give each read of the tree with its node; what macros bind is passed over."""
    read = value_read(tree) or (read_of(tree) if isinstance(tree, Has) else None)
    if read:
        yield read, tree
        return
    if isinstance(tree, Macro):
        yield from reads_in(tree.over)
        for body in tree.bodies:
            yield from (
                (read, node)
                for read, node in reads_in(body)
                if tree.variable not in (read.record, read.name)
            )
        return
    for child in children(tree):
        yield from reads_in(child)
