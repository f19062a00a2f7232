"""A sender of webhooks as a process of its own: signed beforehand, posted over few connections.

It writes a line for each lead that was taken: its number, when the 2xx came in nanoseconds of
the machine's monotonic clock, and the attempts it took. The first line says when it began.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Final, cast

import httptools
import typer
import uvloop

from bench import report
from bench.leads import request_of
from leadloop.clock import SystemClock

AGAIN_AFTER_SECONDS: Final = 0.5
ANSWER_WITHIN_SECONDS: Final = 30
LOOK_EVERY_SECONDS: Final = 0.05
FLUSH_EVERY: Final = 20


@dataclass(frozen=True)
class Taken:
    """A lead that the loop answered for with a 2xx.

    Attributes:
        number: The lead.
        taken_ns: When the answer came.
        attempts: How often it was posted.
    """

    number: int
    taken_ns: int
    attempts: int


@dataclass(frozen=True)
class Posted:
    """What a poster wrote down.

    Attributes:
        began_ns: When the first lead was posted.
        taken: The leads that were taken.
    """

    began_ns: int
    taken: tuple[Taken, ...]


def read_posted(path: Path) -> Posted:
    """Read what a poster wrote, up to now."""
    # The last line may be half written.
    lines = path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []
    taken = tuple(Taken(*map(int, line.split())) for line in lines[1:])
    return Posted(int(lines[0]) if lines else 0, taken)


class Connection(asyncio.Protocol):
    """One keep-alive connection that carries one request at a time."""

    def __init__(self) -> None:
        """Wait for the connection to be made."""
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[int] | None = None

    async def post(self, request: bytes) -> int:
        """Send a request; return the status of its answer.

        Raises:
            ConnectionError: The connection ended first.
        """
        if self._transport is None:
            raise ConnectionResetError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
            return await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        # uvloop's is one in all but its base class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())


class Poster:
    """Posts leads over a number of connections until each is taken."""

    def __init__(self, port: int, out: IO[str]) -> None:
        """Post to 127.0.0.1; write down what is taken."""
        self._port = port
        self._out = out
        self._due: asyncio.Queue[int] = asyncio.Queue()
        self._requests: dict[int, bytes] = {}
        self._lines = 0

    async def run(
        self,
        numbers: Iterable[int],
        *,
        connections: int,
        rate: float = 0,
        waits: bool = False,
    ) -> None:
        """Post leads until each is taken.

        Args:
            numbers: Which leads.
            connections: How many posts may be under way at once.
            rate: Leads a second, however long the answers take; 0 for as many as go.
            waits: Whether no new lead becomes due while as many wait as there are connections.
        """
        now = SystemClock().now()
        self._requests = {number: request_of(number, now) for number in numbers}
        self._note(f"{time.monotonic_ns()}")
        workers = [asyncio.create_task(self._work()) for _ in range(connections)]
        await self._schedule(rate, connections if waits else len(self._requests))
        await self._due.join()
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
        self._out.flush()

    async def _schedule(self, rate: float, waiting_max: int) -> None:
        """Make each lead due at its time, later by as long as too many are waiting."""
        due_at = time.monotonic()
        for number in self._requests:
            while self._due.qsize() >= waiting_max:
                await asyncio.sleep(LOOK_EVERY_SECONDS)
                due_at = time.monotonic()
            if (ahead := due_at - time.monotonic()) > 0:
                await asyncio.sleep(ahead)
            self._due.put_nowait(number)
            due_at += 1 / rate if rate else 0

    async def _work(self) -> None:
        """Post one due lead after the other, each until it is taken."""
        connection = await self._connect()
        try:
            while True:
                number = await self._due.get()
                attempts = 1
                while not await self._is_taken(connection, number):
                    connection.close()
                    await asyncio.sleep(AGAIN_AFTER_SECONDS)
                    connection = await self._connect()
                    attempts += 1
                self._note(f"{number} {time.monotonic_ns()} {attempts}")
                self._due.task_done()
        finally:
            connection.close()

    async def _is_taken(self, connection: Connection, number: int) -> bool:
        """Post once; say whether the answer was a 2xx."""
        try:
            status = await connection.post(self._requests[number])
        except (OSError, TimeoutError, httptools.HttpParserError):
            return False
        return 200 <= status < 300

    async def _connect(self) -> Connection:
        """Connect, as often as it takes."""
        while True:
            with suppress(OSError):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection, "127.0.0.1", self._port
                )
                return connection
            await asyncio.sleep(AGAIN_AFTER_SECONDS)

    def _note(self, line: str) -> None:
        self._out.write(line + "\n")
        self._lines += 1
        if self._lines % FLUSH_EVERY == 0:
            self._out.flush()


app = report.command_line()


@app.command()
def main(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    port: Annotated[int, typer.Option(help="Where intake listens on 127.0.0.1.")],
    out: Annotated[Path, typer.Option(help="Where to write what was taken.")],
    first: Annotated[int, typer.Option(help="The first lead's number.")] = 0,
    count: Annotated[int, typer.Option(help="How many leads.")] = 1_000,
    connections: Annotated[int, typer.Option(help="How many posts at once.")] = 64,
    rate: Annotated[float, typer.Option(help="Leads a second; 0 for as many as go.")] = 0,
    waits: Annotated[
        bool, typer.Option(help="Fall behind while nothing is taken, not catch up after.")
    ] = False,
) -> None:
    """Post leads to intake until each has got a 2xx."""
    with out.open("w") as file:
        poster = Poster(port, file)
        numbers = range(first, first + count)
        uvloop.run(poster.run(numbers, connections=connections, rate=rate, waits=waits))


if __name__ == "__main__":
    app()
