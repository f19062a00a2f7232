"""A service begins once its schema has what its code needs; until then it says what lacks."""

import asyncio
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import SystemRandom

import structlog
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from leadloop import problems, web
from leadloop.backoff import exponential
from leadloop.database import Database, is_unreachable
from leadloop.errors import Unavailable
from leadloop.loop import sleep_until_woken
from leadloop.migrate import is_behind

log = structlog.get_logger()

FIRST_PAUSE = timedelta(milliseconds=250)
PAUSE_MAX = timedelta(seconds=2)
_LACKING = "its schema lacks a migration of this version: run leadloop migrate"
_AWAY = "the database does not answer"


class Gate:
    """Stands before an app: closed, it is alive, not ready, and asks callers to come back."""

    def __init__(self, app: ASGIApp) -> None:
        """Close the way to `app`."""
        self._app = app
        self._reason: str | None = "begins"

    def close(self, reason: str) -> None:
        """Say what the app waits for."""
        self._reason = reason

    def open(self) -> None:
        """Let requests through from now on."""
        self._reason = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it while the gate is closed."""
        # Metrics say of a database that is away that it is: that must not wait for it.
        if self._reason is None or scope["type"] != "http" or scope["path"] == "/metrics":
            await self._app(scope, receive, send)
        else:
            await _refusal(scope["path"], self._reason)(scope, receive, send)


def _refusal(path: str, reason: str) -> Response:
    if path == "/healthz":
        return JSONResponse({"status": "alive"})
    if path == "/readyz":
        return web.readiness({"schema": reason})
    return problems.to_response(Unavailable("The service begins.", retry_after_seconds=1))


async def wait_for_schema(database: Database, versions: Path, gate: Gate) -> None:
    """Return once the schema has all of `versions`; say once a reason why it takes time.

    A database that is away is waited for too. One that refuses us is not, nor one that is too
    old: that is a mistake in the settings.
    """
    said = None
    for tries in count(1):
        reason = await _what_is_amiss(database, versions)
        if reason is None:
            if said:
                log.info("schema.ready", schema=database.schema)
            return
        if reason != said:
            gate.close(reason)
            log.warning(
                "schema.waits", schema=database.schema, database=database.where, reason=reason
            )
        said = reason
        pause = exponential(tries, first=FIRST_PAUSE, cap=PAUSE_MAX, random=SystemRandom())
        await sleep_until_woken(asyncio.Event(), pause)


async def _what_is_amiss(database: Database, versions: Path) -> str | None:
    try:
        return _LACKING if await is_behind(database, versions) else None
    except Exception as error:
        if not is_unreachable(error):
            raise
        return f"{_AWAY}: {type(error).__name__}"
