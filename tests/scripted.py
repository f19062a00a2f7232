"""Servers that say what a script tells them, byte for byte, and both loops to try it on."""

import asyncio
import inspect
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from leadloop.posting import HttpPoster

Script = Callable[["Caller"], Awaitable[None]]

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
_LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
_STORY_SECONDS_MAX = 30


@dataclass
class Server:
    """What a scripted server saw.

    Attributes:
        requests: Every whole request, in the order in which they came.
        connections: How many came.
        ended: How many of these have ended on either side.
    """

    port: int = 0
    scheme: str = "http"
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    ended: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    async def until(self, is_so: Callable[["Server"], bool]) -> None:
        """Wait until something holds of what was seen."""
        async with self.changed:
            await self.changed.wait_for(lambda: is_so(self))


@dataclass
class Caller:
    """One connection as the script sees it."""

    server: Server
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def request(self) -> bytes:
        """Read one request to its end; IncompleteReadError when there is none."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        (length,) = [
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        request = head + await self.reader.readexactly(length)
        async with self.server.changed:
            self.server.requests.append(request)
            self.server.changed.notify_all()
        return request

    async def say(self, what: bytes) -> None:
        self.writer.write(what)
        await self.writer.drain()

    async def hear_the_end(self) -> None:
        """Wait until the other side hangs up."""
        while await self.reader.read(65_536):
            pass


def answering(*answers: bytes) -> Script:
    """Return a script that gives these answers, the last again and again, on any connection."""

    async def script(caller: Caller) -> None:
        while True:
            await caller.request()
            await caller.say(answers[min(len(caller.server.requests), len(answers)) - 1])

    return script


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Run a script for each connection; what is still open at the end is closed."""
    seen = Server(scheme="https" if tls else "http")
    under_way: set[asyncio.Task[Any]] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        seen.connections += 1
        try:
            # Cancelled at the end only; the streams of Python 3.11 would report that.
            with suppress(
                ConnectionError,
                asyncio.IncompleteReadError,
                ssl.SSLError,
                asyncio.CancelledError,
            ):
                await script(Caller(seen, reader, writer, seen.connections))
        finally:
            under_way.discard(task)
            writer.transport.abort()
            async with seen.changed:
                seen.ended += 1
                seen.changed.notify_all()

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=tls)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for task in list(under_way):
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


@asynccontextmanager
async def posting(**options: Any) -> AsyncIterator[HttpPoster]:
    """Make a poster to private addresses; close it at the end."""
    poster = HttpPoster(**{"allow_private": True} | options)
    try:
        yield poster
    finally:
        await poster.close()
    assert (poster._open, poster._pool._idle, poster._pool._to) == (set(), {}, {})


def on_both_loops(story: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Turn a story into a test on asyncio's loop and uvloop's that leaves nothing behind."""

    async def told(**given: Any) -> None:
        async with asyncio.timeout(_STORY_SECONDS_MAX):
            await story(**given)
        # Connections that were closed are told so in the loop's next rounds.
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        # uvloop shows its timers to nobody.
        timers = getattr(asyncio.get_running_loop(), "_scheduled", ())
        assert [one for one in timers if not one.cancelled()] == []

    def test(make_loop: Callable[[], asyncio.AbstractEventLoop], **given: Any) -> None:
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(told(**given))

    loop = inspect.Parameter("make_loop", inspect.Parameter.KEYWORD_ONLY)
    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for one in inspect.signature(story).parameters.values()
    ]
    test.__signature__ = inspect.Signature([loop, *parameters])  # type: ignore[attr-defined]
    test.__name__ = story.__name__
    test.pytestmark = getattr(story, "pytestmark", [])  # type: ignore[attr-defined]
    return pytest.mark.parametrize("make_loop", list(_LOOPS.values()), ids=list(_LOOPS))(test)
