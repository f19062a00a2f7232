"""Call an ASGI app in this process: a request in, a response out, no socket between."""

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.types import ASGIApp

Header = tuple[str, str]
# As uvicorn names a client on the same machine, which needs no token.
_CLIENT = ("127.0.0.1", 0)
_SERVER = ("leadloop.internal", 80)


@dataclass(frozen=True, slots=True)
class Response:
    """What the app answered."""

    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        """Say whether the status is one of 200 to 299."""
        return 200 <= self.status <= 299

    def json(self) -> Any:  # noqa: ANN401 (any JSON value)
        """Return the body's value; None for an empty one."""
        return orjson.loads(self.body) if self.body else None


async def call(
    app: ASGIApp, method: str, target: str, *, headers: Iterable[Header] = (), body: bytes = b""
) -> Response:
    """Send one request to `app`; `target` is a path, perhaps with a query."""
    scope = _scope(method, target, headers, body)
    incoming = [{"type": "http.request", "body": body, "more_body": False}]
    status, parts = 0, []

    async def receive() -> MutableMapping[str, Any]:
        return incoming.pop() if incoming else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return Response(status, b"".join(parts))


def _scope(
    method: str, target: str, headers: Iterable[Header], body: bytes
) -> MutableMapping[str, Any]:
    path, _, query = target.partition("?")
    named = [("host", _SERVER[0]), ("content-length", str(len(body))), *headers]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in named],
        "client": _CLIENT,
        "server": _SERVER,
    }
