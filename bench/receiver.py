"""A CRM that takes every webhook at once, as a process of its own, and remembers what came.

GET /count answers how many different leads came, GET /log one line for each delivery: when it
came in nanoseconds of the machine's monotonic clock, the lead's number, the webhook-id.
"""

import asyncio
import http.client
import time
from dataclasses import dataclass
from typing import Annotated, Final, cast

import httptools
import typer
import uvloop

from bench import report
from bench.leads import number_in
from leadloop.signing import ID_HEADER

_ID: Final = ID_HEADER.encode()
_NO_CONTENT: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as it came.

    Attributes:
        came_ns: When the whole request was there.
        number: The lead it is about.
        webhook_id: The header of this name.
    """

    came_ns: int
    number: int
    webhook_id: str


class Memory:
    """What came so far."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.deliveries: list[Delivery] = []
        self.numbers: set[int] = set()

    def note(self, body: bytes, webhook_id: bytes) -> None:
        """Remember a delivery; one about no lead of ours is a mistake of the benchmark."""
        number = number_in(body)
        assert number is not None, body[:200]
        self.numbers.add(number)
        self.deliveries.append(Delivery(time.monotonic_ns(), number, webhook_id.decode()))

    def answer(self, path: bytes) -> bytes:
        """Return what a GET of this path tells."""
        if path == b"/count":
            return str(len(self.numbers)).encode()
        lines = (f"{d.came_ns} {d.number} {d.webhook_id}" for d in self.deliveries)
        return "\n".join(lines).encode()


class Server(asyncio.Protocol):
    """One connection of a sender."""

    def __init__(self, memory: Memory) -> None:
        """Share `memory` with the other connections."""
        self._memory = memory
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._path = self._id = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        # uvloop's is one in all but its base class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._path = self._id = b""
        self._body = []

    def on_url(self, path: bytes) -> None:
        """Called by the parser."""
        self._path += path

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if name.lower() == _ID:
            self._id = value

    def on_body(self, part: bytes) -> None:
        """Called by the parser."""
        self._body.append(part)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        assert self._transport is not None
        if self._parser.get_method() == b"POST":
            self._memory.note(b"".join(self._body), self._id)
            self._transport.write(_NO_CONTENT)
            return
        body = self._memory.answer(self._path)
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        self._transport.write(head + body)


def ask_count(port: int) -> int:
    """Return how many different leads a receiver has got."""
    return int(_get(port, "/count") or 0)


def ask_log(port: int) -> list[Delivery]:
    """Return every delivery that a receiver has got, in order."""
    fields = (line.split() for line in _get(port, "/log").splitlines())
    return [Delivery(int(came), int(number), id_) for came, number, id_ in fields]


def _get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


async def serve(port: int) -> None:
    """Take deliveries until ended."""
    memory = Memory()
    running = asyncio.get_running_loop()
    server = await running.create_server(lambda: Server(memory), "127.0.0.1", port)
    await server.serve_forever()


app = report.command_line()


@app.command()
def main(
    port: Annotated[int, typer.Option(help="Where to listen on 127.0.0.1.")],
) -> None:
    """Take webhooks and remember them."""
    uvloop.run(serve(port))


if __name__ == "__main__":
    app()
