"""One way to serve HTTP: an app whose errors, transactions, limits and probes are the same."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from sqlalchemy import text
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response

from leadloop import idempotency, metrics, middleware, problems, tracing
from leadloop.database import Database, Work, is_unreachable
from leadloop.errors import FieldError, Rejected, UnsupportedMedia

BODY_MAX_BYTES = 1024 * 1024
READY_TIMEOUT_SECONDS = 2.0
_ANSWER = text("SELECT 1")

# Says what keeps the service from answering; None when nothing does.
Check = Callable[[], str | None]


@dataclass(frozen=True)
class Doors:
    """What an app lets in.

    Attributes:
        api_tokens: Bearer tokens for /v1; without any, only clients of this machine.
        body_max_bytes: The largest body of a request.
    """

    api_tokens: Sequence[str] = field(default=(), repr=False)
    body_max_bytes: int = BODY_MAX_BYTES


def create_app(
    *,
    service: str,
    title: str,
    database: Database,
    doors: Doors | None = None,
    checks: Mapping[str, Check] | None = None,
    random: Random | None = None,
) -> FastAPI:
    """Make the app of a service, with its probes; routes are included by the caller.

    Args:
        service: The service's name, a label of its metrics.
        title: For people who read the API's documentation.
        database: Where `open_work` opens the transaction of a request.
        doors: Tokens and limits.
        checks: What /readyz asks besides the database, by name: what requests need.
        random: Where trace ids come from; seeded ones make a run repeatable.
    """
    doors = doors or Doors()
    random = random or SystemRandom()
    app = documented(
        title=title,
        responses=problems.RESPONSES,
        middleware=[
            Middleware(middleware.Observe, service=service, random=random),
            Middleware(middleware.RequireToken, tokens=doors.api_tokens),
            Middleware(middleware.LimitBody, max_bytes=doors.body_max_bytes),
        ],
    )
    app.state.database = database
    app.state.service = service
    app.state.checks = dict(checks or {})
    problems.install(app)
    _add_probes(app)
    return app


def documented(**options: Any) -> FastAPI:  # noqa: ANN401 (FastAPI's own, passed on)
    """Make an app that serves every part of its documentation itself.

    FastAPI's page takes its script from a host of a third party: closed networks see nothing,
    and a foreign script would run beside an API that answers to this machine without a token.
    """
    return FastAPIOffline(redoc_url=None, static_url="/docs/static", **options)


async def open_work(request: Request) -> AsyncIterator[Work]:
    """Open the transaction of a request: committed before it is answered, or rolled back."""
    database: Database = request.app.state.database
    async with database.transaction(tracing.current.get()) as work:
        yield work


# The scope makes FastAPI leave `open_work` when the route has returned and before the answer
# goes out. With its default, a client would see 2xx before the commit, or without one.
WorkDep = Annotated[Work, Depends(open_work, scope="function")]


async def idempotent(
    request: Request,
    work: WorkDep,
    idempotency_key: Annotated[
        str | None, Header(description="The same key and command get the same answer for 24 h.")
    ] = None,
) -> None:
    """Let a command with an Idempotency-Key take effect once; put it on every POST's route.

    A refused command leaves no trace, its key included: it may be mended and sent again.

    Raises:
        Replayed: The command was answered before; the route sends that answer again.
    """
    route = request.scope["route"]
    if not isinstance(route, Route):
        raise TypeError(f"{route.path} must be on a leadloop.web.Router to keep its answer")
    if idempotency_key is None:
        return
    target = f"{request.url.path}?{request.url.query}"
    command = idempotency.Command(
        route=f"{request.method} {route.path}",
        key=idempotency.parse_key(idempotency_key),
        fingerprint=idempotency.fingerprint(request.method, target, await request.body()),
    )
    answer = await idempotency.claim(work, command)
    if answer is not None:
        raise Replayed(answer)
    request.state.claimed = (work, command)


class Replayed(Exception):
    """Carries a kept answer past the route's function."""

    def __init__(self, answer: idempotency.Answer) -> None:
        """Keep the answer."""
        super().__init__()
        self.answer = answer


class Route(APIRoute):
    """A route that reads strictly and keeps the answers of idempotent commands."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler; this runs inside the request's transaction."""
        handle = super().get_route_handler()
        parameters = list(dict.fromkeys(_parameters(self.dependant)))

        async def handle_once(request: Request) -> Response:
            request = _JsonRequest(request.scope, request.receive)
            _require_known(request, parameters)
            if self.body_field is not None:
                await _require_json(request)
            try:
                response = await handle(request)
            except Replayed as replayed:
                return _replay(replayed.answer)
            await _keep_answer(request, response)
            return response

        return handle_once


class Router(APIRouter):
    """FastAPI's router, made of our routes; every room's API is one."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 (FastAPI's own, passed on)
        """Take FastAPI's options."""
        super().__init__(route_class=Route, **options)


class _JsonRequest(Request):
    """Parses with a bound on depth: 100,000 nested arrays are refused, not recursed into."""

    async def json(self) -> Any:  # noqa: ANN401 (any JSON value)
        """Return the body's value."""
        return orjson.loads(await self.body())


def _parameters(dependant: Dependant) -> Iterator[str]:
    """Yield the names of the query parameters that a route and its dependencies take."""
    yield from (field.alias for field in dependant.query_params)
    for needed in dependant.dependencies:
        yield from _parameters(needed)


def _require_known(request: Request, parameters: Sequence[str]) -> None:
    """Refuse parameters that nobody reads: an answer would seem to heed them."""
    unknown = [name for name in request.query_params if name not in parameters]
    if unknown:
        expected = f"no such parameter; there are {', '.join(parameters) or 'none'}"
        raise Rejected(
            "The request does not fit what this route takes.",
            *(FieldError(f"query {name}", expected, "a value") for name in unknown),
        )


async def _require_json(request: Request) -> None:
    """Refuse a body in another form before anything guesses at it."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = media_type == "application/json" or media_type.endswith("+json")
    if not is_json and await request.body():
        raise UnsupportedMedia(
            "This route reads JSON.",
            FieldError("header content-type", "application/json", media_type or "nothing"),
        )


async def _keep_answer(request: Request, response: Response) -> None:
    """Store the answer of a claimed command, in its transaction."""
    claimed: tuple[Work, idempotency.Command] | None = getattr(request.state, "claimed", None)
    if claimed is None:
        return
    work, command = claimed
    answer = idempotency.Answer(
        response.status_code, response.headers.get("content-type"), bytes(response.body)
    )
    await idempotency.keep(work, command, answer)


def _replay(answer: idempotency.Answer) -> Response:
    headers = {idempotency.REPLAYED_HEADER: "true"}
    if answer.media_type:
        headers["content-type"] = answer.media_type
    return Response(answer.body, answer.status, headers)


def _add_probes(app: FastAPI) -> None:
    """Serve /healthz, /readyz and /metrics, outside of the documented API."""
    probes: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/healthz": _healthz,
        "/readyz": _readyz,
        "/metrics": _metrics,
    }
    for path, probe in probes.items():
        app.add_api_route(path, probe, include_in_schema=False)


async def _healthz(_: Request) -> Response:
    """Say that the process lives."""
    return JSONResponse({"status": "alive"})


async def _readyz(request: Request) -> Response:
    """Say whether requests are answered here."""
    found = await condition_of(request.app)
    return readiness(found.checks, found.loops)


@dataclass(frozen=True)
class Condition:
    """How a service is, part by part; None where all is well.

    Attributes:
        checks: What requests need.
        loops: What goes on besides; alerts look after it.
    """

    checks: Mapping[str, str | None]
    loops: Mapping[str, str | None]


async def condition_of(app: FastAPI) -> Condition:
    """Ask every part of a service how it is."""
    database: Database = app.state.database
    checks = {name: check() for name, check in app.state.checks.items()}
    loops = {
        name: "has made no pass for too long" if is_stalled else None
        for name, is_stalled in database.stalled().items()
    }
    return Condition({**checks, "database": await _database_problem(database)}, loops)


def readiness(
    checks: Mapping[str, str | None], loops: Mapping[str, str | None] | None = None
) -> Response:
    """Return the answer of /readyz: 200 when requests are answered, else 503.

    A loop that stands still is told and changes nothing: what was accepted waits for it in the
    database, what is turned away is lost.
    """
    ready = not any(checks.values())
    body = {
        "status": "ready" if ready else "not ready",
        "checks": {name: problem or "answers" for name, problem in checks.items()},
        "loops": {name: problem or "moves" for name, problem in (loops or {}).items()},
    }
    return JSONResponse(body, 200 if ready else 503)


async def _metrics(request: Request) -> Response:
    """Expose the process's metrics, its database's readings fresh."""
    state = request.app.state
    await metrics.refresh(state.database, service=state.service)
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)


async def _database_problem(database: Database) -> str | None:
    try:
        async with asyncio.timeout(READY_TIMEOUT_SECONDS), database.transaction() as work:
            await work.connection.execute(_ANSWER)
    except Exception as error:
        if not is_unreachable(error):
            raise
        return f"does not answer: {type(error).__name__}"
    return None
