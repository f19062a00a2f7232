"""Which addresses are public, and which addresses a name leads to."""

import asyncio
import errno
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from aiohappyeyeballs import AddrInfoType

CACHED_SECONDS = 10
CACHED_MAX = 1_000

# Addresses of version 6 that stand for one of version 4, which is the one to look at.
_TRANSLATED = ip_network("64:ff9b::/96")


class PrivateAddress(OSError):
    """A name leads to an address that webhooks must not reach."""


def is_public(address: str) -> bool:
    """Say whether an IP address is one that anybody on the internet could be."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        found = _embedded(found) or found
    return found.is_global and not (
        found.is_multicast or found.is_reserved or found.is_unspecified
    )


class _Known(NamedTuple):
    until: float
    addresses: Sequence[AddrInfoType]


class Addresses:
    """Looks names up by the system's resolver; remembers for a short while what it said."""

    def __init__(self, *, allow_private: bool) -> None:
        """Keep to public addresses unless `allow_private`."""
        self._allow_private = allow_private
        self._known: dict[tuple[str, int], _Known] = {}
        self._lookups: dict[tuple[str, int], asyncio.Task[Sequence[AddrInfoType]]] = {}

    async def of(self, host: str, port: int) -> Sequence[AddrInfoType]:
        """Return where to connect to: these very addresses, as a name may change its mind.

        Raises:
            PrivateAddress: No address is public.
            OSError: The name is not known, or nobody could be asked.
        """
        known = self._known.get((host, port))
        if known is not None and asyncio.get_running_loop().time() < known.until:
            return known.addresses
        lookup = self._lookups.get((host, port)) or self._begin(host, port)
        # Who gives up waiting must not end the lookup for the others.
        await asyncio.wait([lookup])
        if lookup.cancelled():
            raise ConnectionAbortedError("closed during the lookup of a name")
        return lookup.result()

    async def close(self) -> None:
        """End lookups under way."""
        lookups = list(self._lookups.values())
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)

    def _begin(self, host: str, port: int) -> asyncio.Task[Sequence[AddrInfoType]]:
        """Look up; a name is asked for once at a time, however many wait for it."""

        def ended(lookup: asyncio.Task[Sequence[AddrInfoType]]) -> None:
            del self._lookups[host, port]
            # Asking for the exception also keeps asyncio from reporting one nobody waits for.
            if not lookup.cancelled() and lookup.exception() is None:
                self._remember(host, port, lookup.result())

        lookup = asyncio.create_task(self._look_up(host, port))
        self._lookups[host, port] = lookup
        lookup.add_done_callback(ended)
        return lookup

    async def _look_up(self, host: str, port: int) -> Sequence[AddrInfoType]:
        found = await asyncio.get_running_loop().getaddrinfo(
            host,
            port,
            type=socket.SOCK_STREAM,
            proto=socket.IPPROTO_TCP,
            # Not of a version that this machine has no address of.
            flags=socket.AI_NUMERICHOST if _is_literal(host) else socket.AI_ADDRCONFIG,
        )
        allowed = [one for one in found if self._allow_private or is_public(str(one[4][0]))]
        if not allowed:
            raise PrivateAddress(errno.EADDRNOTAVAIL, "it leads to a private address")
        return allowed

    def _remember(self, host: str, port: int, addresses: Sequence[AddrInfoType]) -> None:
        self._known.pop((host, port), None)
        if len(self._known) >= CACHED_MAX:
            del self._known[next(iter(self._known))]
        until = asyncio.get_running_loop().time() + CACHED_SECONDS
        self._known[host, port] = _Known(until, addresses)


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the version 4 address inside, for the forms that routers translate."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
