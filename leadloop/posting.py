"""Post webhooks over HTTP, to public addresses only unless told otherwise."""

import errno
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from leadloop.attempts import Answer

# An answer means nothing beyond its status; a little is read so that the connection can stay.
ANSWER_BYTES_MAX = 16 * 1024
TIMEOUT_SECONDS = 15.0
_DNS_CACHED_SECONDS = 10
_ERROR_LENGTH_MAX = 200

# Posts a body to a URL; tells what came back and never raises for what the receiver does.
Post = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]

# Addresses of version 6 that stand for one of version 4, which is the one to look at.
_TRANSLATED = ip_network("64:ff9b::/96")


class PrivateAddress(OSError):
    """A name leads to an address that webhooks must not reach."""


@lru_cache(maxsize=1_000)
def refusal(url: str, *, allow_private: bool) -> str | None:
    """Return why webhooks must not go to this URL, by its text alone; None when they may.

    Names are looked up at each connection instead, as what they lead to may change.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it can't be read"
    schemes = ("http", "https") if allow_private else ("https",)
    if parts.scheme not in schemes:
        return f"its scheme is not {' or '.join(schemes)}"
    if not host:
        return "it names no host"
    if parts.username is not None or parts.password is not None:
        return "it holds a user name or a password"
    if not allow_private and (host.lower() == "localhost" or _is_private_literal(host)):
        return "its host is a private address"
    return None


def is_public(address: str) -> bool:
    """Say whether an IP address is one that anybody on the internet could be."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        found = _embedded(found) or found
    return found.is_global and not (
        found.is_multicast or found.is_reserved or found.is_unspecified
    )


class PublicResolver(AbstractResolver):
    """Looks names up and keeps the public addresses; connections use these very ones."""

    def __init__(self) -> None:
        """Ask the system's resolver."""
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the public addresses of `host`.

        Raises:
            PrivateAddress: It has none.
        """
        found = await self._resolver.resolve(host, port, family)
        public = [result for result in found if is_public(result["host"])]
        if not public:
            raise PrivateAddress(errno.EADDRNOTAVAIL, "it leads to a private address")
        return public

    async def close(self) -> None:
        """Give the resolver back."""
        await self._resolver.close()


class HttpPoster:
    """Posts with one session, so that connections are used again."""

    def __init__(
        self, *, allow_private: bool, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Prepare; the session is opened by the first post, inside the running loop."""
        self._allow_private = allow_private
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post once: no redirects, a bounded wait, a bounded answer."""
        # Checked at every post: the setting may have changed since the endpoint was made.
        refused = refusal(url, allow_private=self._allow_private)
        if refused is not None:
            return Answer(None, error=f"not posted: {refused}")
        try:
            async with self._opened().post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                await response.content.read(ANSWER_BYTES_MAX)
                return Answer(response.status, response.headers.get("retry-after", ""))
        except TimeoutError:
            return Answer(None, error="no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(None, error=f"{type(error).__name__}: {error}"[:_ERROR_LENGTH_MAX])

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver: dict[str, Any] = {}
            if not self._allow_private:
                resolver = {"resolver": PublicResolver()}
            connector = aiohttp.TCPConnector(
                # The delivery loop bounds what is under way; a wait here would count as slow.
                limit=0,
                ttl_dns_cache=_DNS_CACHED_SECONDS,
                **resolver,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return False


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the version 4 address inside, for the forms that routers translate."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
