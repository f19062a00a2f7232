"""What the tests stand on: a real PostgreSQL, a real broker, a time that moves when told."""

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from leadloop.clock import VirtualClock
from leadloop.database import Database
from leadloop.ids import Ids
from leadloop.logs import configure
from leadloop.loop import sleep_until_woken
from leadloop.postgres import Postgres, is_alive

ROOT = Path(__file__).parent.parent
ROOMS = ("intake", "scoring", "handoff", "feedback")
MONDAY_MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEST_FOLDER = ROOT / ".test"
MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 2 << 30
OURS = "leadloop-tests-"

# How wide the terminal is, readline tells all processes started after it: the workers too.
for told in ("COLUMNS", "LINES"):
    os.environ.pop(told, None)

# Machines are shared and slow at times: no test looks at how long an example takes.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_xdist_auto_num_workers() -> int:
    """Take half as many workers again as there are cores: tests wait more than they compute."""
    return (os.cpu_count() or 1) * 3 // 2


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    """Log as a service does, whatever an earlier test has configured."""
    configure(service="tests", json=True)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(MONDAY_MORNING)


@pytest.fixture
def ids() -> Ids:
    return Ids(Random(7))


@pytest.fixture(scope="session")
def data_folder() -> Iterator[Path]:
    """Keep the servers' data in memory: making and dropping databases keeps a disk busy."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN
    parent = MEMORY if has_room else TEST_FOLDER
    for left in parent.glob(f"{OURS}*"):
        if not is_alive(int(left.name.removeprefix(OURS))):
            shutil.rmtree(left, ignore_errors=True)
    folder = parent / f"{OURS}{os.getpid()}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(data_folder: Path) -> Iterator[str]:
    """Name a server: TEST_POSTGRES_URL, or an embedded one of this session."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with Postgres(data_folder / "postgres", durable=False) as server:
        yield server.url


class Server:
    """Makes databases and drops them, over one connection that it keeps."""

    def __init__(self, url: str, admin: AsyncConnection) -> None:
        self._url = url
        self._admin = admin

    @asynccontextmanager
    async def database(self, template: str = "template1") -> AsyncIterator[str]:
        """Give the address of a new database, which is dropped afterwards."""
        name = f"test_{secrets.token_hex(6)}"
        # Files copied whole, not page by page through the log, are made and dropped faster.
        copied = f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy'
        await self._admin.execute(text(copied))
        yield make_url(self._url).set(database=name).render_as_string(hide_password=False)
        await self._admin.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest_asyncio.fixture(scope="session")
async def server(postgres_url: str) -> AsyncIterator[Server]:
    engine = create_async_engine(postgres_url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as admin:
        yield Server(postgres_url, admin)
    await engine.dispose()


@pytest_asyncio.fixture(scope="session")
async def template_database(server: Server) -> AsyncIterator[str]:
    """Migrate all rooms once; each test gets a copy."""
    from leadloop.migrate import migrate

    async with server.database() as url:
        for room in ROOMS:
            await migrate(url, room, ROOT / "services" / room / "migrations")
        await migrate(url, "kit", ROOT / "tests" / "kit_migrations")
        yield make_url(url).database or ""


@pytest_asyncio.fixture
async def database_url(server: Server, template_database: str) -> AsyncIterator[str]:
    """Give a migrated database of this test's own."""
    async with server.database(template_database) as url:
        yield url


MakeDatabase = Callable[[str], Database]


@pytest_asyncio.fixture
async def make_database(
    database_url: str, clock: VirtualClock, ids: Ids
) -> AsyncIterator[MakeDatabase]:
    """Open the schema of a room ("intake", ..., or "kit" for the standing tables alone)."""
    opened: list[Database] = []

    def make(schema: str) -> Database:
        opened.append(Database(database_url, schema, clock=clock, ids=ids))
        return opened[-1]

    yield make
    for database in opened:
        await database.close()


@pytest.fixture(scope="session")
def kafka(data_folder: Path) -> Iterator[str]:
    """Name a broker: TEST_KAFKA, or one of our own for this session."""
    given = os.environ.get("TEST_KAFKA")
    if given:
        yield given
        return
    from deploy.broker import Broker

    with Broker(data_folder / "kafka") as broker:
        yield broker.bootstrap


@pytest.fixture
def topic_prefix() -> str:
    """Keep one test's topics and groups apart from all others on the same broker."""
    return f"t{secrets.token_hex(5)}."


POLL = timedelta(milliseconds=20)
# For what must come, however busy the machine is: only a test that fails waits as long.
PATIENCE_SECONDS = 120
Found = TypeVar("Found")


async def until(condition: Callable[[], Found]) -> Found:
    """Let others run until the condition holds; return what it gives, fail if it never does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := condition()):
            await a_moment()
        return found


async def a_moment() -> None:
    """Let others run, those in other processes too."""
    await sleep_until_woken(asyncio.Event(), POLL)
