"""A service's own schema in PostgreSQL, and the one way to open a transaction in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asyncpg.exceptions import InternalClientError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from leadloop.clock import Clock
from leadloop.ids import Ids

POOL_SIZE = 8
POOL_OVERFLOW = 8
STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
STALLED_AFTER = timedelta(seconds=30)


@dataclass(slots=True)
class Work:
    """One open transaction, and what its unit of work may know.

    Attributes:
        connection: The transaction's connection.
        now: The moment the unit of work began; the only time it knows.
        ids: Where new identifiers come from.
        traceparent: W3C trace context that this work continues; empty when there is none.
        wakes: Names of the loops that have work once this commits.
    """

    connection: AsyncConnection
    now: datetime
    ids: Ids
    traceparent: str = ""
    wakes: set[str] = field(default_factory=set)


class Database:
    """One service's schema: its engine, its time, its identifiers.

    Attributes:
        schema: The PostgreSQL schema that every statement of the service runs in.
        engine: SQLAlchemy's engine, whose connections have the schema as search path.
    """

    def __init__(self, url: str, schema: str, *, clock: Clock, ids: Ids) -> None:
        """Prepare an engine for `url`; nothing connects until the first transaction."""
        self.schema = schema
        self.clock = clock
        self.ids = ids
        self.engine = engine_of(url, schema)
        self._wakes: dict[str, asyncio.Event] = {}
        self._moves_by: dict[str, datetime] = {}

    def wake_of(self, loop_name: str) -> asyncio.Event:
        """Return the event that is set when a commit left work for this loop."""
        return self._wakes.setdefault(loop_name, asyncio.Event())

    def note_moved(self, name: str, *, idle: timedelta = timedelta(0)) -> None:
        """Remember that a loop or a consumer made a pass, and may now sleep so long."""
        self._moves_by[name] = self.clock.now() + idle + STALLED_AFTER

    def stalled(self) -> dict[str, bool]:
        """Tell of each loop and consumer that once moved whether it has not for too long."""
        now = self.clock.now()
        return {name: now > moves_by for name, moves_by in sorted(self._moves_by.items())}

    @asynccontextmanager
    async def transaction(self, traceparent: str = "") -> AsyncIterator[Work]:
        """Open a unit of work: commit at its end, roll back when it raises, then wake loops."""
        async with self.engine.begin() as connection:
            work = Work(connection, self.clock.now(), self.ids, traceparent)
            yield work
        for name in work.wakes:
            self.wake_of(name).set()

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


def engine_of(url: str, schema: str) -> AsyncEngine:
    """Return an engine whose sessions live in `schema`, in UTC, with bounded waits."""
    settings = {
        "search_path": schema,
        "timezone": "UTC",
        "application_name": f"leadloop-{schema}",
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        # Statements here are short and prepared once; compiling them costs more than it saves.
        "jit": "off",
    }
    return create_async_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=30,
        # What a statement carries is personal data; errors and logs name the statement only.
        hide_parameters=True,
        connect_args={"server_settings": settings, "timeout": 10, "command_timeout": 60},
    )


def is_unreachable(error: BaseException) -> bool:
    """Say whether this error means that the database is away or asks to be tried again."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, (InterfaceError, OperationalError, ConnectionError, TimeoutError)):
        return True
    orig = getattr(error, "orig", None)
    # The driver's word for a connection that was cut in the middle of an operation.
    if isinstance(getattr(orig, "__cause__", None), InternalClientError):
        return True
    state = getattr(orig, "sqlstate", "") or ""
    # 08 connection, 40 serialisation and deadlock, 53 out of resources, 55P03 lock timeout,
    # 57 shutdown and statement timeout (PostgreSQL's manual, appendix A).
    return (
        isinstance(error, OSError) or state[:2] in {"08", "40", "53", "57"} or state == "55P03"
    )
