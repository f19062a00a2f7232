import asyncio
from contextlib import suppress

import pytest
from aiohttp import web

from leadloop.attempts import Answer
from leadloop.posting import HttpPoster


@pytest.fixture
async def careful():
    poster = HttpPoster(allow_private=False)
    yield poster
    await poster.close()


async def test_the_bytes_and_headers_arrive_as_given(receiver, poster):
    answer = await poster(receiver.url, {"webhook-id": "m-1"}, b'{"a": 1}')

    (got,) = receiver.received
    assert (got.body, got.message_id) == (b'{"a": 1}', "m-1")
    assert answer == Answer(204)


async def test_a_wish_for_a_pause_is_handed_on(receiver, poster):
    receiver.answer = lambda _: web.Response(status=503, headers={"retry-after": "7"})

    assert await poster(receiver.url, {}, b"{}") == Answer(503, "7")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_told_and_not_followed(receiver, poster, status):
    location = {"location": receiver.url + "/elsewhere"}
    receiver.answer = lambda _: web.Response(status=status, headers=location)

    answer = await poster(receiver.url, {}, b"{}")

    assert answer.status == status
    assert [one.path for one in receiver.received] == ["/hook"]


async def test_a_receiver_that_does_not_answer_is_given_up_in_time(receiver):
    hurried = HttpPoster(allow_private=True, timeout_seconds=0.2)
    receiver.hold.clear()

    answer = await hurried(receiver.url, {}, b"{}")
    await hurried.close()

    assert answer == Answer(None, error="no answer in time")


async def test_a_receiver_that_answers_without_end_is_not_listened_to(poster):
    async def answer_for_ever(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()

    server = await asyncio.start_server(answer_for_ever, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    answer = await poster(f"http://127.0.0.1:{port}/", {}, b"{}")
    server.close()

    assert answer == Answer(200)


async def test_nobody_listening_is_told(poster):
    answer = await poster("http://127.0.0.1:9/hook", {}, b"{}")

    assert answer.status is None
    assert "ConnectionRefusedError: " in answer.error


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "its host is a private address"),
        ("localhost", "its host is a private address"),
        # Names in the eyes of a parser of addresses, and yet they lead to this machine.
        ("0x7f000001", "it leads to a private address"),
        ("127.1", "not a canonical IPv4 address"),
        ("2130706433", "not a canonical IPv4 address"),
    ],
)
async def test_private_addresses_are_not_posted_to(receiver, careful, host, reason):
    port = receiver.url.split(":")[2]

    answer = await careful(f"https://{host}:{port}", {}, b"{}")

    assert answer.status is None
    assert reason in answer.error
    assert receiver.received == []
