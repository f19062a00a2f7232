"""When a connection is made, kept, used again and closed; on asyncio's loop and on uvloop's."""

import asyncio
import socket
from contextlib import suppress

import pytest

from leadloop import posting as room
from leadloop.attempts import Answer
from leadloop.http1 import ANSWER_BYTES_MAX
from tests.scripted import NO_CONTENT, answering, on_both_loops, posting, serving

OK = b"HTTP/1.1 200 OK\r\n"
LATE = Answer(None, error="no answer in time")


@on_both_loops
async def test_posts_one_after_another_share_a_connection():
    async with serving(answering(NO_CONTENT)) as server, posting() as poster:
        for _ in range(20):
            assert await poster(server.url, {"webhook-id": "m-1"}, b"{}") == Answer(204)

        assert (server.connections, len(server.requests)) == (1, 20)
        assert {request.splitlines()[3] for request in server.requests} == {b"webhook-id: m-1"}


@on_both_loops
async def test_posts_at_once_have_a_connection_each_and_leave_them_to_the_next():
    async with serving(answering(NO_CONTENT)) as server, posting() as poster:
        for _ in range(3):
            posts = [poster(server.url, {}, b"%d" % number) for number in range(10)]
            assert await asyncio.gather(*posts) == [Answer(204)] * 10

        assert (server.connections, len(server.requests)) == (10, 30)


@on_both_loops
async def test_the_connection_used_last_is_used_first():
    used = []

    async def script(caller):
        while True:
            await caller.request()
            used.append(caller.number)
            await caller.say(NO_CONTENT)

    async with serving(script) as server, posting() as poster:
        await asyncio.gather(*(poster(server.url, {}, b"") for _ in range(3)))
        del used[:]
        for _ in range(5):
            await poster(server.url, {}, b"")

    assert len(set(used)) == 1


@on_both_loops
async def test_another_name_for_a_server_is_another_origin():
    async with serving(answering(NO_CONTENT)) as server, posting() as poster:
        await poster(server.url, {}, b"")
        await poster(server.url.replace("127.0.0.1", "localhost"), {}, b"")
        await poster(server.url + "/other?path", {}, b"")

        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"connection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        OK + b"content-length: 2\r\n\r\nok and more",
        OK + b"content-length: 2\r\n\r\nok" + OK + b"\r\n",
        OK + b"content-length: 100000\r\n\r\n" + b"x" * 100_000,
    ],
    ids=["close", "1.0", "leftover", "two answers", "long"],
)
@on_both_loops
async def test_a_connection_that_nothing_is_sure_of_is_closed(answer):
    async with serving(answering(answer)) as server, posting() as poster:
        assert await poster(server.url, {}, b"") == Answer(200)
        assert await poster(server.url, {}, b"") == Answer(200)
        await server.until(lambda seen: seen.ended == 2)

        assert (server.connections, len(server.requests)) == (2, 2)


@on_both_loops
async def test_what_comes_unasked_ends_a_kept_connection():
    spoken = asyncio.Event()

    async def script(caller):
        await caller.request()
        await caller.say(NO_CONTENT)
        if caller.number == 1:
            await spoken.wait()
            await caller.say(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await caller.hear_the_end()

    async with serving(script) as server, posting() as poster:
        await poster(server.url, {}, b"")
        spoken.set()
        await server.until(lambda seen: seen.ended == 1)

        assert await poster(server.url, {}, b"") == Answer(204)
        assert server.connections == 2


@on_both_loops
async def test_a_server_that_speaks_first_is_no_receiver():
    async def script(caller):
        await caller.say(b"220 mail.example ESMTP\r\n")
        await caller.hear_the_end()

    async with serving(script) as server, posting() as poster:
        answer = await poster(server.url, {}, b"")

        assert answer.status is None
        assert answer.error.startswith("BadAnswer: ")
        assert server.connections == 1


@on_both_loops
async def test_a_body_until_the_end_is_an_answer():
    async def script(caller):
        await caller.request()
        await caller.say(OK + b"retry-after: 3\r\n\r\nsome text")

    async with serving(script) as server, posting() as poster:
        assert await poster(server.url, {}, b"") == Answer(200, "3")


@on_both_loops
async def test_a_connection_that_its_peer_closes_is_forgotten_at_once():
    async def script(caller):
        await caller.request()
        await caller.say(NO_CONTENT)

    async with serving(script) as server, posting() as poster:
        for _ in range(5):
            assert await poster(server.url, {}, b"") == Answer(204)
            await server.until(lambda seen: seen.ended == seen.connections)

        assert (server.connections, len(server.requests)) == (5, 5)


def ending_kept_ones(caller_says=b"", *, reset=False):
    """Answer the first request of the first connection; end it when the next one comes."""

    async def script(caller):
        while True:
            await caller.request()
            if len(caller.server.requests) == 2:
                await caller.say(caller_says)
                if reset:
                    linger = b"\1\0\0\0\0\0\0\0"
                    sock = caller.writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return
            await caller.say(NO_CONTENT)

    return script


@pytest.mark.parametrize("reset", [False, True])
@on_both_loops
async def test_a_post_that_meets_the_end_of_a_kept_connection_is_made_once_more(reset):
    async with serving(ending_kept_ones(reset=reset)) as server, posting() as poster:
        assert await poster(server.url, {}, b"first") == Answer(204)
        assert await poster(server.url, {"webhook-id": "m-2"}, b"second") == Answer(204)

        assert server.connections == 2
        assert server.requests[1] == server.requests[2]


@on_both_loops
async def test_a_post_that_had_a_byte_of_an_answer_is_not_made_again():
    async with serving(ending_kept_ones(b"H")) as server, posting() as poster:
        assert await poster(server.url, {}, b"first") == Answer(204)
        answer = await poster(server.url, {}, b"second")

        assert answer.status is None
        assert "ConnectionResetError: " in answer.error
        assert len(server.requests) == 2


@on_both_loops
async def test_a_post_is_made_twice_at_most_and_not_over_a_further_kept_connection():
    async def script(caller):
        await caller.request()
        if len(caller.server.requests) <= 3:
            # All three are kept: each has answered one post that went on beside the others.
            await caller.server.until(lambda seen: len(seen.requests) >= 3)
            await caller.say(NO_CONTENT)
            await caller.request()

    async with serving(script) as server, posting() as poster:
        await asyncio.gather(*(poster(server.url, {}, b"") for _ in range(3)))
        answer = await poster(server.url, {}, b"again")

        assert answer.status is None
        assert "ConnectionResetError: " in answer.error
        assert (server.connections, len(server.requests)) == (4, 5)


@on_both_loops
async def test_a_new_connection_that_ends_without_an_answer_is_an_error():
    async def script(caller):
        await caller.request()

    async with serving(script) as server, posting() as poster:
        answer = await poster(server.url, {}, b"")

        assert answer == Answer(
            None, error="ConnectionResetError: it hung up before it had answered"
        )
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"", LATE),
        (b"HTTP/1.1 100 Continue\r\n\r\n", LATE),
        (OK + b"retry-after: 7\r\n", LATE),
        (OK + b"retry-after: 7\r\ncontent-length: 9\r\n\r\nok", Answer(200, "7")),
        (OK + b"\r\n", Answer(200)),
    ],
)
@on_both_loops
async def test_in_the_end_only_a_status_counts(said, expected):
    async def script(caller):
        await caller.request()
        await caller.say(said)
        await caller.hear_the_end()

    async with serving(script) as server, posting(timeout_seconds=0.2) as poster:
        assert await poster(server.url, {}, b"") == expected
        await server.until(lambda seen: seen.ended == 1)


@on_both_loops
async def test_an_answer_that_drips_has_no_longer_than_any_other():
    async def script(caller):
        await caller.request()
        for one in OK + b"x-a: b\r\n" * 1_000:
            await caller.say(bytes([one]))
            with suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    return await caller.hear_the_end()

    async with serving(script) as server, posting(timeout_seconds=0.3) as poster:
        assert await poster(server.url, {}, b"") == LATE


@on_both_loops
async def test_a_receiver_that_reads_nothing_is_given_up_in_time():
    async def script(caller):
        caller.writer.transport.pause_reading()
        await caller.server.until(lambda seen: len(seen.requests) > 0)

    async with serving(script) as server, posting(timeout_seconds=0.2) as poster:
        assert await poster(server.url, {}, b"x" * 20_000_000) == LATE
        server.requests.append(b"that will do")
        async with server.changed:
            server.changed.notify_all()
        await server.until(lambda seen: seen.ended == 1)


@on_both_loops
async def test_an_answer_before_all_is_sent_counts_and_ends_the_connection():
    async def script(caller):
        await caller.reader.readexactly(10)
        caller.writer.transport.pause_reading()
        await caller.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await caller.server.until(lambda seen: len(seen.requests) > 0)

    async with serving(script) as server, posting() as poster:
        assert await poster(server.url, {}, b"x" * 20_000_000) == Answer(413)
        assert len(poster._pool) == 0
        server.requests.append(b"that will do")
        async with server.changed:
            server.changed.notify_all()
        await server.until(lambda seen: seen.ended == 1)


@on_both_loops
async def test_another_protocol_is_refused():
    switching = b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nabc"
    async with serving(answering(switching)) as server, posting() as poster:
        answer = await poster(server.url, {}, b"")

        assert answer == Answer(None, error="BadAnswer: HTTP 101 is no answer to a POST")
        await server.until(lambda seen: seen.ended == 1)


@on_both_loops
async def test_headers_without_end_are_refused():
    endless = OK + b"x-a: b\r\n" * ANSWER_BYTES_MAX
    async with serving(answering(endless)) as server, posting() as poster:
        answer = await poster(server.url, {}, b"")

        assert answer == Answer(None, error="BadAnswer: more than 65,536 bytes of headers")
        await server.until(lambda seen: seen.ended == 1)


@on_both_loops
async def test_a_post_that_is_cancelled_hangs_up():
    async def script(caller):
        await caller.request()
        await caller.hear_the_end()

    async with serving(script) as server, posting() as poster:
        post = asyncio.create_task(poster(server.url, {}, b""))
        await server.until(lambda seen: len(seen.requests) == 1)
        post.cancel()
        with pytest.raises(asyncio.CancelledError):
            await post
        await server.until(lambda seen: seen.ended == 1)


@on_both_loops
async def test_closing_ends_kept_connections():
    async with serving(answering(NO_CONTENT)) as server, posting() as poster:
        await asyncio.gather(*(poster(server.url, {}, b"") for _ in range(3)))
        await poster.close()
        await server.until(lambda seen: seen.ended == 3)


async def closing(server, poster):
    await server.until(lambda seen: len(seen.requests) == 2)
    await poster.close()


@on_both_loops
async def test_a_post_under_way_at_the_close_is_an_error_and_not_made_again():
    async def script(caller):
        while True:
            await caller.request()
            if len(caller.server.requests) == 1:
                await caller.say(NO_CONTENT)

    async with serving(script) as server, posting() as poster:
        await poster(server.url, {}, b"kept")
        answer, _ = await asyncio.gather(
            poster(server.url, {}, b"on the kept one"), closing(server, poster)
        )
        later = await poster(server.url, {}, b"")

        assert answer.error == ("ConnectionAbortedError: the connection was closed on our side")
        assert later.error == "ConnectionAbortedError: the poster is closed"
        assert len(server.requests) == 2


@pytest.mark.parametrize("rounds", range(1, 13))
@on_both_loops
async def test_closing_in_any_round_of_a_connection_ends_it(rounds):
    async with serving(answering(NO_CONTENT)) as server, posting() as poster:
        post = asyncio.create_task(poster(server.url, {}, b""))
        for _ in range(rounds):
            await asyncio.sleep(0)
        await poster.close()
        answer = await post

        assert answer == Answer(204) or "ConnectionAbortedError: " in answer.error
        assert not poster._open
        await server.until(lambda seen: seen.ended == seen.connections)


@on_both_loops
async def test_idle_connections_are_closed_after_a_while():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "IDLE_SECONDS", 0.05)
        async with serving(answering(NO_CONTENT)) as server, posting() as poster:
            await asyncio.gather(*(poster(server.url, {}, b"") for _ in range(3)))
            await server.until(lambda seen: seen.ended == 3)

            assert len(poster._pool) == 0
            assert await poster(server.url, {}, b"") == Answer(204)
            await server.until(lambda seen: seen.ended == 4)


@on_both_loops
async def test_each_idle_connection_has_its_time():
    async def script(caller):
        await caller.request()
        if caller.number == 2:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.03):
                    await caller.hear_the_end()
        await caller.say(NO_CONTENT)
        await caller.hear_the_end()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "IDLE_SECONDS", 0.05)
        async with serving(script) as server, posting() as poster:
            await asyncio.gather(*(poster(server.url, {}, b"") for _ in range(2)))
            await server.until(lambda seen: seen.ended == 2)


@on_both_loops
async def test_no_more_idle_connections_than_a_bound_are_kept():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "IDLE_MAX", 2)
        async with serving(answering(NO_CONTENT)) as server, posting() as poster:
            await asyncio.gather(*(poster(server.url, {}, b"") for _ in range(5)))
            await server.until(lambda seen: seen.ended == 3)

            assert len(poster._pool) == 2


@on_both_loops
async def test_a_header_that_would_break_out_is_an_error_and_nothing_is_sent():
    async with serving(answering(NO_CONTENT)) as server, posting() as poster:
        answer = await poster(server.url, {"x-secret": "hunter2\r\nx: y"}, b"")

        assert answer.status is None
        assert answer.error.startswith("ValueError: ")
        assert "hunter2" not in answer.error
        assert server.connections == 0


@on_both_loops
async def test_nobody_listening_and_no_such_name_are_told():
    with socket.create_server(("127.0.0.1", 0)) as one:
        free = one.getsockname()[1]
    async with posting() as poster:
        refused = await poster(f"http://127.0.0.1:{free}/", {}, b"")
        unknown = await poster("http://nowhere.invalid/", {}, b"")

    assert refused.error.startswith("ConnectionRefusedError: ")
    assert unknown.error.startswith("gaierror: ")
    assert (refused.status, unknown.status) == (None, None)


@on_both_loops
async def test_an_error_of_the_loop_itself_is_told():
    async def fail(*_, **__):
        raise RuntimeError("unable to perform operation")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "start_connection", fail)
        async with posting() as poster:
            answer = await poster("http://127.0.0.1:9/", {}, b"")

    assert answer == Answer(None, error="ConnectionError: unable to perform operation")


@on_both_loops
async def test_a_host_with_two_addresses_is_reached_over_the_one_that_listens():
    async with serving(answering(NO_CONTENT)) as server, posting() as poster:
        # The server listens by version 4 only.
        assert (await poster(server.url.replace("127.0.0.1", "localhost"), {}, b"")) == Answer(
            204
        )
        assert server.requests[0].splitlines()[1] == f"host: localhost:{server.port}".encode()
