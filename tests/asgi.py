"""Talk to an ASGI app of this process, one request at a time or many at once."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from starlette.types import ASGIApp, Message, Scope


@dataclass(frozen=True)
class Answer:
    """What the app answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Client:
    """Sends requests to `app` as if they came from `host`.

    Attributes:
        headers: Sent with every request.
    """

    app: ASGIApp
    headers: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"

    async def get(self, path: str, **query: object) -> Answer:
        return await self.request("GET", path + ("?" + urlencode(query) if query else ""))

    async def post(
        self, path: str, json: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Post a JSON body, or none when `json` is None."""
        body = b"" if json is None else orjson.dumps(json)
        return await self.request("POST", path, [body], headers)

    async def patch(self, path: str, json: object) -> Answer:
        return await self.request("PATCH", path, [orjson.dumps(json)])

    async def delete(self, path: str) -> Answer:
        return await self.request("DELETE", path)

    async def request(
        self,
        method: str,
        target: str,
        chunks: Iterable[bytes] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request whose body arrives in chunks; a length is declared only if given."""
        exchange = _Exchange(chunks)
        sent = {"content-type": "application/json", **self.headers, **(headers or {})}
        await self.app(self._scope(method, target, sent), exchange.receive, exchange.send)
        return exchange.answer()

    def _scope(self, method: str, target: str, headers: Mapping[str, str]) -> Scope:
        parts = urlsplit(target)
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [
                (name.lower().encode(), value.encode()) for name, value in headers.items()
            ],
            "client": (self.host, 50_000),
            "server": ("127.0.0.1", 80),
            "state": {},
        }


class _Exchange:
    """One request's two directions."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = list(chunks) or [b""]
        self._sent: list[Message] = []

    async def receive(self) -> Message:
        if not self._chunks:
            # A client that stays: who asks on waits for its leaving.
            await asyncio.Event().wait()
        body = self._chunks.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(self._chunks)}

    async def send(self, message: Message) -> None:
        self._sent.append(message)

    def answer(self) -> Answer:
        start, *rest = self._sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(part["body"] for part in rest))
