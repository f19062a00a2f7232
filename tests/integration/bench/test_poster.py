import asyncio
import io
from datetime import UTC, datetime

import pytest

from bench.leads import SECRET, email_of, number_in, request_of
from bench.poster import Poster, read_posted
from bench.receiver import Memory, Server
from leadloop import signing

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Refusing(Server):
    """Hangs up on the first requests instead of answering."""

    left = 3

    def connection_made(self, transport):
        super().connection_made(transport)
        self.transport = transport

    def data_received(self, data):
        if Refusing.left:
            Refusing.left -= 1
            self.transport.close()
        else:
            super().data_received(data)


@pytest.fixture
def memory():
    return Memory()


async def serving(make):
    running = asyncio.get_running_loop()
    return await running.create_server(make, "127.0.0.1", 0)


async def test_every_lead_posted_is_taken_once(memory, tmp_path):
    out = tmp_path / "posted.txt"
    async with await serving(lambda: Server(memory)) as server:
        with out.open("w") as file:
            poster = Poster(server.sockets[0].getsockname()[1], file)
            await poster.run(range(5, 105), connections=4)

    posted = read_posted(out)

    assert {taken.number for taken in posted.taken} == set(range(5, 105)) == memory.numbers
    assert all(taken.attempts == 1 for taken in posted.taken)
    assert all(taken.taken_ns > posted.began_ns for taken in posted.taken)


async def test_a_lead_is_posted_under_the_same_id_until_it_is_taken(memory):
    out = io.StringIO()
    async with await serving(lambda: Refusing(memory)) as server:
        poster = Poster(server.sockets[0].getsockname()[1], out)
        await poster.run(range(10), connections=2, waits=True)

    attempts = [int(line.split()[2]) for line in out.getvalue().splitlines()[1:]]

    assert sum(attempts) == 10 + 3
    assert len({delivery.webhook_id for delivery in memory.deliveries}) == 10


def test_a_request_is_signed_as_standard_webhooks_are():
    head, _, body = request_of(7, NOW).partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:])
    message = signing.SignedMessage(
        headers[signing.ID_HEADER],
        headers[signing.TIMESTAMP_HEADER],
        headers[signing.SIGNATURE_HEADER],
        body,
    )

    verdict = signing.verify([signing.decode_secret(SECRET)], message, now=NOW)

    assert verdict is signing.Verdict.VALID
    assert number_in(body) == 7
    assert number_in(email_of(7).encode()) == 7
