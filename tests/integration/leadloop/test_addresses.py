"""What names lead to; the resolver, which is not ours, says what a test has it say."""

import asyncio
import socket

import pytest

from leadloop import addresses as room
from leadloop.addresses import Addresses, PrivateAddress
from leadloop.attempts import Answer
from tests.scripted import NO_CONTENT, answering, posting, serving


def found(*addresses, port=443):
    return [
        (
            socket.AF_INET6 if ":" in one else socket.AF_INET,
            socket.SOCK_STREAM,
            socket.IPPROTO_TCP,
            "",
            (one, port, 0, 0) if ":" in one else (one, port),
        )
        for one in addresses
    ]


class Resolver:
    """Says one thing after the other, the last again and again; counts the questions."""

    def __init__(self):
        self.said = [found("127.0.0.1")]
        self.asked = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def getaddrinfo(self, host, port, **_):
        self.asked += 1
        await self.hold.wait()
        said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(said, OSError):
            raise said
        return [(*one[:4], (one[4][0], port, *one[4][2:])) for one in said]


@pytest.fixture
async def resolver(monkeypatch):
    resolver = Resolver()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver.getaddrinfo)
    return resolver


@pytest.fixture
async def careful():
    addresses = Addresses(allow_private=False)
    yield addresses
    await addresses.close()


async def hosts(addresses, name="crm.example"):
    return [one[4][0] for one in await addresses.of(name, 443)]


async def test_only_public_addresses_of_a_name_are_connected_to(resolver, careful):
    resolver.said = [found("10.0.0.1", "8.8.8.8", "::1", "2606:4700::1111", "fe80::1")]

    assert await hosts(careful) == ["8.8.8.8", "2606:4700::1111"]


async def test_a_name_that_leads_to_private_addresses_alone_is_refused(resolver, careful):
    resolver.said = [found("10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254")]

    with pytest.raises(PrivateAddress, match="it leads to a private address"):
        await hosts(careful)


async def test_a_name_is_asked_for_once_in_a_while(resolver, careful, monkeypatch):
    resolver.said = [found("8.8.8.8"), found("9.9.9.9")]

    assert await hosts(careful) == await hosts(careful) == ["8.8.8.8"]
    monkeypatch.setattr(room, "CACHED_SECONDS", -1)
    assert await hosts(careful, "new.example") == ["9.9.9.9"]
    assert await hosts(careful, "new.example") == ["9.9.9.9"]
    assert resolver.asked == 3


async def test_a_name_that_many_ask_for_is_looked_up_once(resolver, careful):
    resolver.said = [found("8.8.8.8")]
    resolver.hold.clear()
    asking = [asyncio.create_task(hosts(careful)) for _ in range(10)]
    await asyncio.sleep(0)
    # Who gives up takes nothing from the others.
    asking.pop(0).cancel()
    await asyncio.sleep(0)
    resolver.hold.set()

    assert await asyncio.gather(*asking) == [["8.8.8.8"]] * 9
    assert resolver.asked == 1


async def test_a_failure_is_told_to_all_who_wait_and_not_remembered(resolver, careful):
    resolver.said = [
        socket.gaierror(-3, "Temporary failure in name resolution"),
        found("8.8.8.8"),
    ]

    failed = await asyncio.gather(hosts(careful), hosts(careful), return_exceptions=True)

    assert [type(one) for one in failed] == [socket.gaierror] * 2
    assert await hosts(careful) == ["8.8.8.8"]


async def test_a_failure_that_nobody_waits_for_is_no_news(resolver, careful, caplog):
    resolver.said = [socket.gaierror(-2, "Name or service not known")]
    resolver.hold.clear()
    asking = asyncio.create_task(hosts(careful))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    (lookup,) = careful._lookups.values()
    resolver.hold.set()
    await asyncio.wait([lookup])
    del lookup
    await asyncio.sleep(0)

    assert caplog.records == []


async def test_no_more_names_than_a_bound_are_remembered(resolver, careful, monkeypatch):
    monkeypatch.setattr(room, "CACHED_MAX", 3)
    resolver.said = [found("8.8.8.8")]
    for number in range(5):
        await hosts(careful, f"{number}.example")
    assert len(careful._known) == 3
    await hosts(careful, "4.example")
    assert resolver.asked == 5


async def test_the_name_asked_for_longest_ago_is_forgotten_first(
    resolver, careful, monkeypatch
):
    monkeypatch.setattr(room, "CACHED_MAX", 3)
    monkeypatch.setattr(room, "CACHED_SECONDS", -1)
    resolver.said = [found("8.8.8.8")]
    for name in ("a", "b", "c", "a", "d"):
        await hosts(careful, name)

    assert [host for host, _ in careful._known] == ["c", "a", "d"]


async def test_closing_ends_lookups_for_who_waits_for_them(resolver, careful):
    resolver.hold.clear()
    asking = asyncio.create_task(hosts(careful))
    await asyncio.sleep(0)
    await careful.close()

    with pytest.raises(ConnectionAbortedError):
        await asking


async def test_a_post_goes_to_the_address_that_was_looked_at(resolver):
    # A name that led to the server when it was checked, and elsewhere ever after.
    resolver.said = [found("127.0.0.1"), found("203.0.113.1")]
    async with serving(answering(NO_CONTENT)) as server, posting() as poster:
        url = f"http://crm.example:{server.port}/"
        for _ in range(3):
            assert await poster(url, {}, b"") == Answer(204)

        assert f"host: crm.example:{server.port}".encode() in server.requests[0]
    assert resolver.asked == 1


async def test_a_name_that_turns_private_is_not_posted_to(resolver):
    async with serving(answering(NO_CONTENT)) as server, posting(allow_private=False) as poster:
        answer = await poster(f"https://crm.example:{server.port}/", {}, b"")

        assert "PrivateAddress: " in answer.error
        assert "it leads to a private address" in answer.error
        assert server.connections == 0


@pytest.mark.parametrize("literal", ["8.8.8.8", "2606:4700::1111", "93.184.216.34"])
async def test_an_address_is_what_it_is(careful, literal):
    assert await hosts(careful, literal) == [literal]


@pytest.mark.parametrize("literal", ["127.0.0.1", "::1", "fe80::1"])
async def test_a_private_address_stays_one(careful, literal):
    with pytest.raises(PrivateAddress):
        await hosts(careful, literal)


async def test_closing_ends_a_post_that_waits_for_a_name(resolver):
    resolver.hold.clear()
    async with posting() as poster:
        post = asyncio.create_task(poster("http://crm.example/", {}, b""))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await poster.close()

        assert resolver.asked == 1
        assert "closed during the lookup" in (await post).error
