"""Every service's schema: its migrations and its tables say the same."""

import asyncio
import secrets
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from leadloop import database as database_module
from leadloop.database import TooOld
from leadloop.migrate import migrate
from leadloop.schema import Xid8

ROOMS = ("intake", "scoring", "handoff", "feedback")
# Reflection does not know the type by itself.
ischema_names["xid8"] = Xid8
SERVICES = Path(__file__).parent.parent.parent / "services"


def differences(connection: Connection, room: str) -> list[object]:
    """Compare what the migrations made with what tables.py describes."""
    metadata = import_module(f"services.{room}.tables").METADATA
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found = compare_metadata(context, metadata)
    return [diff for diff in found if not _is_alembics_own(diff)]


def engine_of(url: str, room: str) -> AsyncEngine:
    """Return SQLAlchemy's engine, which reflects; its sessions live in the room's schema."""
    settings = {"search_path": room}
    return create_async_engine(url, connect_args={"server_settings": settings})


def _is_alembics_own(diff: object) -> bool:
    return (
        isinstance(diff, tuple)
        and diff[0] == "remove_table"
        and diff[1].name == "alembic_version"
    )


@pytest.mark.parametrize("room", ROOMS)
async def test_migrations_and_tables_describe_the_same_schema(room, database_url):
    engine = engine_of(database_url, room)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences, room)
    await engine.dispose()

    assert found == []


@pytest.mark.parametrize("room", ROOMS)
async def test_a_column_too_many_is_noticed(room, database_url):
    engine = engine_of(database_url, room)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE outbox ADD COLUMN extra text"))
        found = await connection.run_sync(differences, room)
    await engine.dispose()

    assert len(found) == 1


async def test_a_server_that_is_too_old_is_told_before_anything_is_made(
    database_url, monkeypatch
):
    monkeypatch.setattr(database_module, "POSTGRES_VERSION_MIN", 99)

    with pytest.raises(TooOld, match="expected PostgreSQL 99 or later, found 1") as refused:
        await migrate(database_url, "nowhere", SERVICES / "intake" / "migrations")

    assert refused.value.schema == "nowhere"
    engine = create_async_engine(database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        assert not await connection.scalar(text("SELECT to_regnamespace('nowhere')"))


@pytest.mark.parametrize("room", ROOMS)
async def test_a_role_that_owns_nothing_but_its_schema_migrates_it(room, database_url):
    role = f"{room}_{secrets.token_hex(4)}"
    engine = create_async_engine(database_url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text(f"DROP SCHEMA {room} CASCADE"))
        await connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        await connection.execute(text(f"CREATE SCHEMA {room} AUTHORIZATION {role}"))
    own_url = make_url(database_url).set(username=role)

    await migrate(
        own_url.render_as_string(hide_password=False), room, SERVICES / room / "migrations"
    )

    async with engine.begin() as connection:
        owners = await connection.scalars(
            text("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = :room"),
            {"room": room},
        )
        assert set(owners) == {role}
        await connection.execute(text(f"DROP OWNED BY {role}"))
        await connection.execute(text(f"DROP ROLE {role}"))
    await engine.dispose()


async def test_replicas_that_migrate_at_once_apply_each_step_once(database_url):
    name = "raced"
    versions = SERVICES / "intake" / "migrations"

    await asyncio.gather(*(migrate(database_url, name, versions) for _ in range(4)))

    engine = create_async_engine(database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        count = await connection.scalar(text(f"SELECT count(*) FROM {name}.alembic_version"))
    await engine.dispose()
    assert count == 1
