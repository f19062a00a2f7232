"""The servers and schemas that a benchmark stands on, gone when it ends."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import text

from leadloop.database import Database
from leadloop.postgres import Postgres
from leadloop.schema import statements

# Not the temporary folder: it may be memory, and a commit must reach a disk.
FOLDER: Final = Path(".bench")


@contextmanager
def folder_of(name: str, *, keep: bool = False) -> Iterator[Path]:
    """Give a run a folder of its own; removed at the end unless to `keep` it."""
    folder = (FOLDER / f"{name}-{os.getpid()}").resolve()
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_in(
    folder: Path, settings: Mapping[str, str] | None = None, *, durable: bool = True
) -> Iterator[Postgres]:
    """Run a PostgreSQL in a folder, with further settings if any."""
    with Postgres(folder / "postgres", durable=durable) as server:
        if settings:
            for name, value in settings.items():
                server.sql(f"ALTER SYSTEM SET {name} = {value}")
            server.stop()
            server.start()
        yield server


async def make_schema(database: Database, *sql: str) -> None:
    """Create the database's schema anew, with tables from these constants."""
    async with database.transaction() as work:
        connection = work.connection
        await connection.execute(text(f'DROP SCHEMA IF EXISTS "{database.schema}" CASCADE'))
        await connection.execute(text(f'CREATE SCHEMA "{database.schema}"'))
        for constant in sql:
            for statement in statements(constant):
                await connection.execute(text(statement))
