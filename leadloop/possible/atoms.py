"""Single comparisons and tests of a value, as what that value can be."""

from collections.abc import Callable
from dataclasses import replace

from leadloop.conditions.meaning import COMPARED
from leadloop.conditions.reads import Read, read_of
from leadloop.conditions.syntax import Binary, Call, Field, Has, Index, List, Literal, Node
from leadloop.possible.ranges import NO_NUMBERS, Numbers, compared
from leadloop.possible.reading import value_read
from leadloop.possible.sums import NEGATED, ORDERS, come_to, is_exact
from leadloop.possible.texts import SIZES, Kind, Texts, having, is_pattern, listed
from leadloop.possible.value import MISSING, SOMETHING, Possible, a_number, a_text
from leadloop.possible.world import ANY, NONE, Domain, World, Worlds, all_of, where

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_TESTS = {kind.value: kind for kind in (Kind.STARTS, Kind.ENDS, Kind.CONTAINS, Kind.MATCHES)}
_NUMBERS = ("int", "uint", "double")
# From here on not every whole number is a float, and comparing them is not exact.
_EXACT = 2**53

Known = Callable[[Read], Possible]


def atom(node: Node, domain: Domain, wanted: bool) -> Worlds | None:
    """Return the worlds in which a comparison or a test is true, or false.

    None stands for what is not followed here.
    """
    match node:
        case Has():
            read = read_of(node)
            return where(read, SOMETHING if wanted else MISSING, domain) if read else None
        case Call(name=name, target=target, args=(Literal(kind="string", value=str(part)),)):
            return _test(_TESTS.get(name), target, part, wanted, domain)
        case Binary():
            return _binary(node, wanted, domain)
    return None


def _binary(node: Binary, wanted: bool, domain: Domain) -> Worlds | None:
    if _never_a_value(node.left) or _never_a_value(node.right):
        return NONE
    if node.operator == "in":
        return _membership(node.left, node.right, wanted, domain)
    # Arithmetic gives no boolean.
    return _comparison(node, wanted, domain) if node.operator in ORDERS else NONE


def is_sure_atom(node: Node, known: Known) -> bool:
    """Say whether a comparison or a test is true or false, and no fault."""
    match node:
        case Has():
            return read_of(node) is not None
        case Call(name=name, target=target, args=(Literal(kind="string", value=str(part)),)):
            read = value_read(target) if target and name in _TESTS else None
            is_readable = name != Kind.MATCHES or is_pattern(part)
            return read is not None and is_readable and _is_text(known(read))
        case Binary(operator="in", left=left, right=List() as right):
            read = value_read(left)
            return read is not None and not known(read).absent and _literals(right) is not None
        case Binary(operator=operator, left=left, right=right) if operator in ORDERS:
            return _is_sure_comparison(operator, left, right, known)
    return False


def _is_sure_comparison(operator: str, left: Node, right: Node, known: Known) -> bool:
    if isinstance(left, Literal):
        left, right = right, left
    read, sized = value_read(left), _sized(left)
    if sized and isinstance(right, Literal) and right.kind in _NUMBERS:
        return _is_text(known(sized))
    if read is None or not isinstance(right, Literal):
        sums = [come_to(side, known) for side in (left, right)]
        return None not in sums and is_exact(left) and is_exact(right)
    possible = known(read)
    if operator in ("==", "!="):
        return not possible.absent
    if right.kind == "string":
        return _is_text(possible)
    is_number = not possible.absent and possible.texts.is_empty and not possible.numbers.nan
    return right.kind in _NUMBERS and is_number


def _is_text(possible: Possible) -> bool:
    return not possible.absent and possible.numbers.is_empty


def _comparison(node: Binary, wanted: bool, domain: Domain) -> Worlds | None:
    operator, left, right = node.operator, node.left, node.right
    if isinstance(left, Literal):
        if isinstance(right, Literal):
            return _of_literals(operator, left, right, wanted)
        operator, left, right = _FLIPPED[operator], right, left
    if not wanted:
        operator = NEGATED[operator]
    read, sized = value_read(left), _sized(left)
    if read and isinstance(right, Literal):
        return where(read, _against(operator, right), domain)
    if sized and isinstance(right, Literal) and right.kind in _NUMBERS:
        sizes = _number(operator, right).both(SIZES)
        return where(sized, a_text(Texts(None, frozenset(), sizes)), domain)
    if come_to(left, domain) and come_to(right, domain):
        return (World(sums=((node, wanted),)),)
    other = value_read(right)
    if read and other:
        return all_of((where(read, SOMETHING, domain), where(other, SOMETHING, domain)))
    return None


def _of_literals(operator: str, left: Literal, right: Literal, wanted: bool) -> Worlds | None:
    one, two = left.value, right.value
    if not (isinstance(one, str | int | float) and isinstance(two, str | int | float)):
        return None
    return ANY if COMPARED[operator](one, two) is wanted else NONE


def _against(operator: str, literal: Literal) -> Possible:
    """Return the values of which `value operator literal` is true."""
    if literal.kind == "string":
        return _against_text(operator, str(literal.value))
    if literal.kind in _NUMBERS:
        numbers = _number(operator, literal)
        return replace(SOMETHING, numbers=numbers) if operator == "!=" else a_number(numbers)
    # Booleans, bytes and null: nothing that is read is equal to them, or before or after.
    return SOMETHING if operator == "!=" else a_number(NO_NUMBERS)


def _against_text(operator: str, text: str) -> Possible:
    if operator == "!=":
        return replace(SOMETHING, texts=having(Kind.EQUALS, text, wanted=False))
    return a_text(having(Kind(operator), text))


def _number(operator: str, literal: Literal) -> Numbers:
    """Return the numbers of which a comparison is true; all of them where it is not exact."""
    value = literal.value
    if isinstance(value, int | float) and abs(value) < _EXACT:
        return compared(operator, value)
    return SOMETHING.numbers


def _membership(left: Node, right: Node, wanted: bool, domain: Domain) -> Worlds | None:
    """Follow `value in [...]`; a text or a number is no list that anything could be in."""
    if value_read(right):
        return NONE
    read = value_read(left)
    literals = _literals(right) if isinstance(right, List) else None
    if read is None or literals is None:
        return None
    if not wanted:
        each = (where(read, _against("!=", literal), domain) for literal in literals)
        return all_of((where(read, SOMETHING, domain), *each))
    texts = listed(*(str(one.value) for one in literals if one.kind == "string"))
    numbers = [_number("==", one) for one in literals if one.kind in _NUMBERS]
    ranges = tuple(dict.fromkeys(r for one in numbers for r in one.ranges))
    return where(read, Possible(False, Numbers(ranges), texts), domain)


def _literals(node: List) -> list[Literal] | None:
    """Return what a list holds; None when not all of it is written out."""
    found = [item for item in node.items if isinstance(item, Literal)]
    return found if len(found) == len(node.items) else None


def _test(
    kind: Kind | None, target: Node | None, part: str, wanted: bool, domain: Domain
) -> Worlds | None:
    if kind is None or target is None:
        return None
    read = value_read(target)
    if read is None:
        return NONE if _never_a_value(target) else None
    if kind is Kind.MATCHES and not is_pattern(part):
        return NONE
    return where(read, a_text(having(kind, part, wanted=wanted)), domain)


def _sized(node: Node) -> Read | None:
    """Return the value whose size a node is."""
    match node:
        case Call(name="size", target=None, args=(of,)):
            return value_read(of)
        case Call(name="size", target=of, args=()) if of:
            return value_read(of)
    return None


def _never_a_value(node: Node) -> bool:
    """Say whether a node always errs: it divides by zero, or reads a field of no record."""
    match node:
        case Binary(operator="/" | "%", right=Literal(kind="int" | "uint", value=0)):
            return True
        case Field(of=of) | Index(of=of):
            return value_read(of) is not None or _never_a_value(of)
        case Binary(operator="+" | "-" | "*" | "/" | "%", left=left, right=right):
            return _never_a_value(left) or _never_a_value(right)
    return False
