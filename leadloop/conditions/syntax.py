"""A condition in CEL as a tree, for what is checked before it runs and for compiling it.

The grammar is that of the language definition, as the engine reads it: optional syntax (`?.`)
and escaped names are refused. https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """Something that stands in the text from `start` to `end`; equality passes over that."""

    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Literal(_Placed):
    """A value written out; `kind` is its type in CEL: int, uint, double, string, bytes ..."""

    kind: str
    value: bool | int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class Name(_Placed):
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Field(_Placed):
    """A field read of a record: `of.name`."""

    of: "Node"
    name: str


@dataclass(frozen=True, slots=True)
class Has(_Placed):
    """Whether a record has a field: `has(of.name)`."""

    of: "Node"
    name: str


@dataclass(frozen=True, slots=True)
class Index(_Placed):
    """A member of a list or a map: `of[at]`."""

    of: "Node"
    at: "Node"


@dataclass(frozen=True, slots=True)
class Call(_Placed):
    """A function called, on a target or without one."""

    name: str
    target: "Node | None"
    args: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Macro(_Placed):
    """One of all, exists, exists_one, map, filter: `over.name(variable, bodies)`."""

    name: str
    over: "Node"
    variable: str
    bodies: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class List(_Placed):
    """A list written out."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Map(_Placed):
    """A map written out."""

    entries: tuple[tuple["Node", "Node"], ...]


@dataclass(frozen=True, slots=True)
class Message(_Placed):
    """A message written out: `name{field: value}`; it compiles, though the engine has none."""

    name: str
    entries: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Not(_Placed):
    """A negation: `!operand`."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Negative(_Placed):
    """A sign turned: `-operand`."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Binary(_Placed):
    """Two operands of one of `< <= > >= == != in + - * / %`."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Logic(_Placed):
    """Two or more terms joined by one of `&& ||`."""

    operator: str
    terms: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Choice(_Placed):
    """One of two: `condition ? yes : no`."""

    condition: "Node"
    yes: "Node"
    no: "Node"


Node = (
    Literal
    | Name
    | Field
    | Has
    | Index
    | Call
    | Macro
    | List
    | Map
    | Message
    | Not
    | Negative
    | Binary
    | Logic
    | Choice
)


def children(node: Node) -> list[Node]:
    """Return the nodes right below this one, in the order of the text."""
    # A slot is a field of the node's own: where it stands is no slot of its class.
    return [child for name in type(node).__slots__ for child in _nodes_in(getattr(node, name))]


def _nodes_in(value: object) -> list[Node]:
    if isinstance(value, _Placed):
        return [value]  # type: ignore[list-item]  # Node is the union of all that are placed.
    if isinstance(value, tuple):
        return [node for part in value for node in _nodes_in(part)]
    return []


def height(tree: Node) -> int:
    """Return how many levels of nodes the tree has; it may be of any height."""
    levels, level = 0, [tree]
    while level:
        levels += 1
        level = [child for node in level for child in children(node)]
    return levels
