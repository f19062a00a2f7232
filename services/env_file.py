"""Files of NAME=value lines, as shells and other tools read them."""

import re
from collections.abc import Iterator
from pathlib import Path

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)", re.S)
_COMMENT = r"\s*(?:\s#.*)?"
_SINGLE = re.compile(rf"'([^']*)'{_COMMENT}")
_DOUBLE = re.compile(rf'"((?:[^"\\]|\\.)*)"{_COMMENT}')
_ESCAPED = re.compile(r'\\(["\\$`])')
# A blank before the sign makes a comment: secrets may hold the sign itself.
_BARE = re.compile(rf"(.*?){_COMMENT}")


class Unreadable(ValueError):
    """A file can't be read; the message names the line, never what stands in it."""


def read_env(path: Path) -> dict[str, str]:
    """Return the values of a file by name; of a name told twice the last one.

    Quotes around a value are no part of it, nor is a comment behind it; `export` may stand
    before the name. Nothing is expanded.

    Raises:
        Unreadable: A line is none of these.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path}: expected text in UTF-8") from error
    return dict(_values(path, lines))


def _values(path: Path, lines: list[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise Unreadable(f"{path}, line {number}: expected NAME=value or a # comment")
        value = _value(found["value"])
        if value is None:
            raise Unreadable(f"{path}, line {number}: expected quotes that close at the end")
        yield found["name"], value


def _value(text: str) -> str | None:
    """Return a value without its quotes; None when they don't match."""
    if text.startswith("'"):
        found = _SINGLE.fullmatch(text)
        return found[1] if found else None
    if text.startswith('"'):
        found = _DOUBLE.fullmatch(text)
        return _ESCAPED.sub(r"\1", found[1]) if found else None
    found = _BARE.fullmatch(text)
    return found[1] if found else None
