"""How a CSV file is written, told from its beginning: encoding, delimiter, header."""

import codecs
import csv
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from leadloop.errors import Rejected

HEAD_BYTES: Final = 65_536
# A name in the header may hold line breaks, if it is quoted.
HEADER_LINES_MAX: Final = 10
DELIMITERS: Final = (",", ";", "\t", "|")
# Names for people; the tab would not be seen.
_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_CSV: Final = (
    (b"PK\x03\x04", "is a spreadsheet or an archive: save it as CSV first"),
    (b"\x1f\x8b", "is compressed: unpack it first"),
    (b"%PDF", "is a PDF: export the table as CSV"),
    (b"{", "is JSON: export the table as CSV"),
    (b"<html", "is HTML: export the table as CSV"),
    (b"<!doctype", "is HTML: export the table as CSV"),
    (b"<?xml", "is XML: export the table as CSV"),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read one file.

    Attributes:
        path: The file itself, or its copy in UTF-8.
        name: What people call the file.
        encoding: Of the bytes at `path`: every newline is the byte 10 in it.
        is_told: The encoding was said, not guessed.
        delimiter: Between two values.
        escapes: A backslash goes before a quote inside a value.
        begins: The byte at which the first row after the header begins.
        first_line: The line of that row.
        header: The names of the columns as they are written.
        size: Bytes at `path`.
    """

    path: Path
    name: str
    encoding: str
    is_told: bool
    delimiter: str
    escapes: bool
    begins: int
    first_line: int
    header: tuple[str, ...]
    size: int

    @property
    def delimiter_name(self) -> str:
        """Return the delimiter as a word."""
        return _NAMES.get(self.delimiter, repr(self.delimiter))


def dialect_of(path: Path, folder: Path, encoding: str = "", delimiter: str = "") -> Dialect:
    """Tell how a file is written.

    Args:
        path: The file.
        folder: Where a copy in UTF-8 is put if the file can't be cut at bytes as it is.
        encoding: As told; guessed when empty.
        delimiter: As told; guessed when empty.

    Raises:
        Rejected: There is no such file, or it is no CSV.
    """
    _require_delimiter(delimiter)
    head = _head(path)
    mark = next((bom for bom, _ in _MARKS if head.startswith(bom)), b"")
    found = encoding or _guessed(head, path)
    _require_codec(found)
    readable, skipped = path, len(mark)
    if _needs_copy(head, found):
        readable, skipped = _copied(path, folder, found), 0
        head, found = _head(readable), "utf-8"
    dialect = Dialect(
        path=readable,
        name=path.name,
        encoding=found,
        is_told=bool(encoding),
        delimiter=delimiter,
        escapes=b'\\"' in head,
        begins=skipped,
        first_line=1,
        header=(),
        size=readable.stat().st_size,
    )
    return _with_header(dialect, head[skipped:])


def _head(path: Path) -> bytes:
    """Return the first bytes of what can be a CSV file."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        reason = (error.strerror or "can't be read").lower()
        raise Rejected(f"{path}: {reason}.") from error
    if not head.strip():
        raise Rejected(f"{path.name} is empty: expected a header line and a row for each lead.")
    for begins, what in _NO_CSV:
        if head.lstrip()[:20].lower().startswith(begins.lower()):
            raise Rejected(f"{path.name} {what}.")
    return head


def _guessed(head: bytes, path: Path) -> str:
    """Return the encoding; rows that are not UTF-8 after all are looked at one by one."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    odd, even = head[1::2].count(0), head[::2].count(0)
    if max(odd, even) > len(head) / 5:
        return "utf-16-le" if odd > even else "utf-16-be"
    if b"\0" in head:
        raise Rejected(f"{path.name} is no text: expected a CSV file.")
    return "utf-8"


def _require_codec(encoding: str) -> None:
    try:
        # What turns texts into texts, such as rot13, is none for a file.
        " ".encode(encoding)
    except (LookupError, UnicodeError) as error:
        raise Rejected(
            f"There is no encoding {encoding!r}: say one such as utf-8, utf-16 or latin-1."
        ) from error


def _require_delimiter(delimiter: str) -> None:
    """Refuse what can't part values; nothing means that it is guessed."""
    if delimiter and (len(delimiter) > 1 or not delimiter.isascii() or delimiter in ' "\r\n'):
        raise Rejected(
            f"There is no delimiter {delimiter!r}: say one character such as , or ; or a tab."
        )


def _needs_copy(head: bytes, encoding: str) -> bool:
    """Say whether lines can't be found by the byte 10."""
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32", "utf-7"))
    return wide or (b"\r" in head and b"\n" not in head)


def _copied(path: Path, folder: Path, encoding: str) -> Path:
    """Return a copy in UTF-8 with plain newlines."""
    copy = folder / f"{path.stem}.utf-8.csv"
    with (
        path.open(encoding=encoding, errors="replace", newline=None) as file,
        copy.open("w", encoding="utf-8", newline="\n") as target,
    ):
        shutil.copyfileobj(file, target, 1 << 20)
    return copy


def _with_header(dialect: Dialect, head: bytes) -> Dialect:
    """Read the first line that is not blank as the header, after a hint such as sep=;."""
    lines = _text(head, dialect).split("\n")
    begins, delimiter, at = dialect.begins, dialect.delimiter, 0
    while at < len(lines):
        line, taken = _whole(lines[at : at + HEADER_LINES_MAX])
        begins += len((line + "\n").encode(dialect.encoding, "surrogateescape"))
        text = line.strip("\r\ufeff ")
        if text.lower().startswith("sep=") and len(text) == 5:
            delimiter = delimiter or text[4]
        elif text.strip():
            delimiter = delimiter or _delimiter(lines[at:])
            return replace(
                dialect,
                delimiter=delimiter,
                begins=min(begins, dialect.size),
                first_line=at + taken + 1,
                header=tuple(_split(line, delimiter)),
            )
        at += taken
    raise Rejected(f"{dialect.name} is empty: expected a header line.")


def _whole(lines: Sequence[str]) -> tuple[str, int]:
    """Return the first line, with those after it while a quoted name goes on."""
    for taken in range(1, len(lines) + 1):
        line = "\n".join(lines[:taken])
        if line.count('"') % 2 == 0:
            return line, taken
    return lines[0], 1


def _text(head: bytes, dialect: Dialect) -> str:
    # What is no UTF-8 comes back as the same bytes, so that positions stay right.
    return head.decode(dialect.encoding, "surrogateescape")


def _split(line: str, delimiter: str) -> list[str]:
    """Return the values of one line; a value that goes on in the next line is cut."""
    cells = next(
        csv.reader([line.rstrip("\r")], delimiter=delimiter, skipinitialspace=True), []
    )
    shown = (cell.encode("utf-8", "surrogateescape") for cell in cells)
    return [_said(cell).strip(" \t\r\ufeff") for cell in shown]


def _said(cell: bytes) -> str:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell.decode("cp1252", "replace")


def _delimiter(lines: Sequence[str]) -> str:
    """Return what parts the lines into most columns, the same number in most of them."""
    shown = [line for line in lines[:51] if line.strip()]
    # The last line of the head may be cut.
    shown = shown[:-1] if len(shown) > 2 and len(lines) <= 51 and lines[-1] else shown

    def fitness(delimiter: str) -> tuple[float, int]:
        widths = Counter(len(_split(line, delimiter)) for line in shown)
        width = len(_split(shown[0], delimiter))
        return (widths[width] / len(shown) if width > 1 else 0.0, width)

    best = max(DELIMITERS, key=fitness)
    return best if fitness(best)[1] > 1 else ","
