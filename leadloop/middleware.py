"""What every request passes before its route: observation, a limit on its body, a token."""

import hmac
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from random import Random
from re import Pattern
from time import perf_counter

import structlog
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadloop import metrics, problems, tracing
from leadloop.database import is_unreachable
from leadloop.errors import Forbidden, Malformed, Problem, TooLarge, Unauthorized, Unavailable

log = structlog.get_logger()

# Asked every few seconds by machines; they would drown what people asked for.
UNOBSERVED = frozenset({"/metrics", "/healthz", "/readyz"})
PROTECTED_PREFIX = "/v1"
# JSON may hold this character, PostgreSQL's text may not (its error 22021).
_NUL_IN_TEXT = "22021"
_APPS_MAX = 8
_THROUGH_A_PROXY = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class Observe:
    """Continues the trace, counts and logs the request, answers what no handler caught."""

    def __init__(self, app: ASGIApp, *, service: str, random: Random) -> None:
        """Observe `app`; span and error ids are drawn from `random`."""
        self._app = app
        self._service = service
        self._random = random

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"] in UNOBSERVED:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        answer = _Answer(send)
        header = Headers(scope=scope).get(tracing.HEADER)
        token = tracing.current.set(tracing.continue_traceparent(header, self._random))
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:
            await self._refuse(error, answer, scope, receive)
        finally:
            self._record(scope, answer.status, perf_counter() - started)
            tracing.current.reset(token)

    async def _refuse(
        self, error: Exception, answer: "_Answer", scope: Scope, receive: Receive
    ) -> None:
        """Answer for an error that no handler knew; its text may hold personal data."""
        if answer.status:
            log.error("request.broke_off", route=route_of(scope), exc_info=error)
            raise error
        await self._response_to(error, scope)(scope, receive, answer.send)

    def _response_to(self, error: Exception, scope: Scope) -> Response:
        if isinstance(error, Problem):
            return problems.to_response(error)
        if isinstance(error, HTTPException):
            return problems.plain(error.status_code, error.detail, error.headers)
        if is_unreachable(error):
            log.warning("request.turned_away", reason=type(error).__name__)
            away = Unavailable("The database does not answer now.", retry_after_seconds=1)
            return problems.to_response(away)
        if _sqlstate(error) == _NUL_IN_TEXT:
            return problems.to_response(Malformed("Text must not hold the character U+0000."))
        error_id = f"{self._random.getrandbits(64):016x}"
        log.error("request.failed", error_id=error_id, route=route_of(scope), exc_info=error)
        return problems.plain(500, f"Something broke here; its error id is {error_id}.")

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        """Count, time and log."""
        route, method = route_of(scope), scope["method"]
        metrics.note_answer(self._service, route, method, status, seconds)
        log.info(
            "request.answered",
            route=route,
            method=metrics.method_of(method),
            status=status or 499,
            duration_ms=round(seconds * 1000, 1),
        )


class _Answer:
    """Remembers the status of what was sent; 0 while nothing was."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


class LimitBody:
    """Refuses a body over its limit, by what it declares or else by what arrives."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        """Let bodies of up to `max_bytes` through to `app`."""
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdigit() or int(declared[:20]) > self._max_bytes:
            await problems.to_response(self._too_large())(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        """Return a `receive` that stops a body without a declared length at the limit."""
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                # FastAPI lets this type through, and turns any other into a 400.
                raise HTTPException(413, self._too_large().detail)
            return message

        return receive_counted

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body may have {self._max_bytes} bytes.")


class RequireToken:
    """Lets only known callers at /v1: by bearer token, or from this machine without one."""

    def __init__(self, app: ASGIApp, *, tokens: Sequence[str]) -> None:
        """Protect `app`; without any token only loopback clients may enter."""
        self._app = app
        self._tokens = [token.encode() for token in tokens if token]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and _is_protected(scope["path"]):
            problem = self._refusal(scope)
            if problem is not None:
                await problems.to_response(problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        """Return why this caller may not enter, None when it may."""
        headers = Headers(scope=scope)
        if not self._tokens:
            return _refusal_without_tokens(scope, headers)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        candidate = token.strip().encode()
        # Every token is compared, so that time does not tell which one came close.
        known = [hmac.compare_digest(candidate, token) for token in self._tokens]
        if scheme.lower() == "bearer" and any(known):
            return None
        return Unauthorized("Expected the header authorization with a known bearer token.")


def route_of(scope: Scope) -> str:
    """Return the template of the route that matched, so that labels never hold ids."""
    path: str | None = getattr(scope.get("route"), "path", None)
    return path or _route_not_reached(scope)


def _route_not_reached(scope: Scope) -> str:
    """Find the route of a request that was refused before it, or whose route tells nothing."""
    if "app" in scope:
        for pattern, path in _templates(scope["app"]):
            if pattern.match(scope["path"]):
                return path
    return "unmatched"


@lru_cache(_APPS_MAX)
def _templates(app: FastAPI) -> list[tuple[Pattern[str], str]]:
    """Return what the paths of an app's routes look like, and their templates."""
    routes = [(route.path, route.original_route) for route in iter_route_contexts(app.routes)]
    return [
        # A mount answers for all that is below it.
        (compile_path(path + "/{below:path}" if isinstance(route, Mount) else path)[0], path)
        for path, route in routes
        if path
    ]


def _sqlstate(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _is_protected(path: str) -> bool:
    return path == PROTECTED_PREFIX or path.startswith(PROTECTED_PREFIX + "/")


def _refusal_without_tokens(scope: Scope, headers: Headers) -> Problem | None:
    """Refuse other machines, and pages of other sites in a browser on this one."""
    client = scope.get("client")
    if client is None or not _is_loopback(client[0]):
        return Forbidden("No API token is configured, so only this machine is let in.")
    if any(name in headers for name in _THROUGH_A_PROXY):
        # Whom the proxy speaks for may be anywhere.
        return Forbidden("No API token is configured, so a proxy's clients are not let in.")
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return Forbidden("No API token is configured, so pages of other sites are not let in.")
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
