"""What a post takes of a core: our poster beside aiohttp's client, in the same run.

Both post the same signed bodies over connections that are kept, so many at once, to a receiver
that is a process of its own. What a call takes, a task and its turn, is measured alone.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Annotated, Final

import aiohttp
import orjson
import typer
import uvloop

from bench import ground, receiver, report
from bench.leads import SECRET, email_of
from deploy.broker import free_port
from deploy.child import Child, wait_until_ready
from leadloop import signing
from leadloop.attempts import USER_AGENT
from leadloop.posting import TIMEOUT_SECONDS, HttpPoster

BODY_BYTES: Final = 2_500
ROUNDS: Final = 7
READY_WITHIN_SECONDS: Final = 30
SENT: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

# Posts a webhook; returns the status.
Client = Callable[["Webhook"], Awaitable[int | None]]


@dataclass(frozen=True, slots=True)
class Webhook:
    """What is posted."""

    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Figures:
    """What came of it; microseconds of a core for each post, in the best of the rounds.

    Attributes:
        posts: How many each client made in a round.
        leadloop_us: Of our poster.
        aiohttp_us: Of aiohttp's client.
        nothing_us: Of a client that posts nothing; it is in the other two.
        ratio: How many times ours aiohttp's client takes, what calling takes set aside.
    """

    posts: int
    leadloop_us: float
    aiohttp_us: float
    nothing_us: float
    ratio: float


def webhooks(count: int) -> list[Webhook]:
    """Return webhooks about so many leads, signed as deliveries are."""
    return [_webhook(number) for number in range(count)]


async def measure(port: int, posts: int, at_once: int) -> Figures:
    """Measure posts to a receiver on this machine."""
    url = f"http://127.0.0.1:{port}/"
    sent = webhooks(posts)
    async with AsyncExitStack() as opened:
        clients = [nothing, await _leadloop(opened, url), await _aiohttp(opened, url)]
        best = [float("inf")] * len(clients)
        # One round more than counts: it opens the connections.
        with report.Steps("rounds", ROUNDS + 1) as steps:
            for done in range(ROUNDS + 1):
                for nth, client in enumerate(clients):
                    spent = await _seconds_of(client, sent, at_once)
                    best[nth] = min(best[nth], spent) if done else best[nth]
                steps.show(done + 1)
    calling, ours, theirs = (1_000_000 * seconds / posts for seconds in best)
    return Figures(posts, ours, theirs, calling, (theirs - calling) / (ours - calling))


async def nothing(_: Webhook) -> int:
    """Post nothing, in one turn of the loop."""
    await asyncio.sleep(0)
    return 204


async def _leadloop(opened: AsyncExitStack, url: str) -> Client:
    poster = HttpPoster(allow_private=True)
    opened.push_async_callback(poster.close)

    async def post(sent: Webhook) -> int | None:
        return (await poster(url, sent.headers, sent.body)).status

    return post


async def _aiohttp(opened: AsyncExitStack, url: str) -> Client:
    """Return aiohttp's client, spared what it can be spared."""
    session = await opened.enter_async_context(
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
    )

    async def post(sent: Webhook) -> int:
        async with session.post(
            url, data=sent.body, headers=sent.headers, allow_redirects=False
        ) as response:
            await response.read()
            return response.status

    return post


async def _seconds_of(client: Client, sent: Sequence[Webhook], at_once: int) -> float:
    """Post all of them, so many at once; return the processor time of this process."""
    places = asyncio.Semaphore(at_once)

    async def post(webhook: Webhook) -> int | None:
        async with places:
            return await client(webhook)

    began = time.process_time()
    statuses = await asyncio.gather(*(post(webhook) for webhook in sent))
    spent = time.process_time() - began
    assert set(statuses) == {204}, set(statuses)
    return spent


def _webhook(number: int) -> Webhook:
    body = orjson.dumps({"type": "HandoffRouted", "data": {"email": email_of(number)}})
    body += b" " * (BODY_BYTES - len(body))
    message_id, sent_s = f"msg_{number:07}", int(SENT.timestamp())
    key = signing.decode_secret(SECRET)
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        signing.ID_HEADER: message_id,
        signing.TIMESTAMP_HEADER: str(sent_s),
        signing.SIGNATURE_HEADER: signing.sign(key, message_id, sent_s, body),
    }
    return Webhook(headers, body)


def _measure_beside_a_receiver(posts: int, at_once: int) -> Figures:
    port = free_port()
    command = [sys.executable, "-m", "bench.receiver", "--port", str(port)]

    def receives() -> bool:
        try:
            return receiver.ask_count(port) >= 0
        except (OSError, HTTPException):
            return False

    with ground.folder_of("posting") as folder:
        child = Child(command, log=folder / "receiver.log")
        child.start()
        try:
            wait_until_ready(child, receives, timeout_seconds=READY_WITHIN_SECONDS)
            return uvloop.run(measure(port, posts, at_once))
        finally:
            child.stop()


app = report.command_line()


@app.command()
def main(
    posts: Annotated[int, typer.Option(help="By each client in a round.")] = 5_000,
    at_once: Annotated[int, typer.Option(help="How many are under way at once.")] = 64,
) -> None:
    """Measure what a post takes of a core."""
    figures = _measure_beside_a_receiver(posts, at_once)
    report.table(
        f"{posts:,} posts of {BODY_BYTES:,} bytes, {at_once} at once, best of {ROUNDS} rounds",
        ("client", "us of a core for each", "posts a second of a core"),
        [
            (name, f"{each:.1f}", f"{1_000_000 / each:,.0f}")
            for name, each in (
                ("leadloop", figures.leadloop_us),
                ("aiohttp", figures.aiohttp_us),
                ("none, the call alone", figures.nothing_us),
            )
        ],
    )
    report.last_line(figures)


if __name__ == "__main__":
    app()
