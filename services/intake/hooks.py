"""POST /hooks/{source}: from the bytes of a request to an answer that says it is durable.

This is the one door that is not FastAPI's: it takes every message of every sender, so what a
request costs here bounds what the whole loop can take.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from time import perf_counter

import orjson
import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from leadloop import problems, tracing
from leadloop.clock import Clock
from leadloop.errors import FieldError, NotFound, Problem, TooLarge, UnsupportedMedia
from leadloop.ids import Ids
from services.intake import metrics
from services.intake.handlers import Arrival
from services.intake.message import Request, Unusable
from services.intake.reception import Parked
from services.intake.reception import receive as receive_messages
from services.intake.sources import Source
from services.intake.store import Outcome
from services.intake.writer import REPEATED, Writer

log = structlog.get_logger()

PREFIX = "/hooks/"
_NOT_PACKED = ("", "identity")
ERRORS_MAX = 20


class ClientLeft(Exception):
    """The sender hung up before its request was whole."""


class Hooks:
    """Answers requests under /hooks/ itself and hands all others to the app."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        sources: Mapping[str, Source],
        writer: Writer,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Take messages of `sources` in through `writer`."""
        self._app = app
        self._sources = sources
        self._writer = writer
        self._clock = clock
        self._ids = ids
        # Trace ids guard nothing; drawn from the ids' source, a seeded run repeats them.
        self._random = Random(ids.new(clock.now()))  # noqa: S311
        metrics.begin({name: source.answer_status for name, source in sources.items()})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        status = 0
        try:
            status = await self._answer_hook(scope, receive, send)
        finally:
            metrics.note_hook(scope["method"], status, perf_counter() - started)

    async def _answer_hook(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one message; return the status, 0 when its sender did not wait for it."""
        source = self._sources.get(scope["path"][len(PREFIX) :])
        headers = _headers(scope)
        trace = tracing.continue_traceparent(headers.get(tracing.HEADER), self._random)
        try:
            status, body = await self._take(source, scope, headers, receive, trace)
        except ClientLeft:
            return 0
        except Exception as error:
            response = self._refusal(error, trace)
            _tell_refusal(source, response.status_code, error, trace)
            await response(scope, receive, send)
            return response.status_code
        await _answer(send, status, body)
        return status

    async def _take(
        self,
        source: Source | None,
        scope: Scope,
        headers: Mapping[str, str],
        receive: Receive,
        trace: str,
    ) -> tuple[int, bytes]:
        """Take one request in; return the status and body of its answer."""
        if source is None:
            raise NotFound("There is no source of this name.")
        if scope["method"] != "POST":
            raise MethodNotAllowed
        request = await self._read(source, scope, headers, receive)
        arrivals = receive_messages(source, request, self._ids, trace)
        outcomes = await self._writer.write(arrivals) if arrivals else {}
        if arrivals and isinstance(arrivals[0].item, Unusable):
            await self._refuse_alone(arrivals[0], arrivals[0].item, outcomes)
        body = b"" if source.answer_status == 204 else _summary(arrivals, outcomes)
        return source.answer_status, body

    async def _refuse_alone(
        self, arrival: Arrival, item: Unusable, outcomes: Mapping[str, Outcome]
    ) -> None:
        """Tell a sender that the only message of its request is kept and can't be used."""
        if not item.is_alone:
            return
        capture_id, state = arrival.kept.capture_id, "parked"
        if capture_id not in outcomes:
            capture_id, state = await self._writer.find(arrival.kept.recurrence)
        raise Parked(item.error, capture_id, state)

    async def _read(
        self, source: Source, scope: Scope, headers: Mapping[str, str], receive: Receive
    ) -> Request:
        _require_json(headers)
        body = await _body(headers, receive, source.body_bytes_max)
        query = scope["query_string"].decode("latin-1")
        return Request(headers, body, self._clock.now(), query)

    def _refusal(self, error: Exception, trace: str) -> Response:
        """Return the answer to what was not taken; errors of ours get an id to look for."""
        if isinstance(error, MethodNotAllowed):
            return problems.plain(405, "Only POST is taken here.", {"Allow": "POST"})
        if isinstance(error, Problem):
            return problems.to_response(error)
        error_id = f"{self._random.getrandbits(64):016x}"
        trace_id = tracing.trace_id(trace)
        log.error("capture.failed", error_id=error_id, trace_id=trace_id, exc_info=error)
        return problems.plain(500, f"Something broke here; its error id is {error_id}.")


class MethodNotAllowed(Exception):
    """The door takes POST only."""


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _tell_refusal(source: Source | None, status: int, error: Exception, trace: str) -> None:
    """Count a refusal; say one line, of what was sent only where it was wrong."""
    known = source.name if source else ""
    metrics.REFUSED.labels(known, status).inc()
    log.info(
        "hook.refused",
        source=known,
        status=status,
        reason=type(error).__name__,
        pointers=[one.pointer for one in getattr(error, "errors", ())[:ERRORS_MAX]],
        trace_id=tracing.trace_id(trace),
    )


def _require_json(headers: Mapping[str, str]) -> None:
    """Refuse a body in another form or packing before reading it."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in _NOT_PACKED:
        raise UnsupportedMedia(
            "Bodies are read as they are.",
            FieldError("header content-encoding", "identity, or no such header", encoding),
        )
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMedia(
            "This door reads JSON.",
            FieldError("header content-type", "application/json", media_type),
        )


async def _body(headers: Mapping[str, str], receive: Receive, bytes_max: int) -> bytes:
    """Return the whole body, or refuse it as soon as it is known to be too large."""
    too_large = TooLarge(f"The body may have {bytes_max} bytes.")
    declared = headers.get("content-length", "0")
    if not declared.isdecimal() or len(declared) > 18 or int(declared) > bytes_max:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > bytes_max:
            raise too_large
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _summary(arrivals: Sequence[Arrival], outcomes: Mapping[str, Outcome]) -> bytes:
    """Return how many messages became what, and what is wrong with those kept aside."""
    states: Counter[str] = Counter()
    errors: list[dict[str, str]] = []
    for arrival in arrivals:
        outcome = outcomes.get(arrival.kept.capture_id)
        states[outcome.state if outcome else REPEATED] += 1
        if outcome and outcome.error and len(errors) < ERRORS_MAX:
            errors.append(outcome.error._asdict())
    return orjson.dumps({**states, "errors": errors} if errors else states)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"application/json"))
    if status == 204:
        headers = []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
