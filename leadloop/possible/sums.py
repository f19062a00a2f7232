"""What sums of whole numbers, such as fit + engagement, can come to."""

from collections.abc import Callable
from math import inf, isnan

from leadloop.conditions.reads import Read
from leadloop.conditions.syntax import Binary, Literal, Negative, Node
from leadloop.possible.ranges import Numbers, Range, between
from leadloop.possible.reading import value_read
from leadloop.possible.value import Possible

Known = Callable[[Read], Possible]

ORDERS = ("<", "<=", ">", ">=", "==", "!=")
NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def come_to(node: Node, known: Known) -> Numbers | None:
    """Return the numbers that a sum can come to; None when it is no sum of whole numbers."""
    match node:
        case Literal(kind="int", value=int(value)):
            return between(value, value)
        case Negative(operand=operand):
            found = come_to(operand, known)
            return found and _spanning(-found.least, -found.most)
        case Binary(operator="+" | "-" | "*", left=left, right=right):
            one, two = come_to(left, known), come_to(right, known)
            return one and two and _joined(node.operator, one, two)
    read = value_read(node)
    if read is None:
        return None
    possible = known(read)
    is_whole = possible.numbers.is_whole and possible.texts.is_empty
    return possible.numbers if is_whole else None


def is_exact(node: Node) -> bool:
    """Say whether a sum is free of what could become too large for 64 bits."""
    match node:
        case Literal() | Negative(operand=Literal()):
            return True
        case Binary(operator="+" | "-", left=left, right=right):
            return is_exact(left) and is_exact(right)
    return value_read(node) is not None


def may_compare(node: Node, wanted: bool, known: Known) -> bool:
    """Say whether a comparison of sums can come out as wanted."""
    if not isinstance(node, Binary):
        return True
    one, two = come_to(node.left, known), come_to(node.right, known)
    if one is None or two is None:
        return True
    operator = node.operator if wanted else NEGATED[node.operator]
    return {
        "<": one.least < two.most,
        "<=": one.least <= two.most,
        ">": one.most > two.least,
        ">=": one.most >= two.least,
        "==": not one.both(two).is_empty,
        "!=": not (one.least == one.most == two.least == two.most),
    }[operator]


def _joined(operator: str, one: Numbers, two: Numbers) -> Numbers:
    a, b, c, d = one.least, one.most, two.least, two.most
    if operator == "+":
        return _spanning(a + c, b + d)
    if operator == "-":
        return _spanning(a - d, b - c)
    return _spanning(a * c, a * d, b * c, b * d)


def _spanning(*ends: float) -> Numbers:
    """Return the whole numbers between the ends; what has no end may be any."""
    if any(map(isnan, ends)):
        return Numbers((Range(-inf, inf),), is_whole=True)
    return between(min(ends), max(ends))
