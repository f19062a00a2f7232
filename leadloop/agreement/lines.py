"""Where each value of an agreement stands in its text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from leadloop.agreement.document import Faults, Value, compose


@dataclass(frozen=True)
class Lines:
    """The line of each value, by its JSON Pointer."""

    by_path: Mapping[str, int]

    def of(self, path: str) -> int:
        """Return the line of a value, from 1; of what is around it when it is not there."""
        while path not in self.by_path and path:
            path = path.rpartition("/")[0]
        return self.by_path.get(path, 1)


def lines_of(text: str) -> Lines:
    """Return the lines of a text; none of one that can't be read."""
    root = compose(text, Faults())
    return Lines(dict(_lines(root)) if root else {})


def _lines(value: Value) -> Iterator[tuple[str, int]]:
    """Give each value's line; of a mapping's entry that is the line of its key."""
    if value.node is not None and not value.path:
        yield "", value.node.start_mark.line + 1
    if isinstance(value.node, yaml.MappingNode):
        for key, entry in value.entries(most=len(value.node.value)):
            if key.node is not None:
                yield key.path, key.node.start_mark.line + 1
            yield from _lines(entry)
    elif isinstance(value.node, yaml.SequenceNode):
        for item in value.items(most=len(value.node.value)):
            if item.node is not None:
                yield item.path, item.node.start_mark.line + 1
            yield from _lines(item)
