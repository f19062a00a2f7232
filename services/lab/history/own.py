"""Our own history, opened for code that runs on no event loop of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from leadloop.clock import Clock, SystemClock
from leadloop.database import Database, is_refusal, is_unreachable
from leadloop.errors import Rejected
from leadloop.ids import Ids
from leadloop.settings import URL_FORM, fault_of_url
from services.lab.history import ledger
from services.lab.history.ledger import Kept

PAGE_LEADS: Final = 500


@contextmanager
def opened(url: str, clock: Clock | None = None) -> Iterator[tuple[asyncio.Runner, Database]]:
    """Open scoring's database, and what runs statements on it.

    Args:
        url: As SQLAlchemy writes it.
        clock: None for the system's.

    Raises:
        Rejected: It can't be reached or refuses us, or scoring has no tables there.
    """
    fault = fault_of_url(url)
    if fault:
        raise Rejected(f"--database: expected {URL_FORM}, found {fault}.")
    with asyncio.Runner() as runner:
        database = Database(url, "scoring", clock=clock or SystemClock(), ids=Ids())
        try:
            yield runner, database
        except Exception as error:
            if is_unreachable(error) or isinstance(error, asyncpg.UndefinedTableError):
                raise Rejected(
                    "Scoring's database can't be read: expected one that `leadloop migrate` "
                    f"has set up, at the address of --database ({type(error).__name__})."
                ) from error
            if is_refusal(error):
                raise Rejected(f"--database: the database refuses: {error}.") from error
            raise
        finally:
            runner.run(database.close())


def pages(runner: asyncio.Runner, database: Database) -> Iterator[list[Kept]]:
    """Read lead after lead, each page when it is asked for."""
    after = ledger.FIRST
    while leads := runner.run(_page(database, after)):
        after = leads[-1].lead_id
        yield leads


async def _page(database: Database, after: str) -> list[Kept]:
    async with database.transaction() as work:
        return await ledger.read_page(work.connection, after, PAGE_LEADS)
