"""The peer of bench.clocks: jobs of procrastinate, scheduled for a time, as it comes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from procrastinate import App, PsycopgConnector
from sqlalchemy import make_url, text

from leadloop.database import Database
from leadloop.timers import Timer

BATCH: Final = 500

_RAN = text("""
INSERT INTO fired (subject, due_at)
VALUES (CAST(:subject AS uuid), CAST(CAST(:due_at AS text) AS timestamptz))
""")


@asynccontextmanager
async def worker(database: Database, timers: Sequence[Timer]) -> AsyncIterator[None]:
    """Schedule a job for each timer, then let a worker with default settings run them."""
    app = App(connector=_connector(database))

    @app.task(name="note")
    async def note(subject: str, due_at: str) -> None:
        async with database.transaction() as work:
            await work.connection.execute(_RAN, {"subject": subject, "due_at": due_at})

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        for begin in range(0, len(timers), BATCH):
            await app.job_manager.batch_defer_jobs_async(
                [
                    note.configure(schedule_at=timer.due_at).make_new_job(
                        subject=timer.subject, due_at=timer.due_at.isoformat()
                    )
                    for timer in timers[begin : begin + BATCH]
                ]
            )
        running = asyncio.create_task(app.run_worker_async(install_signal_handlers=False))
        yield
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def _connector(database: Database) -> PsycopgConnector:
    """Connect to the same database; all of its tables go into the same schema."""
    url = make_url(database.url).set(drivername="postgresql")
    return PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        kwargs={"options": f"-c search_path={database.schema}"},
    )
