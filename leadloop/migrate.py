"""Bring a service's schema up to date; several replicas at once apply each step once."""

from pathlib import Path
from zlib import crc32

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from asyncpg import UndefinedTableError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from leadloop.database import SERVER_VERSION, Database, require_version

_ENV = Path(__file__).parent / "migrations"
_LOCK_SPACE = 0x4C4D
# A migration waits this long for a table that is in use, then gives up without harm.
LOCK_TIMEOUT = "5s"


async def migrate(url: str, schema: str, versions: Path) -> None:
    """Apply the migrations in `versions` that `schema` does not have yet.

    Args:
        url: The database, as SQLAlchemy writes it.
        schema: Created when missing.
        versions: The room's folder of migrations.

    Raises:
        TooOld: The server does not know all of our SQL.
    """
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            found = str(await connection.scalar(SERVER_VERSION))
            require_version(found, url=url, schema=schema)
            await connection.run_sync(_upgrade, schema, versions)
    finally:
        await engine.dispose()


async def is_behind(database: Database, versions: Path) -> bool:
    """Say whether the schema lacks one of the migrations in `versions`.

    One that these do not know was made by a newer version, which only added: not behind.

    Raises:
        TooOld: The server does not know all of our SQL.
    """
    statement = text(f'SELECT version_num FROM "{database.schema}".alembic_version')  # noqa: S608 (a schema is named by us)
    try:
        async with database.single() as connection:
            server = str(await connection.scalar(SERVER_VERSION))
            require_version(server, url=database.url, schema=database.schema)
            found = await connection.scalar(statement)
    except UndefinedTableError:
        return True
    return found is None or found in _all_but_newest(versions)


def _all_but_newest(versions: Path) -> set[str]:
    """Return what a schema that still lacks something may stand at."""
    directory = ScriptDirectory(str(_ENV), version_locations=[str(versions)])
    known = {script.revision for script in directory.walk_revisions()}
    return known - set(directory.get_heads())


def config_of(connection: Connection, schema: str, versions: Path) -> Config:
    """Return Alembic's configuration for one room, on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(_ENV))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(versions))
    config.attributes.update(connection=connection, schema=schema)
    return config


def _upgrade(connection: Connection, schema: str, versions: Path) -> None:
    """Upgrade under a session lock, so that replicas wait for one another."""
    key = crc32(schema.encode()) & 0x7FFFFFFF
    lock = {"space": _LOCK_SPACE, "key": key}
    connection.execute(text("SELECT pg_advisory_lock(:space, :key)"), lock)
    try:
        # Not IF NOT EXISTS: that asks for a right on the database even where there is one.
        if not connection.scalar(
            text("SELECT to_regnamespace(:name)"), {"name": f'"{schema}"'}
        ):
            connection.execute(text(f'CREATE SCHEMA "{schema}"'))
        connection.execute(text(f'SET search_path = "{schema}"'))
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        command.upgrade(config_of(connection, schema, versions), "head")
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:space, :key)"), lock)
        connection.commit()


async def create_database(url: str, name: str) -> None:
    """Create a database unless it exists; `url` names any database of the same server."""
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f'CREATE DATABASE "{name}"'))
    except DBAPIError as error:
        if "already exists" not in str(error.orig):
            raise
    finally:
        await engine.dispose()
