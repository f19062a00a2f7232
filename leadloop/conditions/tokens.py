"""CEL text split into tokens, as the lexical rules of the language definition have it.

Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

import re
from typing import NamedTuple

END = "the end"

_ESCAPE = (
    r"""\\(?:[abfnrtv"'\\?`]|[0-3][0-7]{2}|[xX][0-9a-fA-F]{2}"""
    r"|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
)
_QUOTED = "|".join(
    (
        r'[rR](?:"{3}(?s:.)*?"{3}|' + r"'{3}(?s:.)*?'{3}" + r""")""",
        r"""[rR](?:"[^"\n\r]*"|'[^'\n\r]*')""",
        rf'"{{3}}(?:{_ESCAPE}|[^\\])*?"{{3}}',
        rf"'{{3}}(?:{_ESCAPE}|[^\\])*?'{{3}}",
        rf'"(?:{_ESCAPE}|[^\\"\n\r])*"',
        rf"'(?:{_ESCAPE}|[^\\'\n\r])*'",
    )
)
# The longer reading of a text stands before the shorter: 1.5 before 1, r"x" before r.
_TOKEN = re.compile(
    rf"""(?P<space>[\t\ \r\n\f]+|//[^\n]*)
      |(?P<double>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+
                 |\.[0-9]+(?:[eE][+-]?[0-9]+)?)
      |(?P<uint>(?:0x[0-9a-fA-F]+|[0-9]+)[uU])
      |(?P<int>0x[0-9a-fA-F]+|[0-9]+)
      |(?P<bytes>[bB](?:{_QUOTED}))
      |(?P<string>{_QUOTED})
      |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
      |(?P<mark>==|!=|<=|>=|&&|\|\||[<>\[\]{{}}().,\-!?:+*/%])""",
    re.VERBOSE,
)


class Unreadable(ValueError):
    """A text that is no CEL, or that goes deeper than this reader follows.

    Attributes:
        position: Where, counted in characters from 0.
    """

    def __init__(self, position: int, expected: str, found: str) -> None:
        """Say what stands at `position` instead of what was expected."""
        super().__init__(f"expected {expected} at character {position + 1}, found {found}")
        self.position = position
        self.expected = expected
        self.found = found


class Token(NamedTuple):
    """A piece of text of one kind: a number, a string, a name, a mark, or the end."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Return where the token ends."""
        return self.start + len(self.text)


def tokens_of(text: str) -> list[Token]:
    """Split `text`, leaving out spaces and comments; the last token is the end.

    Raises:
        Unreadable: Something is no token of CEL.
    """
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(position, "a word or a sign of CEL", repr(text[position]))
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup or "", match[0], position))
        position = match.end()
    return [*found, Token("end", "", len(text))]
