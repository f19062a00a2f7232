"""A condition's tree as a Python function of the same meaning, some thirty times as fast.

What Python says otherwise than CEL is left to the engine, part by part: regular expressions,
arithmetic, conversions, macros. Its answers are remembered by the values that it read.

The function is generated as text. Nothing of the condition's own text goes into it: literals
and names of fields are bound to names made here.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, TypeGuard, cast

import cel

from leadloop.conditions import engine
from leadloop.conditions.meaning import COMPARED, not_a_text, not_this_kind, size
from leadloop.conditions.reads import Read, read_of, reads
from leadloop.conditions.syntax import (
    Binary,
    Call,
    Choice,
    Has,
    List,
    Literal,
    Logic,
    Macro,
    Node,
    Not,
    children,
    height,
)
from leadloop.conditions.verdict import (
    NOTHING,
    PRODUCTS,
    Function,
    Sums,
    Values,
    Verdict,
)

# Deeper trees are left to the engine whole: Python's own compiler has its limits.
HEIGHT_MAX = 30
# Below it, every int is a float and no two are the same float.
_EXACT = 2**53

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_TESTS = {
    "startsWith": "{v}.startswith({c})",
    "endsWith": "{v}.endswith({c})",
    "contains": "{c} in {v}",
}
_BOOLEAN_CALLS = {*_TESTS, "matches"}
_BOOLEAN_MACROS = {"all", "exists", "exists_one", "existsOne"}

_FUNCTION = """\
def judge(lead, activity=NOTHING, sums=NOTHING):
    try:
{first}
        outcome = {code}
    except FAILURES:
        return otherwise(lead, activity, sums)
    return HOLDS if outcome is True else FAILS if outcome is False else outcome
"""


class _Piece(NamedTuple):
    """An expression in Python; one that is sure gives True or False, never a verdict."""

    code: str
    sure: bool = False


def compiled(tree: Node, program: cel.Program, text: str) -> Function:
    """Return a function that gives the verdict the engine would give."""
    writer = _Writer(tree, text)
    piece = writer.boolean(tree) if height(tree) <= HEIGHT_MAX else writer.left(tree)
    otherwise = verdicts_of(engine.whole_part(program))
    return writer.function(piece, otherwise)


def verdicts_of(part: engine.Part) -> Function:
    """Return a function that gives the verdict for what a part comes to."""

    def judge(lead: Values, activity: Values = NOTHING, sums: Sums = NOTHING) -> Verdict:
        outcome = part(lead, activity, sums)
        if isinstance(outcome, Verdict):
            return outcome
        return Verdict.HOLDS if outcome else Verdict.FAILS

    return judge


class _Writer:
    """Writes the function; `_bound` holds what its names stand for."""

    def __init__(self, tree: Node, text: str) -> None:
        self._text = text
        self._uses = Counter(_reads_in(tree))
        self._variables: dict[Read, str] = {}
        self._temporaries = 0
        self._bound: dict[str, object] = {
            "NOTHING": NOTHING,
            "HOLDS": Verdict.HOLDS,
            "FAILS": Verdict.FAILS,
            "WRONG": Verdict.WRONG_TYPE,
            "UNKNOWN": Verdict.UNKNOWN,
            "FAILURES": (TypeError, ValueError, OverflowError, AttributeError),
            "products_of": engine.products_of,
            "not_this_kind": not_this_kind,
            "not_a_text": not_a_text,
            "size": size,
        }

    def function(self, piece: _Piece, otherwise: Function) -> Function:
        """Return the function that gives this piece's verdict."""
        self._bound["otherwise"] = otherwise
        lines = [
            f"{name} = {self._get(read)}"
            for read, name in self._variables.items()
            if self._uses[read] > 1
        ]
        if any(read.record == PRODUCTS for read in self._variables):
            lines.insert(0, f"{PRODUCTS} = products_of(sums)")
        first = "\n".join(f"        {line}" for line in lines)
        source = _FUNCTION.format(first=first, code=piece.code)
        exec(compile(source, "<condition>", "exec"), self._bound)  # noqa: S102 - names are ours.
        return cast(Function, self._bound["judge"])

    def boolean(self, node: Node) -> _Piece:
        """Write a node that gives true or false, or leave it to the engine."""
        piece: _Piece | None = None
        match node:
            case Literal(kind="bool", value=value):
                return _Piece("True" if value else "False", sure=True)
            case Has():
                piece = self._has(node)
            case Not() if _is_boolean(node.operand):
                return self._not(self.boolean(node.operand))
            case Logic() if all(map(_is_boolean, node.terms)):
                return self._balanced(node.operator, [self.boolean(t) for t in node.terms])
            case Choice() if all(map(_is_boolean, children(node))):
                return self._choice(*map(self.boolean, children(node)))
            case Binary():
                piece = self._comparison(node)
            case Call():
                piece = self._test(node)
        return piece or self.left(node)

    def left(self, node: Node) -> _Piece:
        """Write a call of the engine for this node's text, by the values that it reads."""
        text = self._text[node.start : node.end]
        program = cel.compile(text)
        known = reads(node)
        if not known.all_known:
            return _Piece(f"{self._bind(engine.whole_part(program))}(lead, activity, sums)")
        each = known.each()
        if len(each) > 1:
            self._uses.update(each)
        by_values = engine.by_values(program, known)
        values = [self._value(read) for read in each]
        arguments = ", ".join(again for _, again in values)
        # Long texts would fill the memory; -0.0 and 0.0 are one key there, but not one number.
        fit = " and ".join(
            f"(len({again}) <= {engine.REMEMBERED_LENGTH_MAX} if {first}.__class__ is str"
            f" else {again}.__class__ is not float or {again} != 0)"
            for first, again in values
        )
        seen, unseen = map(self._bind, by_values)
        if not each:
            return _Piece(f"{seen}()")
        return _Piece(f"({seen}({arguments}) if {fit} else {unseen}({arguments}))")

    def _bind(self, value: object) -> str:
        name = f"c{len(self._bound)}"
        self._bound[name] = value
        return name

    def _temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    def _get(self, read: Read) -> str:
        return f"{read.record or 'sums'}.get({self._bind(read.name)})"

    def _value(self, read: Read) -> tuple[str, str]:
        """Return how to read a value, and how to name it once it is read."""
        name = self._variables.setdefault(read, f"v{len(self._variables)}")
        return (name if self._uses[read] > 1 else f"({name} := {self._get(read)})"), name

    def _has(self, node: Has) -> _Piece | None:
        read = read_of(node)
        return _Piece(f"({self._value(read)[0]} is not None)", sure=True) if read else None

    def _not(self, piece: _Piece) -> _Piece:
        if piece.sure:
            return _Piece(f"(not {piece.code})", sure=True)
        t = self._temporary()
        return _Piece(
            f"(False if ({t} := {piece.code}) is True else True if {t} is False else {t})"
        )

    def _choice(self, condition: _Piece, yes: _Piece, no: _Piece) -> _Piece:
        if condition.sure:
            code = f"({yes.code} if {condition.code} else {no.code})"
            return _Piece(code, sure=yes.sure and no.sure)
        t = self._temporary()
        return _Piece(
            f"({yes.code} if ({t} := {condition.code}) is True"
            f" else {no.code} if {t} is False else {t})"
        )

    def _balanced(self, operator: str, terms: list[_Piece]) -> _Piece:
        """Join the terms, halves first: of many, none stands deep in brackets."""
        if len(terms) == 1:
            return terms[0]
        middle = (len(terms) + 1) // 2
        left = self._balanced(operator, terms[:middle])
        return self._both(operator, left, self._balanced(operator, terms[middle:]))

    def _both(self, operator: str, left: _Piece, right: _Piece) -> _Piece:
        """Join two terms: the left decides if it can, then the right, then a fault."""
        decides, word = ("True", "or") if operator == "||" else ("False", "and")
        passes = "False" if operator == "||" else "True"
        if left.sure:
            return _Piece(f"({left.code} {word} {right.code})", sure=right.sure)
        t, u = self._temporary(), self._temporary()
        return _Piece(
            f"({decides} if ({t} := {left.code}) is {decides}"
            f" else {u} if ({u} := {right.code}) is not {passes} or {t} is {passes} else {t})"
        )

    def _comparison(self, node: Binary) -> _Piece | None:
        operator, left, right = node.operator, node.left, node.right
        if operator == "in":
            return self._membership(left, right)
        if operator not in _FLIPPED:
            return None
        if isinstance(left, Literal):
            operator, left, right = _FLIPPED[operator], right, left
        read, other, sized = _value_read(left), _value_read(right), _sized(left)
        if read and isinstance(right, Literal):
            return self._against(operator, read, right)
        if read and other:
            return self._pair(operator, read, other)
        if sized and isinstance(right, Literal) and _is_number(right):
            c = self._bind(right.value)
            length = "(len({v}) if {v}.isascii() else size({v})) "
            return self._of_text(sized, f"{length}{operator} {c}", "not_a_text")
        return None

    def _against(self, operator: str, read: Read, literal: Literal) -> _Piece | None:
        """Compare with a literal; null and bytes are for the engine."""
        c = self._bind(literal.value)
        if literal.kind == "string":
            if operator in {"==", "!="}:
                return self._equality(operator, read, f"== {c}")
            return self._of_text(read, f"{{v}} {operator} {c}", "not_this_kind")
        if _is_exact(literal):
            if operator in {"==", "!="}:
                return self._equality(operator, read, f"== {c}{_no_bool({literal.value})}")
            return self._order(operator, read, c)
        if literal.kind == "bool" or _is_number(literal):
            first, v = self._value(read)
            compare = self._bind(COMPARED[operator])
            return _Piece(f"({_absent(read)} if {first} is None else {compare}({v}, {c}))")
        return None

    def _equality(self, operator: str, read: Read, test: str) -> _Piece:
        first, v = self._value(read)
        same, other = ("True", "False") if operator != "!=" else ("False", "True")
        test = test.format(v=v)
        return _Piece(
            f"({same} if {first} {test} else {_absent(read)} if {v} is None else {other})"
        )

    def _order(self, operator: str, read: Read, c: str) -> _Piece:
        """Compare with a number: NaN has no order, and nothing but a number has any."""
        first, v = self._value(read)
        return _Piece(
            f"({v} {operator} {c} if {first}.__class__ is int"
            f" else ({v} {operator} {c} if {v} == {v} else WRONG) if {v}.__class__ is float"
            f" else {_absent(read)} if {v} is None else not_this_kind({v}))"
        )

    def _of_text(self, read: Read, code: str, otherwise: str) -> _Piece:
        """Do something with a text; another kind of value comes to what `otherwise` says."""
        first, v = self._value(read)
        return _Piece(
            f"({code.format(v=v)} if {first}.__class__ is str"
            f" else {_absent(read)} if {v} is None else {otherwise}({v}))"
        )

    def _pair(self, operator: str, left: Read, right: Read) -> _Piece:
        self._uses.update((left, right))
        (_, a), (_, b) = self._value(left), self._value(right)
        compare = self._bind(COMPARED[operator])
        # Sums first: two whole numbers of ordinary size are the same everywhere.
        return _Piece(
            f"({a} {operator} {b} if {a}.__class__ is {b}.__class__ is int"
            f" and {-_EXACT} < {a} < {_EXACT} and {-_EXACT} < {b} < {_EXACT}"
            f" else {_absent(left)} if {a} is None else {_absent(right)} if {b} is None"
            f" else {compare}({a}, {b}))"
        )

    def _membership(self, left: Node, right: Node) -> _Piece | None:
        read = _value_read(left)
        if read is None or not isinstance(right, List):
            return None
        values = [item.value for item in right.items if _is_plain(item)]
        if len(values) < len(right.items):
            return None
        code = f"in {self._bind(frozenset(values))}{_no_bool(set(values))}"
        return self._equality("==", read, code)

    def _test(self, node: Call) -> _Piece | None:
        """Write a question about a text, such as `lead.url.contains("x")`."""
        read = _value_read(node.target) if node.target else None
        match node:
            case Call(name=name, args=(Literal(kind="string", value=part),)) if read:
                test = _TESTS.get(name)
                if test:
                    code = test.format(v="{v}", c=self._bind(part))
                    return self._of_text(read, code, "not_a_text")
        return None


def _absent(read: Read) -> str:
    """Return what a missing value comes to: a sum is a variable, and unknown if not given."""
    return "FAILS" if read.record else "UNKNOWN"


def _no_bool(values: set[object]) -> str:
    """Return a further test where one of these could be equal to True in Python alone."""
    return " and {v}.__class__ is not bool" if values & {0, 1} else ""


def _reads_in(tree: Node) -> Iterator[Read]:
    read = read_of(tree)
    if read:
        yield read
        return
    for child in children(tree):
        yield from _reads_in(child)


def _value_read(node: Node) -> Read | None:
    """Return the value that a node reads; whether there is one is another question."""
    return None if isinstance(node, Has) else read_of(node)


def _sized(node: Node) -> Read | None:
    """Return the value whose size a node is."""
    match node:
        case Call(name="size", target=None, args=(of,)):
            return _value_read(of)
        case Call(name="size", target=of, args=()) if of:
            return _value_read(of)
        case _:
            return None


def _is_number(literal: Literal) -> bool:
    return literal.kind in {"int", "uint", "double"}


def _is_exact(literal: Literal) -> bool:
    """Say whether Python compares this number with any other as 64 bits would."""
    value = literal.value
    return _is_number(literal) and isinstance(value, int | float) and abs(value) < _EXACT


def _is_plain(node: Node) -> TypeGuard[Literal]:
    """Say whether a node is a text or a number that a set of Python finds as CEL would."""
    return isinstance(node, Literal) and (node.kind == "string" or _is_exact(node))


def _is_boolean(node: Node) -> bool:
    """Say whether a node gives true, false or a fault, and nothing else."""
    match node:
        case Literal(kind=kind):
            return kind == "bool"
        case Binary(operator=operator):
            return operator in {*_FLIPPED, "in"}
        case Call(name=name):
            return node.target is not None and name in _BOOLEAN_CALLS
        case Macro(name=name):
            return name in _BOOLEAN_MACROS
        case Choice(yes=yes, no=no):
            return _is_boolean(yes) and _is_boolean(no)
        case _:
            return isinstance(node, Has | Not | Logic)
