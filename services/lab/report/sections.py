"""What a report of the lab is made of: a title, what to mind, sections of text and tables."""

from collections.abc import Sequence
from dataclasses import dataclass

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; the first column is text, others are numbers unless told."""

    header: Row
    rows: Sequence[Row]
    texts: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True)
class Section:
    """One question and its answer.

    Attributes:
        chart: An SVG, for pages that show one.
    """

    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    chart: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found."""

    title: str
    summary: Sequence[str]
    warnings: Sequence[str]
    sections: Sequence[Section]
