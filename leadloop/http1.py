"""HTTP/1.1 as far as a webhook needs it: a POST as bytes, a connection that carries it."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, cast
from urllib.parse import quote, urlsplit

import httptools
import idna

from leadloop.attempts import Answer

# An answer in all, with its headers: nothing but its status means anything. What is there is
# read so that the connection can stay.
ANSWER_BYTES_MAX = 64 * 1024

_PORTS = {"http": 80, "https": 443}
# What may stand in a path and a query as it is (RFC 3986); the rest is percent-encoded.
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_QUERY_SAFE = _PATH_SAFE + "?"
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST_NAME = re.compile(r"(?!\.)([a-z0-9_-]{1,63}(\.|$)){1,127}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# They say where a request goes and ends, and what becomes of its connection: ours to say.
_OUR_HEADERS = frozenset(
    {
        "host",
        "accept",
        "content-length",
        "transfer-encoding",
        "connection",
        "expect",
        "upgrade",
        "te",
    }
)
_RETRY_AFTER = b"retry-after"
# A number of seconds or a date; what is longer is neither.
_RETRY_AFTER_LENGTH_MAX = 64


class BadAnswer(ConnectionError):
    """What came back is no answer in HTTP/1.1."""


class Origin(NamedTuple):
    """Where a connection leads to."""

    scheme: str
    host: str
    port: int

    @property
    def tls_name(self) -> str | None:
        """The name that a certificate must be for; None without TLS."""
        return self.host.rstrip(".") if self.scheme == "https" else None


@dataclass(frozen=True, slots=True)
class Target:
    """A URL as a request needs it.

    Attributes:
        origin: Where to connect to.
        head: How a POST to it begins, with the headers that never change.
    """

    origin: Origin
    head: bytes


@lru_cache(maxsize=1_000)
def target_of(url: str) -> Target:
    """Read an http or https URL.

    Raises:
        ValueError: It is not well-formed.
    """
    parts = urlsplit(url)
    host = _host_of(parts.hostname or "")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    path = quote(_BARE_PERCENT.sub("%25", parts.path), safe=_PATH_SAFE)
    query = quote(_BARE_PERCENT.sub("%25", parts.query), safe=_QUERY_SAFE)
    named = f"[{host.partition('%')[0]}]" if ":" in host else host
    if port != _PORTS[parts.scheme]:
        named += f":{port}"
    asked = (path or "/") + (f"?{query}" if query else "")
    return Target(
        Origin(parts.scheme, host, port),
        # Some firewalls turn requests away that do not say what they accept.
        f"POST {asked} HTTP/1.1\r\nhost: {named}\r\naccept: */*\r\n".encode("ascii"),
    )


def request_of(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a whole POST.

    Raises:
        ValueError: A header would break out of its line.
    """
    lines = "".join([f"{_checked(name)}: {value}\r\n" for name, value in headers.items()])
    # Counted in all lines at once: one more than there are headers was smuggled in.
    count = len(headers)
    if not lines.count("\r") == lines.count("\n") == count or "\0" in lines:
        raise ValueError("a header's value holds a line break or a zero byte")
    end = b"content-length: %d\r\n\r\n" % len(body)
    return b"".join((target.head, lines.encode(), end, body))


class Connection(asyncio.Protocol):
    """One connection that carries one post at a time.

    Attributes:
        origin: Where it leads to.
        is_open: Whether a post may be carried.
        is_unheard: Whether the peer ended it when not a byte of an answer had come.
        idle_since: For who keeps it: when, in the loop's time, it came to be kept.
    """

    _transport: asyncio.Transport
    _status: int
    _retry_after: str
    _left: int
    _is_kept: bool

    def __init__(self, origin: Origin, on_end: Callable[["Connection"], None]) -> None:
        """Wait for the connection to be made; `on_end` is told once when it is no more."""
        self.origin = origin
        self.is_open = False
        self.is_unheard = False
        self.idle_since = 0.0
        self._on_end = on_end
        self._parser = httptools.HttpResponseParser(self)
        # Servers that end lines with LF alone or fold headers are understood; there is no one
        # behind us whom another reading of the same bytes could mislead.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._answered: asyncio.Future[None] | None = None
        self._why: OSError = ConnectionAbortedError("not connected")
        self._forget_answer()

    async def post(self, request: bytes, *, deadline: float) -> Answer:
        """Send a request; return the answer to it, of which no more than the head must come.

        Args:
            request: All of its bytes.
            deadline: Until when to wait, in the loop's time.

        Raises:
            TimeoutError: No status came in time.
            OSError: The connection ended before a status came, or it was none of HTTP/1.1.
        """
        if not self.is_open:
            raise self._why
        loop = asyncio.get_running_loop()
        self._forget_answer()
        self._answered = loop.create_future()
        late = loop.call_at(deadline, self._be_late)
        try:
            self._transport.write(request)
            await self._answered
        finally:
            late.cancel()
            self._answered = None
            # An answer may come before all of the request is sent.
            if not self._is_kept or self._transport.get_write_buffer_size():
                self.close()
        return Answer(self._status, self._retry_after)

    def close(self) -> None:
        """Hang up; a post under way fails unless its status has come."""
        self._end(ConnectionAbortedError("the connection was closed on our side"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        # uvloop's is one in all but its base class.
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._answered is None or self._answered.done():
            self._end(BadAnswer("it sent what it was not asked for"))
            return
        self._left -= len(data)
        try:
            self._parser.feed_data(data if self._left >= 0 else data[: self._left])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._end(BadAnswer(f"not an answer in HTTP/1.1: {error}"))
        if self._left < 0:
            self._end(BadAnswer(f"more than {ANSWER_BYTES_MAX:,} bytes of headers"))

    def eof_received(self) -> None:
        """Called by asyncio."""
        self._be_left(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        self._be_left(error)

    def on_message_begin(self) -> None:
        """Called by the parser."""
        if self._status:
            # More than was asked for: nobody could say what the next answer belongs to.
            self._is_kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if self._status:
            return
        if b"\0" in value:
            # Lenient about much else; but this no recipient may take (RFC 9110, 5.5).
            self._end(BadAnswer("a header holds a zero byte"))
        elif len(name) == len(_RETRY_AFTER) and name.lower() == _RETRY_AFTER:
            text = value[:_RETRY_AFTER_LENGTH_MAX].decode("latin-1")
            self._retry_after = self._retry_after or text

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        if self._status:
            return
        status = self._parser.get_status_code()
        if status >= 200:
            self._status = status
        elif status < 100 or status == 101:
            self._end(BadAnswer(f"HTTP {status} is no answer to a POST"))
        else:
            # An interim answer (RFC 9110, 15.2): the one that counts is still to come.
            self._retry_after = ""

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._status and self._answered is not None and not self._answered.done():
            stays = self._parser.should_keep_alive()
            self._is_kept = stays and self._parser.get_http_version() == "1.1"
            self._answered.set_result(None)

    def _forget_answer(self) -> None:
        self._status = 0
        self._retry_after = ""
        self._left = ANSWER_BYTES_MAX
        self._is_kept = False

    def _be_late(self) -> None:
        self._end(TimeoutError("no answer in time"))

    def _be_left(self, error: Exception | None) -> None:
        """Note that the peer has ended the connection."""
        if self.is_open:
            self.is_unheard = self._left == ANSWER_BYTES_MAX
        if not isinstance(error, OSError):
            error = ConnectionResetError(str(error or "it hung up before it had answered"))
        self._end(error)

    def _end(self, error: OSError) -> None:
        """End the connection; a status that has come counts, whatever went wrong after it."""
        if self.is_open:
            self.is_open = False
            self._why = error
            # Not close(), which for TLS waits for a peer that may have nothing more to say.
            self._transport.abort()
            self._on_end(self)
        if self._answered is not None and not self._answered.done():
            if self._status:
                self._answered.set_result(None)
            else:
                self._answered.set_exception(error)


def _host_of(name: str) -> str:
    """Return a host as it is looked up: a name in ASCII or an IP address.

    Raises:
        ValueError: It is neither.
    """
    if ":" in name:
        IPv6Address(name)
        return name
    if name.replace(".", "").isdigit():
        # Resolvers take 127.1 and 2130706433 for addresses; who writes them hides something.
        try:
            return str(IPv4Address(name))
        except ValueError:
            raise ValueError(f"{name} is not a canonical IPv4 address") from None
    try:
        # By IDNA 2008: the codec of Python's own takes some names for other people's.
        name = name if name.isascii() else idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise ValueError("its host is not a name") from None
    if len(name) > 254 or not _HOST_NAME.fullmatch(name):
        raise ValueError("its host is not a name")
    return name


@lru_cache(maxsize=100)
def _checked(name: str) -> str:
    """Return the name of a header.

    Raises:
        ValueError: It can't be one, or it is one that we write ourselves.
    """
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("a header's name holds more than letters, digits and dashes")
    if name.lower() in _OUR_HEADERS:
        raise ValueError(f"the header {name} is not for callers to set")
    return name
