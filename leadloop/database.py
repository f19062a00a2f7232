"""A service's own schema in PostgreSQL, and the one way to open a transaction in it."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import asyncpg
from asyncpg.exceptions import InternalClientError, InvalidCachedStatementError
from sqlalchemy import make_url, text

from leadloop.clock import Clock
from leadloop.connection import DIALECT, Connection, Row
from leadloop.ids import Ids

POSTGRES_PORT = 5432
# What is older is not tried: the tests themselves need 15.
POSTGRES_VERSION_MIN = 15
SERVER_VERSION = text("SELECT current_setting('server_version')")
POOL_SIZE_MAX = 16
POOL_WAIT_SECONDS = 30
STATEMENTS_CACHED = 500
STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
STALLED_AFTER = timedelta(seconds=30)


# Any: what a loop takes is its own business.
class Taker(Protocol):
    """A loop that takes work from commits in its own process, as far as it has room.

    What it has no room for waits in its table, and so does everything after a crash.
    """

    def reserve(self, key: str) -> bool:
        """Keep a place for one piece of work about `key`; return False without room."""
        ...

    def settle(self, things: Sequence[Any], *, is_committed: bool) -> None:
        """Take what places were kept for, or free the places after a rollback."""
        ...

    def look(self) -> None:
        """Hear that a commit left work in the table."""
        ...


@dataclass(slots=True)
class Work:
    """One open transaction, and what its unit of work may know.

    Attributes:
        connection: The transaction's connection.
        now: The moment the unit of work began; the only time it knows.
        ids: Where new identifiers come from.
        traceparent: W3C trace context that this work continues; empty when there is none.
        takers: Loops that take work directly, by name.
        wakes: Names of the loops that have work in their tables once this commits.
        handed: What takers get once this commits; each has kept a place for it.
    """

    connection: Connection
    now: datetime
    ids: Ids
    traceparent: str = ""
    takers: Mapping[str, Taker] = field(default_factory=dict)
    wakes: set[str] = field(default_factory=set)
    handed: list[tuple[Taker, Sequence[Any]]] = field(default_factory=list)


class TooOld(Exception):
    """The server is older than what our SQL is tried on.

    Attributes:
        schema: Whose statements it was asked to run.
    """

    def __init__(self, found: str, url: str, schema: str) -> None:
        """Say what was expected, what was found, and where."""
        expected = f"expected PostgreSQL {POSTGRES_VERSION_MIN} or later"
        super().__init__(f"{expected}, found {found} at {place_of(url)}")
        self.schema = schema


class Database:
    """One service's schema: its connections, its time, its identifiers.

    Attributes:
        url: Where the database is, as SQLAlchemy writes it.
        schema: The PostgreSQL schema that every statement of the service runs in.
        takers: Loops that take work directly from commits, by name.
    """

    def __init__(self, url: str, schema: str, *, clock: Clock, ids: Ids) -> None:
        """Prepare connections to `url`; nothing connects until the first transaction."""
        self.url = url
        self.schema = schema
        self.clock = clock
        self.ids = ids
        self.takers: dict[str, Taker] = {}
        self._pool: asyncpg.Pool[Row] | None = None
        self._wakes: dict[str, asyncio.Event] = {}
        self._moves_by: dict[str, datetime] = {}

    @property
    def where(self) -> str:
        """Say where the database is, for logs: no user, no password."""
        return place_of(self.url)

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
        async with self._lent() as driver:
            connection = Connection(driver)
            now = self.clock.now()
            work = Work(connection, now, self.ids, traceparent, self.takers)
            is_committed = False
            try:
                async with driver.transaction():
                    yield work
                    await connection.flush()
                is_committed = True
            finally:
                for taker, things in work.handed:
                    taker.settle(things, is_committed=is_committed)
        for name in work.wakes:
            if name in self.takers:
                self.takers[name].look()
            self.wake_of(name).set()

    @asynccontextmanager
    async def single(self) -> AsyncIterator[Connection]:
        """Open a connection on which each statement is a transaction of its own."""
        async with self._lent() as driver:
            connection = Connection(driver)
            yield connection
            await connection.flush()

    async def connect(self) -> "asyncpg.Connection[Row]":
        """Return a connection outside the pool, for who keeps one: no transaction is open."""
        return await asyncpg.connect(record_class=Row, **arguments_of(self.url, self.schema))

    async def close(self) -> None:
        """Give all connections back."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator["asyncpg.Connection[Row]"]:
        """Lend a connection of the pool."""
        pool = await self._opened()
        async with asyncio.timeout(POOL_WAIT_SECONDS):
            driver = await pool.acquire()
        try:
            yield driver
        finally:
            await pool.release(driver)

    async def _opened(self) -> "asyncpg.Pool[Row]":
        """Return the pool, which belongs to the running event loop."""
        if self._pool is None:
            self._pool = asyncpg.create_pool(
                min_size=0,
                max_size=POOL_SIZE_MAX,
                record_class=Row,
                reset=_leave_as_it_is,
                **arguments_of(self.url, self.schema),
            )
            # Connects nothing yet, so no other task runs before it is done.
            await self._pool
        return self._pool


def place_of(url: str) -> str:
    """Return host, port and name of a database, for people: no user, no password."""
    where = make_url(url)
    host = where.host or where.query.get("host") or "localhost"
    return f"{host}:{where.port or POSTGRES_PORT}/{where.database or ''}"


def require_version(found: str, *, url: str, schema: str) -> None:
    """Return when a server's version will do.

    Args:
        found: What SERVER_VERSION gave, such as "18.1 (Debian 18.1-1)" or "19beta1".
        url: The server's database.
        schema: Whose statements it is to run.

    Raises:
        TooOld: It won't.
    """
    major = re.match("[0-9]+", found)
    if major is None or int(major[0]) < POSTGRES_VERSION_MIN:
        raise TooOld(found, url, schema)


# (Any: what asyncpg.connect and asyncpg.create_pool take alike.)
def arguments_of(url: str, schema: str) -> dict[str, Any]:
    """Return how to connect: sessions live in `schema`, in UTC, with bounded waits."""
    _, where = DIALECT.create_connect_args(make_url(url))  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    settings = {
        "search_path": schema,
        "timezone": "UTC",
        "application_name": f"leadloop-{schema}",
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        # Statements here are short and prepared once; compiling them costs more than it saves.
        "jit": "off",
    }
    return {
        **where,
        "server_settings": settings,
        "timeout": 10,
        "command_timeout": 60,
        "statement_cache_size": STATEMENTS_CACHED,
        "max_cached_statement_lifetime": 0,
    }


async def _leave_as_it_is(driver: object) -> None:
    """Do nothing between two transactions: none leaves anything in its session."""


def is_refusal(error: BaseException) -> bool:
    """Say whether the server answered and refused us: waiting would not help."""
    refusals = (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.InsufficientPrivilegeError,
    )
    return isinstance(error, refusals)


def is_unreachable(error: BaseException) -> bool:
    """Say whether this error means that the database is away or asks to be tried again."""
    if isinstance(error, OSError | TimeoutError | InternalClientError):
        return True
    # The driver's word for a connection that is closed, but also for a value it can't encode.
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)
    # A migration has outdated a plan.
    if isinstance(error, InvalidCachedStatementError):
        return True
    state = getattr(error, "sqlstate", None) or ""
    # 08 connection, 40 serialisation and deadlock, 53 out of resources, 55P03 lock timeout,
    # 57 shutdown and statement timeout (PostgreSQL's manual, appendix A).
    return state[:2] in {"08", "40", "53", "57"} or state == "55P03"
