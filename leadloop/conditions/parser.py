"""From the text of a condition to its tree: a parser by binding power, bounded in depth."""

from collections.abc import Callable
from typing import TypeVar

import cel

from leadloop.conditions.syntax import (
    Binary,
    Call,
    Choice,
    Field,
    Has,
    Index,
    List,
    Literal,
    Logic,
    Macro,
    Map,
    Message,
    Name,
    Negative,
    Node,
    Not,
    height,
)
from leadloop.conditions.tokens import END, Token, Unreadable, tokens_of
from leadloop.conditions.verdict import LENGTH_MAX

# What walks the tree calls itself; this many levels are far from Python's limit, and far more
# than anybody reads. Brackets count as deep as the engine lets them go.
HEIGHT_MAX = 100
DEPTH_MAX = 97

_POWER = {
    **{"||": 1, "&&": 2},
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
_WORDS = {
    "true": Literal("bool", True),
    "false": Literal("bool", False),
    "null": Literal("null", None),
}
_RESERVED = frozenset(
    {
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import"),
        *("let", "loop", "package", "namespace", "return", "var", "void", "while"),
    }
)
# By how many arguments: with fewer or more, it is a function of that name.
MACROS = {
    **dict.fromkeys(("all", "exists", "exists_one", "existsOne", "filter"), (2,)),
    "map": (2, 3),
}
_NUMBERS = {"int", "uint", "double"}
_SIGNED = {"int", "double"}
_RANGE = {"int": (-(2**63), 2**63 - 1), "uint": (0, 2**64 - 1)}


def parse(text: str) -> Node:
    """Return the tree of a condition.

    Raises:
        Unreadable: The text is no CEL, or longer or deeper than this reader goes.
    """
    if len(text) > LENGTH_MAX:
        raise Unreadable(LENGTH_MAX, f"at most {LENGTH_MAX} characters", f"{len(text)}")
    tree = _Parser(tokens_of(text)).whole()
    if height(tree) > HEIGHT_MAX:
        raise Unreadable(0, f"at most {HEIGHT_MAX} levels", f"{height(tree)}")
    return tree


_Item = TypeVar("_Item")


class _Parser:
    """Reads tokens from left to right, one ahead."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        """Read everything as one expression."""
        node = self._expression()
        if self._token.kind != "end":
            raise self._unreadable("an operator or the end")
        return node

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    @property
    def _end(self) -> int:
        """Where the token before the next one ends."""
        return self._tokens[self._next - 1].end

    def _unreadable(self, expected: str) -> Unreadable:
        token = self._token
        return Unreadable(token.start, expected, repr(token.text) if token.text else END)

    def _take(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _sees(self, mark: str, ahead: int = 0) -> bool:
        """Say whether a sign stands there; a string of that text is none."""
        token = self._tokens[min(self._next + ahead, len(self._tokens) - 1)]
        return token.text == mark and token.kind in {"mark", "name"}

    def _sees_signed_number(self) -> bool:
        # The end is a token too, so there is always one behind a sign.
        return self._sees("-") and self._tokens[self._next + 1].kind in _SIGNED

    def _skip(self, mark: str) -> bool:
        if not self._sees(mark):
            return False
        self._next += 1
        return True

    def _require(self, mark: str) -> None:
        if not self._skip(mark):
            raise self._unreadable(f"'{mark}'")

    def _name(self) -> str:
        token = self._token
        if token.kind != "name" or token.text in _WORDS or token.text == "in":
            raise self._unreadable("a name")
        self._next += 1
        return token.text

    def _expression(self) -> Node:
        start = self._token.start
        condition = self._operation(1)
        if not self._skip("?"):
            return condition
        yes = self._operation(1)
        self._require(":")
        no = self._expression()
        return Choice(condition, yes, no, start=start, end=self._end)

    def _operation(self, power: int) -> Node:
        """Read operands joined by operators that bind as tightly as `power`, or more."""
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._unreadable(f"at most {DEPTH_MAX} levels of brackets")
        start = self._token.start
        left = self._unary()
        while self._power() >= power:
            left = self._joined(left, start)
        self._depth -= 1
        return left

    def _power(self) -> int:
        token = self._token
        return _POWER.get(token.text, 0) if token.kind in {"mark", "name"} else 0

    def _joined(self, left: Node, start: int) -> Node:
        """Read an operator and what stands right of it; `a && b && c` is one node of three."""
        operator = self._token.text
        power = _POWER[operator]
        if power > 2:
            self._next += 1
            right = self._operation(power + 1)
            return Binary(operator, left, right, start=start, end=self._end)
        terms = [left]
        while self._skip(operator):
            terms.append(self._operation(power + 1))
        return Logic(operator, tuple(terms), start=start, end=self._end)

    def _unary(self) -> Node:
        start = self._token.start
        if self._sees("!"):
            count = self._count("!")
            operand = self._member()
            return Not(operand, start=start, end=self._end) if count % 2 else operand
        count = self._count("-")
        if count == 1 and self._token.kind in _SIGNED:
            # A single sign is a part of its number: only so is the least int in range.
            self._next -= 1
            count = 0
        operand = self._member()
        return Negative(operand, start=start, end=self._end) if count % 2 else operand

    def _count(self, mark: str) -> int:
        """Read the same sign again and again; the engine lets two of them cancel out."""
        count = 0
        while self._skip(mark):
            count += 1
        return count

    def _member(self) -> Node:
        start = self._token.start
        node = self._primary()
        while True:
            if self._skip("."):
                node = self._selected(node, start)
            elif self._skip("["):
                at = self._expression()
                self._require("]")
                node = Index(node, at, start=start, end=self._end)
            else:
                return node

    def _selected(self, of: Node, start: int) -> Node:
        """Read what follows a dot: a field, a macro or a function."""
        name = self._name()
        if not self._skip("("):
            return Field(of, name, start=start, end=self._end)
        args = self._list(")", self._expression, may_trail=False)
        if len(args) not in MACROS.get(name, ()):
            return Call(name, of, args, start=start, end=self._end)
        variable, *bodies = args
        if not isinstance(variable, Name) or variable.name.startswith("."):
            raise Unreadable(variable.start, f"a name as the first word of {name}()", "more")
        return Macro(name, of, variable.name, tuple(bodies), start=start, end=self._end)

    def _primary(self) -> Node:
        if self._token.kind in {*_NUMBERS, "string", "bytes"} or self._sees_signed_number():
            return self._literal()
        start = self._token.start
        if self._skip("("):
            node = self._expression()
            self._require(")")
            return node
        if self._skip("["):
            items = self._list("]", self._expression)
            return List(items, start=start, end=self._end)
        if self._skip("{"):
            entries = self._list("}", self._entry)
            return Map(entries, start=start, end=self._end)
        return self._named(start)

    def _named(self, start: int) -> Node:
        """Read what begins with a name: a word, a message, a function or a variable."""
        word = _WORDS.get(self._token.text) if self._token.kind == "name" else None
        if word:
            self._next += 1
            return Literal(word.kind, word.value, start=start, end=self._end)
        dot = "." if self._skip(".") else ""
        if self._is_message():
            return self._message(dot, start)
        if self._token.text in _RESERVED:
            raise self._unreadable("a name that is not reserved")
        name = dot + self._name()
        if not self._skip("("):
            return Name(name, start=start, end=self._end)
        args = self._list(")", self._expression, may_trail=False)
        if name == "has" and len(args) == 1:
            return self._has(args[0], start)
        return Call(name, None, args, start=start, end=self._end)

    def _has(self, read: Node, start: int) -> Node:
        if not isinstance(read, Field):
            raise Unreadable(read.start, "a field such as lead.country in has()", "no field")
        return Has(read.of, read.name, start=start, end=self._end)

    def _is_message(self) -> bool:
        """Say whether names with dots between them, then a brace, come next."""
        ahead = 0
        while self._tokens[self._next + ahead].kind == "name":
            if self._sees("{", ahead + 1):
                return True
            if not self._sees(".", ahead + 1):
                return False
            ahead += 2
        return False

    def _message(self, dot: str, start: int) -> Node:
        names = [self._name()]
        while self._skip("."):
            names.append(self._name())
        self._require("{")
        entries = self._list("}", self._message_entry)
        return Message(dot + ".".join(names), entries, start=start, end=self._end)

    def _message_entry(self) -> tuple[str, Node]:
        name = self._name()
        self._require(":")
        return name, self._expression()

    def _entry(self) -> tuple[Node, Node]:
        key = self._expression()
        self._require(":")
        return key, self._expression()

    def _list(
        self, closing: str, read: Callable[[], _Item], *, may_trail: bool = True
    ) -> tuple[_Item, ...]:
        """Read items with commas between them, up to the closing bracket."""
        items: list[_Item] = []
        while not self._sees(closing) and not self._sees(","):
            items.append(read())
            if not self._sees(",") or (may_trail and self._sees(closing, 1)):
                break
            self._next += 1
            if self._sees(closing):
                raise self._unreadable("one more")
        if may_trail:
            self._skip(",")
        self._require(closing)
        return tuple(items)

    def _literal(self) -> Literal:
        start = self._token.start
        sign = self._take().text if self._sees("-") else ""
        token = self._take()
        value = _value(token, sign)
        return Literal(token.kind, value, start=start, end=token.end)


def _value(token: Token, sign: str) -> int | float | str | bytes:
    """Return what a literal stands for."""
    if token.kind == "double":
        value = float(sign + token.text)
        if abs(value) == float("inf"):
            raise Unreadable(token.start, "a number of 64 bits", token.text)
        return value
    if token.kind in _NUMBERS:
        return _whole(token, sign)
    quote = token.text[0]
    if "\\" not in token.text and quote in "\"'" and not token.text.startswith(quote * 3):
        return token.text[1:-1]
    return _spelt(token)


def _whole(token: Token, sign: str) -> int:
    digits = token.text.rstrip("uU")
    value = int(sign + digits, 16 if digits.startswith("0x") else 10)
    least, most = _RANGE[token.kind]
    if not least <= value <= most:
        raise Unreadable(token.start, "a number of 64 bits", token.text)
    return value


def _spelt(token: Token) -> str | bytes:
    """Return a string with escapes, raw or in three quotes, as the engine has it."""
    try:
        value = cel.evaluate(token.text)
    except ValueError as error:
        raise Unreadable(token.start, "a string in CEL", token.text) from error
    return value if isinstance(value, bytes) else str(value)
