"""What a condition reads of what it is judged on."""

from typing import NamedTuple

from leadloop.conditions.syntax import (
    Call,
    Field,
    Has,
    Index,
    Literal,
    Macro,
    Name,
    Node,
    children,
)
from leadloop.conditions.verdict import ACTIVITY, LEAD, PRODUCTS, RECORDS, SUMS

Fields = tuple[str, ...]


class Read(NamedTuple):
    """One field of a record, or one sum; the sums belong to no record."""

    record: str
    name: str


class Reads(NamedTuple):
    """The fields of each record, in order of the alphabet; None when that can't be told.

    It can't when a record is used in any other way than by a field whose name is written out,
    such as `size(lead)` or `lead[activity.kind]`.
    """

    lead: Fields | None
    activity: Fields | None
    products: Fields | None
    sums: Fields

    @property
    def all_known(self) -> bool:
        """Say whether the fields of every record are known."""
        return None not in {self.lead, self.activity, self.products}

    def each(self) -> tuple[Read, ...]:
        """Return every read, if all are known."""
        fields = {LEAD: self.lead, ACTIVITY: self.activity, PRODUCTS: self.products}
        return tuple(
            Read(record, name)
            for record, names in (*fields.items(), ("", self.sums))
            for name in names or ()
        )


def read_of(node: Node, own: frozenset[str] = frozenset()) -> Read | None:
    """Return the field or the sum that this very node reads, None when it is no such read.

    The names in `own`, bound by macros around it, hide records and sums.
    """
    match node:
        case Name(name=name) if name in SUMS and name not in own:
            return Read("", name)
        case Field(of=Name(name=record), name=name) | Has(of=Name(name=record), name=name):
            return _field(record, name, own)
        case Index(of=Name(name=record), at=Literal(kind="string", value=str(name))):
            return _field(record, name, own)
        case _:
            return None


def _field(record: str, name: str, own: frozenset[str]) -> Read | None:
    return Read(record, name) if record in RECORDS and record not in own else None


def reads(tree: Node) -> Reads:
    """Return what the whole tree reads."""
    found: dict[str, set[str] | None] = {name: set() for name in (*RECORDS, "")}
    _collect(tree, frozenset(), found)
    return Reads(
        _sorted(found[LEAD]),
        _sorted(found[ACTIVITY]),
        _sorted(found[PRODUCTS]),
        _sorted(found[""]) or (),
    )


def names_used(tree: Node, own: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the variables that the tree takes from outside, known or not."""
    if isinstance(tree, Name):
        return frozenset({tree.name} - own)
    if isinstance(tree, Macro):
        inside = own | {tree.variable}
        bodies = (names_used(body, inside) for body in tree.bodies)
        return names_used(tree.over, own).union(*bodies)
    return frozenset().union(*(names_used(child, own) for child in children(tree)))


def functions_used(tree: Node) -> frozenset[str]:
    """Return the functions that the tree calls, known or not; macros are none."""
    own = {tree.name} if isinstance(tree, Call) else set()
    return frozenset(own).union(*map(functions_used, children(tree)))


def _sorted(names: set[str] | None) -> Fields | None:
    return None if names is None else tuple(sorted(names))


def _collect(node: Node, own: frozenset[str], found: dict[str, set[str] | None]) -> None:
    """Note what this node and all below it read."""
    read = read_of(node, own)
    if read:
        names = found[read.record]
        if names is not None:
            names.add(read.name)
        return
    if isinstance(node, Name) and node.name in RECORDS and node.name not in own:
        found[node.name] = None
    if isinstance(node, Macro):
        _collect(node.over, own, found)
        own |= {node.variable}
        for body in node.bodies:
            _collect(body, own, found)
        return
    for child in children(node):
        _collect(child, own, found)
