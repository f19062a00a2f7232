"""Statements on an open transaction: SQLAlchemy writes them, the driver runs them.

A statement is compiled once; what it costs after that is the driver's call and nothing else.
Writes whose result nobody needs can be put off: they go together, as one statement.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import asyncpg
import orjson
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from leadloop.errors import Retry

DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
_PARAMETER = re.compile(r"\$(\d+)")
STATEMENTS_MAX = 1_000

# Any: the value of a column, or of a parameter, is whatever its type in SQL is in Python.
Values = Mapping[str, Any]


class Row(asyncpg.Record):  # type: ignore[misc]  # the driver leaves it untyped
    """A row, by position, by name, or by attribute."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (as said above)
        """Return a column's value."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Rows(list[Row]):
    """The rows that a statement found."""

    def one(self) -> Row:
        """Return the only row."""
        row = self.one_or_none()
        if row is None:
            raise LookupError("expected one row, found none")
        return row

    def one_or_none(self) -> Row | None:
        """Return the only row; None when there is none."""
        if len(self) > 1:
            raise LookupError(f"expected one row, found {len(self)}")
        return self[0] if self else None


class Compiled(NamedTuple):
    """A statement as the driver takes it: $1, $2, ... and which value each one stands for."""

    sql: str
    names: tuple[str, ...]


class _Write(NamedTuple):
    """A write that was put off.

    Attributes:
        expected: How many rows it must write; None for as many as there are.
    """

    compiled: Compiled
    arguments: list[Any]
    expected: int | None


class Raced(Retry):
    """Another transaction was faster; nothing is wrong: roll back and begin again."""


class Connection:
    """A connection with an open transaction."""

    def __init__(self, driver: "asyncpg.Connection[Row]") -> None:
        """Run statements on the driver's connection."""
        self._driver = driver
        self._later: list[_Write] = []

    async def execute(
        self, statement: ClauseElement, values: Values | None = None, *, flushes: bool = True
    ) -> Rows:
        """Run a statement; return the rows that it found.

        Args:
            statement: Any one.
            values: Its values by name.
            flushes: Run what was put off before; False where the statement reads what no unit
                of work that puts writes off would change.
        """
        if self._later and flushes:
            await self.flush()
        sql, names = compiled(statement)
        arguments = [values[name] for name in names] if values else ()
        return Rows(await self._driver.fetch(sql, *arguments))

    async def scalars(
        self, statement: ClauseElement, values: Values | None = None
    ) -> list[Any]:
        """Return the first column of what a statement found."""
        return [row[0] for row in await self.execute(statement, values)]

    async def scalar(self, statement: ClauseElement, values: Values | None = None) -> Any:  # noqa: ANN401 (as said above)
        """Return the first column of the first row; None without a row."""
        rows = await self.execute(statement, values)
        return rows[0][0] if rows else None

    async def change(self, statement: ClauseElement, values: Values | None = None) -> int:
        """Run a statement after all that were put off; return how many rows it changed."""
        await self.flush()
        sql, names = compiled(statement)
        arguments = [values[name] for name in names] if values else ()
        return _count(await self._driver.execute(sql, *arguments))

    async def write(
        self, statement: ClauseElement, values: Values, *, expected: int | None = None
    ) -> None:
        """Put a write off until the next `execute`, or the end of the transaction.

        What is put off runs as one statement: each write sees the database as it was before
        all of them, and no two of them may touch the same row.

        Args:
            statement: An INSERT, UPDATE or DELETE without RETURNING.
            values: Its values by name.
            expected: How many rows it must write.

        Raises:
            Raced: When it runs, if it wrote fewer.
        """
        write = compiled(statement)
        if any(write is one.compiled for one in self._later):
            await self.flush()
        arguments = [values[name] for name in write.names]
        self._later.append(_Write(write, arguments, expected))

    async def flush(self) -> None:
        """Run what was put off."""
        if not self._later:
            return
        writes, self._later = self._later, []
        expected = [one.expected for one in writes if one.expected is not None]
        sql = _together(tuple((one.compiled.sql, one.expected is not None) for one in writes))
        arguments = [argument for one in writes for argument in one.arguments]
        found = await self._driver.fetch(sql, *arguments)
        if expected and list(found[0]) != expected:
            raise Raced(f"expected to write {expected} rows, wrote {list(found[0])}")


def from_json(value: str | None) -> Any:  # noqa: ANN401 (as said above)
    """Return what a JSON column holds, which the driver hands over as text."""
    return None if value is None else orjson.loads(value)


@lru_cache(maxsize=STATEMENTS_MAX)
def compiled(statement: ClauseElement) -> Compiled:
    """Return a statement as the driver takes it."""
    found: Any = statement.compile(dialect=DIALECT)
    return Compiled(found.string, tuple(found.positiontup or ()))


@lru_cache(maxsize=STATEMENTS_MAX)
def _together(writes: Sequence[tuple[str, bool]]) -> str:
    """Return one statement that makes several writes, and counts the rows of some."""
    if len(writes) == 1 and not writes[0][1]:
        return writes[0][0]
    parts, counts, shift = [], [], 0
    for position, (sql, is_counted) in enumerate(writes):
        name = f"write_{position}"
        returning = " RETURNING 1" if is_counted else ""
        parts.append(f"{name} AS ({_shifted(sql, shift)}{returning})")
        shift += max((int(number) for number in _PARAMETER.findall(sql)), default=0)
        if is_counted:
            counts.append(f"(SELECT count(*) FROM {name})")  # noqa: S608 (all of it is ours)
    # All of it comes from statements of ours; values travel apart.
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts) or '1'}"


def _shifted(sql: str, by: int) -> str:
    """Return a statement with its parameters' numbers raised."""
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", sql.strip())


def _count(status: str) -> int:
    """Return the number of rows that PostgreSQL's command tag tells, such as INSERT 0 5."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0
