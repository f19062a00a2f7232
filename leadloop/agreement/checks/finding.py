"""A finding: what can't work, where it stands, what to do about it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How much a finding weighs.

    An error is proven from the text alone: something in it can never take effect, or it
    contradicts itself. It keeps a text from being proposed. A warning takes effect, but not as
    it reads, or hangs on what lies outside of the text. It is shown and stops nothing.
    """

    ERROR = "error"
    WARNING = "warning"


class Found(NamedTuple):
    """What a check has found, before its line is known.

    Attributes:
        path: JSON Pointer of what can't work.
        code: The kind of fault, for programs.
        problem: What can't work, in a sentence.
        advice: What to do about it, in a sentence.
    """

    path: str
    code: str
    problem: str
    advice: str
    level: Level = Level.ERROR


@dataclass(frozen=True, order=True)
class Finding:
    """What can't work in a text.

    Attributes:
        line: Counted from 1.
        path: JSON Pointer of the value.
        code: The kind of fault, for programs.
        problem: What can't work, in a sentence.
        advice: What to do about it, in a sentence.
    """

    line: int
    path: str
    level: Level
    code: str
    problem: str
    advice: str

    def __str__(self) -> str:
        """Return the finding as one line for people."""
        return f"line {self.line}, {self.path}: {self.level}: {self.problem} {self.advice}"
