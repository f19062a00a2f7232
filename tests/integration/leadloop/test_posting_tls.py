"""Posts over TLS, with certificates made for the occasion, on asyncio's and uvloop's loop."""

import asyncio
import ssl

import pytest
import trustme

from leadloop.attempts import Answer
from leadloop.posting import _system_tls
from tests.scripted import NO_CONTENT, answering, on_both_loops, posting, serving

AUTHORITY = trustme.CA()
ANOTHER = trustme.CA()


def serves(*names, by=AUTHORITY, **options):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    by.issue_cert(*names, **options).configure_cert(context)
    return context


def trusts(authority=AUTHORITY):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@on_both_loops
async def test_posts_over_tls_share_a_connection():
    async with (
        serving(answering(NO_CONTENT), serves("127.0.0.1")) as server,
        posting(tls=trusts()) as poster,
    ):
        for _ in range(5):
            assert await poster(server.url, {}, b"{}") == Answer(204)

        assert (server.connections, len(server.requests)) == (1, 5)


@on_both_loops
async def test_a_certificate_is_checked_against_the_name_without_its_last_dot():
    async with (
        serving(answering(NO_CONTENT), serves("localhost")) as server,
        posting(tls=trusts()) as poster,
    ):
        # Resolvers disagree about this name, which is not what is tried here.
        addresses = await poster._addresses.of("127.0.0.1", server.port)
        poster._addresses._remember("localhost.", server.port, addresses)
        url = server.url.replace("127.0.0.1", "localhost.")

        assert await poster(url, {}, b"") == Answer(204)
        assert f"\r\nhost: localhost.:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (serves("127.0.0.1", by=ANOTHER), "unable to get local issuer certificate"),
        (serves("crm.example"), "certificate is not valid for '127.0.0.1'"),
    ],
    ids=["unknown authority", "another name"],
)
@on_both_loops
async def test_a_certificate_that_proves_nothing_is_told_and_nothing_is_sent(offered, reason):
    async with (
        serving(answering(NO_CONTENT), offered) as server,
        posting(tls=trusts()) as poster,
    ):
        answer = await poster(server.url, {}, b"")

        assert answer.status is None
        assert answer.error.startswith("SSLCertVerificationError: ")
        assert reason in answer.error
        assert server.requests == []


@on_both_loops
async def test_only_authorities_of_the_system_are_trusted_unless_told():
    async with (
        serving(answering(NO_CONTENT), serves("127.0.0.1")) as server,
        posting() as poster,
    ):
        answer = await poster(server.url, {}, b"")

        assert "certificate verify failed" in answer.error


@on_both_loops
async def test_whom_the_system_trusts_is_trusted_and_http_1_is_asked_for():
    protocols = []

    async def script(caller):
        protocols.append(caller.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await answering(NO_CONTENT)(caller)

    offers = serves("127.0.0.1")
    offers.set_alpn_protocols(["h2", "http/1.1"])
    with AUTHORITY.cert_pem.tempfile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", file)
        _system_tls.cache_clear()
        async with serving(script, offers) as server, posting() as poster:
            assert await poster(server.url, {}, b"") == Answer(204)
    _system_tls.cache_clear()

    assert protocols == ["http/1.1"]


@on_both_loops
async def test_http_where_tls_was_meant_is_told():
    async def script(caller):
        await caller.reader.read(1)
        await caller.say(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")

    async with serving(script) as server, posting(tls=trusts()) as poster:
        answer = await poster(server.url.replace("http:", "https:"), {}, b"")

        assert answer.status is None
        assert answer.error.startswith("SSLError: ")


@on_both_loops
async def test_a_handshake_that_nobody_answers_is_given_up_in_time():
    async def script(caller):
        await caller.hear_the_end()

    async with (
        serving(script) as server,
        posting(tls=trusts(), timeout_seconds=0.2) as poster,
    ):
        answer = await poster(server.url.replace("http:", "https:"), {}, b"")

        assert answer == Answer(None, error="no answer in time")
        await server.until(lambda seen: seen.ended == 1)


@on_both_loops
async def test_a_certificate_of_ours_that_is_missed_is_told():
    asks = serves("127.0.0.1")
    asks.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(asks)
    async with serving(answering(NO_CONTENT), asks) as server, posting(tls=trusts()) as poster:
        answer = await poster(server.url, {}, b"")

        assert answer.status is None
        assert "CERTIFICATE_REQUIRED" in answer.error or "ConnectionResetError" in answer.error


@on_both_loops
async def test_the_end_of_a_kept_connection_leads_to_a_new_one():
    async def script(caller):
        while True:
            await caller.request()
            if len(caller.server.requests) == 2:
                return
            await caller.say(NO_CONTENT)

    async with (
        serving(script, serves("127.0.0.1")) as server,
        posting(tls=trusts()) as poster,
    ):
        assert await poster(server.url, {}, b"first") == Answer(204)
        assert await poster(server.url, {}, b"second") == Answer(204)

        assert (server.connections, len(server.requests)) == (2, 3)


@on_both_loops
async def test_a_body_that_ends_with_the_connection_is_an_answer_over_tls_too():
    async def script(caller):
        await caller.request()
        await caller.say(b"HTTP/1.1 200 OK\r\n\r\nsome text")

    async with (
        serving(script, serves("127.0.0.1")) as server,
        posting(tls=trusts()) as poster,
    ):
        assert await poster(server.url, {}, b"") == Answer(200)


@on_both_loops
async def test_a_post_that_is_cancelled_in_the_handshake_hangs_up():
    async def script(caller):
        await caller.reader.read(1)
        caller.server.requests.append(b"a greeting")
        async with caller.server.changed:
            caller.server.changed.notify_all()
        await caller.hear_the_end()

    async with serving(script) as server, posting(tls=trusts()) as poster:
        post = asyncio.create_task(poster(server.url.replace("http:", "https:"), {}, b""))
        await server.until(lambda seen: len(seen.requests) == 1)
        post.cancel()
        with pytest.raises(asyncio.CancelledError):
            await post
        await server.until(lambda seen: seen.ended == 1)
