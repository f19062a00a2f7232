"""Rows of a CSV file, read in ranges of bytes; a broken row harms no other.

Python's own reader takes everything after a quote that is never closed as one value. Here a
row that is no whole record by itself is joined with the lines after it only if that makes one
row of the right width; else it alone is broken.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import BinaryIO, Final, NamedTuple

from services.lab.history.aside import SetAside
from services.lab.history.dialect import Dialect

BLOCK_BYTES: Final = 1 << 20
# A row longer than this is none.
ROW_BYTES_MAX: Final = 1 << 20
ROW_LINES_MAX: Final = 200
# Rows that must have the right width behind a place before the file is cut there.
PROBED_ROWS: Final = 5
PROBED_LINES: Final = 50
PROBED_BYTES: Final = 1 << 16

csv.field_size_limit(ROW_BYTES_MAX)


class Range(NamedTuple):
    """A part of a file, from a row's first byte to the byte after a row's last."""

    number: int
    start: int
    end: int


@dataclass
class Block:
    """Some rows in their order.

    Attributes:
        rows: All of the header's width.
        lines: Where each row begins, counted from 0 at the beginning of the range.
        broken: The rows that could not be read.
        lines_read: All lines up to the end of this block, counted likewise.
        bytes_read: Of the range so far.
        foreign: Lines that were not of the encoding that was guessed.
    """

    rows: list[list[str]]
    lines: list[int]
    broken: list[SetAside]
    lines_read: int
    bytes_read: int = 0
    foreign: int = 0


def cut(dialect: Dialect, count: int) -> list[Range]:
    """Cut a file into about so many ranges, each at the beginning of a row."""
    size = dialect.size - dialect.begins
    with dialect.path.open("rb") as file:
        wanted = (dialect.begins + size * n // count for n in range(1, count))
        places = {place for at in wanted if (place := _row_after(file, at, dialect))}
    edges = [dialect.begins, *sorted(places), dialect.size]
    pairs = pairwise(edges)
    return [Range(n, start, end) for n, (start, end) in enumerate(pairs) if end > start]


def _row_after(file: BinaryIO, at: int, dialect: Dialect) -> int | None:
    """Return the first byte after `at` where rows begin; None when that can't be told."""
    file.seek(at)
    probe = file.read(PROBED_BYTES)
    place = probe.find(b"\n") + 1
    for _ in range(ROW_LINES_MAX):
        if not place:
            return None
        lines = _decoded(probe[place:], dialect)[0].split("\n", PROBED_LINES)[:-1]
        if _are_rows(lines, dialect):
            return at + place
        place = probe.find(b"\n", place) + 1
    return None


def _are_rows(lines: list[str], dialect: Dialect) -> bool:
    """Say whether the first of some lines are rows; inside of a value they would not be."""
    framed = _framed(lines, dialect, is_last=False)
    shown = framed.records[:PROBED_ROWS]
    if len(shown) < PROBED_ROWS or any(at < framed.places[-1] for at in framed.broken):
        return False
    return all(_width(record, dialect) == len(dialect.header) for record in shown)


def read(dialect: Dialect, part: Range) -> Iterator[Block]:
    """Read the rows of a range, block by block."""
    with dialect.path.open("rb") as file:
        file.seek(part.start)
        left, begun, line = part.end - part.start, b"", 0
        while left and (piece := file.read(min(BLOCK_BYTES, left))):
            left -= len(piece)
            begun += piece
            border = len(begun) if not left else begun.rfind(b"\n") + 1
            if not border and len(begun) < ROW_BYTES_MAX:
                continue
            border = border or len(begun)
            text, foreign = _decoded(begun[:border], dialect)
            block, open_lines = _block(text, line, dialect, is_last=not left)
            begun = open_lines.encode(dialect.encoding, "replace") + begun[border:]
            line, block.foreign = block.lines_read, foreign
            block.bytes_read = part.end - part.start - left
            yield block


def _decoded(piece: bytes, dialect: Dialect) -> tuple[str, int]:
    """Return the text, and how many lines were of another encoding than was guessed."""
    try:
        return piece.decode(dialect.encoding), 0
    except UnicodeDecodeError:
        lines = [_line(line, dialect) for line in piece.split(b"\n")]
        return "\n".join(text for text, _ in lines), sum(foreign for _, foreign in lines)


def _line(line: bytes, dialect: Dialect) -> tuple[str, bool]:
    try:
        return line.decode(dialect.encoding), False
    except UnicodeDecodeError:
        encoding = dialect.encoding if dialect.is_told else "cp1252"
        return line.decode(encoding, "replace"), True


def _block(text: str, first: int, dialect: Dialect, *, is_last: bool) -> tuple[Block, str]:
    """Read whole rows; return them, and the text of a row that goes on behind the block."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if '"' not in text:
        rows = [line.split(dialect.delimiter) for line in lines]
        block = _fitted(rows, range(first, first + len(rows)), dialect)
        block.lines_read = first + len(lines)
        return block, ""
    framed = _framed(lines, dialect, is_last=is_last)
    rows = list(_reader(framed.records, dialect))
    block = _fitted(rows, [first + at for at in framed.places], dialect)
    block.lines_read = first + framed.taken
    block.broken += [_unclosed(dialect, first + at) for at in framed.broken]
    rest = lines[framed.taken :]
    return block, "".join(f"{line}\n" for line in rest)


def _fitted(rows: list[list[str]], lines: Sequence[int], dialect: Dialect) -> Block:
    """Return the rows of the header's width; blank lines are no rows."""
    width = len(dialect.header)
    if all(len(row) == width for row in rows) and width > 1:
        _trim_ends(rows)
        return Block(rows, list(lines), [], 0)
    block = Block([], [], [], 0)
    for row, line in zip(rows, lines, strict=True):
        if len(row) < 2 and not "".join(row).strip():
            continue
        cells = row
        while len(cells) > width and not cells[-1].strip():
            cells = cells[:-1]
        if len(cells) == width:
            block.rows.append(cells)
            block.lines.append(line)
        else:
            block.broken.append(_misfit(dialect, line, len(cells)))
    _trim_ends(block.rows)
    return block


def _trim_ends(rows: list[list[str]]) -> None:
    """Take the carriage return off the last value of each row."""
    for row in rows:
        if row[-1].endswith("\r"):
            row[-1] = row[-1][:-1]


@dataclass
class _Framed:
    """Whole records, the lines at which they begin, the broken lines, and lines taken."""

    records: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)
    taken: int = 0


def _framed(lines: list[str], dialect: Dialect, *, is_last: bool) -> _Framed:
    """Part lines into records; a quoted value may go on over several lines."""
    whole = _whole_record(dialect.delimiter, dialect.escapes)
    framed = _Framed()
    at = 0
    while at < len(lines):
        line = lines[at]
        taken = 1 if '"' not in line or whole.fullmatch(line) else _span(lines, at, dialect)
        if not taken:
            is_open = not is_last and len(lines) - at < ROW_LINES_MAX
            if is_open and _size(lines[at:]) < ROW_BYTES_MAX:
                break
            framed.broken.append(at)
        else:
            framed.records.append(line if taken == 1 else "\n".join(lines[at : at + taken]))
            framed.places.append(at)
        at += taken or 1
    framed.taken = at
    return framed


def _span(lines: list[str], at: int, dialect: Dialect) -> int:
    """Return how many lines make one row of the right width; 0 when none do."""
    whole = _whole_record(dialect.delimiter, dialect.escapes)
    if _starts_record(dialect.delimiter, dialect.escapes).fullmatch(lines[at]) is None:
        return 0
    for end in range(at + 1, min(at + ROW_LINES_MAX, len(lines))):
        if '"' not in lines[end]:
            continue
        record = "\n".join(lines[at : end + 1])
        if whole.fullmatch(record):
            return end + 1 - at if _width(record, dialect) == len(dialect.header) else 0
    return 0


def _width(record: str, dialect: Dialect) -> int:
    return len(_cells(record, dialect))


def _size(lines: list[str]) -> int:
    return sum(map(len, lines))


def _cells(record: str, dialect: Dialect) -> list[str]:
    return next(_reader([record], dialect), [])


def _reader(records: Sequence[str], dialect: Dialect) -> Iterator[list[str]]:
    return csv.reader(
        records,
        delimiter=dialect.delimiter,
        skipinitialspace=True,
        escapechar="\\" if dialect.escapes else None,
    )


@lru_cache(maxsize=32)
def _whole_record(delimiter: str, escapes: bool) -> re.Pattern[str]:
    """Return what matches a record in which every quote that is opened is closed."""
    value = _value(delimiter, escapes)
    return re.compile(rf"{value}(?:{re.escape(delimiter)}{value})*+\r?", re.DOTALL)


@lru_cache(maxsize=32)
def _starts_record(delimiter: str, escapes: bool) -> re.Pattern[str]:
    """Return what matches a line that ends inside of a quoted value."""
    value, quoted = _value(delimiter, escapes), _quoted(escapes)
    before = rf"(?:{value}{re.escape(delimiter)})*"
    return re.compile(rf"{before}{_space(delimiter)}{quoted}", re.DOTALL)


def _value(delimiter: str, escapes: bool) -> str:
    """Return what matches one value."""
    space = _space(delimiter)
    bare = rf'(?!")[^{re.escape(delimiter)}\r\n]*+'
    return rf'{space}(?:{_quoted(escapes)}"{space}|{bare})'


def _quoted(escapes: bool) -> str:
    """Return what matches a quoted value without its last quote."""
    inside = r'[^"\\]|\\.|""' if escapes else r'[^"]|""'
    return rf'"(?:{inside})*+'


def _space(delimiter: str) -> str:
    return r"[ ]*+" if delimiter == "\t" else r"[ \t]*+"


def _unclosed(dialect: Dialect, line: int) -> SetAside:
    what = "a quote is not closed, or stands inside a value: close it, or write it twice"
    return SetAside(dialect.name, line, "broken quotes", what)


def _misfit(dialect: Dialect, line: int, found: int) -> SetAside:
    expected = len(dialect.header)
    why = f"expected {expected} values as in the header, found {found}"
    if found > expected:
        why += f": put a value that holds a {dialect.delimiter_name} in quotes"
    return SetAside(dialect.name, line, "wrong number of values", why)
