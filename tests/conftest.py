"""What the tests stand on: a real PostgreSQL, a real broker, a time that moves when told."""

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from leadloop.clock import VirtualClock
from leadloop.database import Database
from leadloop.ids import Ids
from leadloop.logs import configure
from leadloop.loop import sleep_until_woken

ROOT = Path(__file__).parent.parent
ROOMS = ("intake", "scoring", "handoff", "feedback")
MONDAY_MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEST_FOLDER = ROOT / ".test"

# Machines are shared and slow at times: no test looks at how long an example takes.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


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
def postgres_url() -> Iterator[str]:
    """Name a server: TEST_POSTGRES_URL, or an embedded one of this session."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    from leadloop.postgres import Postgres

    folder = TEST_FOLDER / f"postgres-{os.getpid()}"
    with Postgres(folder, durable=False) as server:
        yield server.url
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="session")
async def template_database(postgres_url: str) -> AsyncIterator[str]:
    """Migrate all rooms once; each test gets a copy."""
    from leadloop.migrate import create_database, migrate

    name = f"template_{secrets.token_hex(6)}"
    await create_database(postgres_url, name)
    url = _with_database(postgres_url, name)
    for room in ROOMS:
        versions = ROOT / "services" / room / "migrations"
        if versions.is_dir():
            await migrate(url, room, versions)
    await migrate(url, "kit", ROOT / "tests" / "kit_migrations")
    yield name
    await _drop(postgres_url, name)


@pytest_asyncio.fixture
async def database_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """Give a migrated database of this test's own."""
    name = f"test_{secrets.token_hex(6)}"
    await _admin(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
    yield _with_database(postgres_url, name)
    await _drop(postgres_url, name)


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
def kafka() -> Iterator[str]:
    """Name a broker: TEST_KAFKA, or one of our own for this session."""
    given = os.environ.get("TEST_KAFKA")
    if given:
        yield given
        return
    from deploy.broker import Broker

    folder = TEST_FOLDER / f"kafka-{os.getpid()}"
    broker = Broker(folder)
    broker.start()
    yield broker.bootstrap
    broker.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def topic_prefix() -> str:
    """Keep one test's topics and groups apart from all others on the same broker."""
    return f"t{secrets.token_hex(5)}."


POLL = timedelta(milliseconds=20)


async def until(condition: Callable[[], object], seconds: float = 20.0) -> object:
    """Let others run until the condition holds; return what it gives, fail if not in time."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):
            await sleep_until_woken(asyncio.Event(), POLL)
        return found


def _with_database(url: str, name: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def _drop(url: str, name: str) -> None:
    await _admin(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _admin(url: str, statement: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()
