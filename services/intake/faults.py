"""What is wrong in the file of sources, in words for whoever writes it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from leadloop import problems
from leadloop.nearest import nearest


class _OnceLoader(yaml.SafeLoader):
    """Reads YAML in which no key stands twice: the second one would hide the first."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 (PyYAML's own)
        """Return a mapping.

        Raises:
            ComposerError: A key stands twice.
        """
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        first: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and first.setdefault(key.value, key) is not key:
                line = first[key.value].start_mark.line + 1
                told = f"{key.value} a second time, after line {line}"
                raise yaml.composer.ComposerError(None, None, told, key.start_mark)
        return node


def load_yaml(content: str) -> object:
    """Return what a text in YAML holds.

    Raises:
        YAMLError: It is no YAML, or a key stands twice.
    """
    loaded: object = yaml.load(content, Loader=_OnceLoader)  # noqa: S506 (a safe loader)
    return loaded


# Any: an error as pydantic tells it.
Error = Mapping[str, Any]


def sentences(
    errors: Sequence[Error], file: type[BaseModel], kinds: Mapping[str, type[BaseModel]]
) -> Iterator[str]:
    """Yield a sentence a fault: sources.site.mapping: expected a value, found nothing.

    Args:
        errors: As pydantic tells them.
        file: What the whole file is.
        kinds: What a source is, by its type.
    """
    for error in errors:
        path = error["loc"]
        # Pydantic puts the chosen type into the path; it is no key of the file.
        kind = kinds.get(path[2]) if len(path) > 2 else None
        keys = [*path[:2], *path[3:]] if kind else path
        where = ".".join(map(str, keys)) or "the file"
        yield f"{where}: {_fault(error, kind or file, path[3:] if kind else path, kinds)}"


def _fault(
    error: Error,
    model: type[BaseModel],
    path: Sequence[str | int],
    kinds: Mapping[str, type[BaseModel]],
) -> str:
    """Return what was expected and what was found."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"].startswith("union_tag"):
        return _of_type(error, kinds)
    (told,) = problems.from_validation([{**error, "loc": ("body", *path)}], model).errors
    expected = told.expected
    if error["type"] == "extra_forbidden":
        _, _, names = expected.partition("there are ")
        return f"expected one of {names}{_hint(str(path[-1]), names.split(', '))}"
    if error["type"] == "string_pattern_mismatch":
        # The pattern is for machines; what a field is stands after it.
        _, _, words = expected.partition(" (")
        expected = words.removesuffix(")") or expected
    return f"expected {expected}, found {told.found}"


def _of_type(error: Error, kinds: Mapping[str, type[BaseModel]]) -> str:
    """Return what is wrong with a source's type."""
    *most, last = kinds
    expected = f"expected type: {', '.join(most)} or {last}, found"
    if error["type"] == "union_tag_not_found":
        return f"{expected} no type"
    found = str(error["ctx"]["tag"])
    return f"{expected} {found}{_hint(found, kinds)}"


def _hint(found: str, names: Iterable[str]) -> str:
    near = nearest(found, names)
    return f"; did you mean {near}?" if near else ""
