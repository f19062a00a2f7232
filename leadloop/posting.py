"""Post webhooks over HTTP, to public addresses only unless told otherwise."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, lru_cache, partial
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection

from leadloop.addresses import Addresses, is_public
from leadloop.attempts import Answer
from leadloop.http1 import Connection, Origin, Target, request_of, target_of

TIMEOUT_SECONDS = 15.0
# Many servers close what was idle for longer, and a post that meets this is one made twice.
IDLE_SECONDS = 15.0
IDLE_MAX = 512
# After so long without a connection, the next address of a name is tried beside it.
_NEXT_ADDRESS_SECONDS = 0.25
_ERROR_LENGTH_MAX = 200

# Posts a body to a URL; tells what came back and never raises for what the receiver does.
Post = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]


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


class HttpPoster:
    """Posts webhooks: no redirects, cookies or proxies; connections are used again."""

    def __init__(
        self,
        *,
        allow_private: bool,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is opened before the first post.

        Args:
            allow_private: Post to private addresses too, and without TLS.
            timeout_seconds: How long a post may take in all.
            tls: Whose certificates to trust, if not those that the system trusts.
        """
        self._allow_private = allow_private
        self._timeout_seconds = timeout_seconds
        self._tls = tls or _system_tls()
        self._addresses = Addresses(allow_private=allow_private)
        self._pool = Pool()
        self._open: set[Connection] = set()
        self._is_closed = False

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post once: no redirects, a bounded wait, a bounded answer."""
        # Checked at every post: the setting may have changed since the endpoint was made.
        refused = refusal(url, allow_private=self._allow_private)
        if refused is not None:
            return Answer(None, error=f"not posted: {refused}")
        try:
            target = target_of(url)
            return await self._post(target, request_of(target, headers, body))
        except TimeoutError:
            return Answer(None, error="no answer in time")
        except (OSError, ValueError) as error:
            return Answer(None, error=f"{type(error).__name__}: {error}"[:_ERROR_LENGTH_MAX])

    async def close(self) -> None:
        """Close the connections; posts under way fail, and so does every later one."""
        self._is_closed = True
        for connection in list(self._open):
            connection.close()
        self._pool.close()
        await self._addresses.close()
        # What was closed is gone after the loop's next round.
        await asyncio.sleep(0)

    async def _post(self, target: Target, request: bytes) -> Answer:
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        kept = self._pool.take(target.origin)
        if kept is not None:
            try:
                return await self._carry(kept, request, deadline)
            except OSError:
                # Servers close idle connections at any moment, so also while a post is on its
                # way. It is made once more: a webhook is safe to repeat (RFC 9110, 9.2.2), as
                # receivers know it by its webhook-id.
                if not kept.is_unheard:
                    raise
        connection = await self._connect(target.origin, deadline)
        return await self._carry(connection, request, deadline)

    async def _carry(self, connection: Connection, request: bytes, deadline: float) -> Answer:
        answer = await connection.post(request, deadline=deadline)
        if connection.is_open:
            self._pool.keep(connection)
        return answer

    async def _connect(self, origin: Origin, deadline: float) -> Connection:
        """Connect, to an address that was found to be allowed.

        Raises:
            TimeoutError: It took too long.
            OSError: It can't be done.
        """
        async with asyncio.timeout_at(deadline):
            connection = await self._connected(origin)
        if self._is_closed:
            connection.close()
        if connection.is_open:
            self._open.add(connection)
        return connection

    async def _connected(self, origin: Origin) -> Connection:
        if self._is_closed:
            raise ConnectionAbortedError("the poster is closed")
        addresses = await self._addresses.of(origin.host, origin.port)
        try:
            sock = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS)
        except RuntimeError as error:
            # uvloop's word for some of what is an OSError elsewhere.
            raise ConnectionError(str(error)) from error
        _, connection = await asyncio.get_running_loop().create_connection(
            partial(Connection, origin, self._forget),
            sock=sock,
            ssl=self._tls if origin.tls_name else None,
            server_hostname=origin.tls_name,
        )
        return connection

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._pool.drop(connection)


class Pool:
    """Connections that wait for their next post, for a bounded time, bounded in number."""

    def __init__(self) -> None:
        """Begin empty."""
        # By when they came, the oldest first; and the same ones by where they lead to.
        self._idle: dict[Connection, None] = {}
        self._to: dict[Origin, dict[Connection, None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._idle)

    def take(self, origin: Origin) -> Connection | None:
        """Return the connection that came last, the least likely to be closed by its peer."""
        connections = self._to.get(origin)
        if connections is None:
            return None
        connection = next(reversed(connections))
        self.drop(connection)
        return connection

    def keep(self, connection: Connection) -> None:
        """Let a connection wait; one that waits for longer may have to go."""
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle[connection] = None
        self._to.setdefault(connection.origin, {})[connection] = None
        if len(self._idle) > IDLE_MAX:
            next(iter(self._idle)).close()
        if self._timer is None:
            self._timer = loop.call_later(IDLE_SECONDS, self._close_old)

    def drop(self, connection: Connection) -> None:
        """Take one out, if it is there."""
        if connection not in self._idle:
            return
        del self._idle[connection]
        connections = self._to[connection.origin]
        del connections[connection]
        if not connections:
            del self._to[connection.origin]

    def close(self) -> None:
        """Look after nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _close_old(self) -> None:
        """Close what has waited for too long; look again when the next one will have."""
        loop = asyncio.get_running_loop()
        self._timer = None
        for connection in list(self._idle):
            until = connection.idle_since + IDLE_SECONDS
            if until > loop.time():
                self._timer = loop.call_at(until, self._close_old)
                return
            connection.close()


@cache
def _system_tls() -> ssl.SSLContext:
    """Return what trusts whom the system trusts; reading all of them takes a while."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return False
