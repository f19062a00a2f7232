"""What intake promised, read from its outbox."""

from typing import Any

from sqlalchemy import text

from leadloop.database import Database
from leadloop.events import decode


async def promised(database: Database) -> list[Any]:
    """Return the promised events, oldest first."""
    async with database.transaction() as work:
        rows = await work.connection.execute(text("SELECT type, value FROM outbox ORDER BY id"))
        return [decode(row.type, row.value) for row in rows]


async def count(database: Database, table: str) -> int:
    async with database.transaction() as work:
        return int(await work.connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def execute(database: Database, statement: str) -> None:
    async with database.transaction() as work:
        await work.connection.execute(text(statement))
