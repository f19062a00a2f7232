"""All four services in one process, on an embedded PostgreSQL, without a broker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from leadloop import metrics, problems, web
from leadloop.clock import Clock
from leadloop.ids import Ids
from leadloop.service import Service
from leadloop.transport import LocalTransport
from services.rooms import ROOMS, build_service, migrate_room, room_of

POSTGRES = "postgres"
SOURCES = "sources.yaml"
SECRETS = "secrets.env"


@dataclass(frozen=True)
class Embedded:
    """The whole loop in this process, ready to serve or to be stepped.

    Attributes:
        services: The four services, in the order of the loop.
        transport: What they share.
        app: One door for all of them.
    """

    services: Sequence[Service]
    transport: LocalTransport
    app: ASGIApp


async def assemble(
    database_url: str,
    *,
    clock: Clock,
    ids: Ids,
    parts: Mapping[str, Mapping[str, object]] | None = None,
    **settings: object,
) -> Embedded:
    """Migrate the database and put the four services together.

    Args:
        database_url: One database; each service keeps to its schema.
        clock: Shared by all.
        ids: Shared by all.
        parts: By room, what stands in for parts that it would make itself.
        settings: Further settings by name; each room takes those that it knows.
    """
    services = []
    for name in ROOMS:
        await migrate_room(name, database_url)
        chosen = room_of(name).settings(database_url=database_url, **settings)
        own = (parts or {}).get(name, {})
        services.append(build_service(name, clock=clock, ids=ids, settings=chosen, **own))
    return Embedded(services, LocalTransport(), Front(services))


class Front:
    """Sends each request to the service whose path it is; answers for all of them together."""

    def __init__(self, services: Sequence[Service]) -> None:
        """Stand before `services`."""
        self._doors = sorted(
            ((path, service.app) for service in services for path in _paths(service)),
            key=lambda door: -len(door[0]),
        )
        self._own = _own_app(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        await self._door_of(scope)(scope, receive, send)

    def _door_of(self, scope: Scope) -> ASGIApp:
        """Return who answers this path: the longest prefix wins."""
        path = scope.get("path", "")
        for prefix, app in self._doors:
            if path == prefix or path.startswith(prefix + "/"):
                return app
        return self._own


def _paths(service: Service) -> list[str]:
    """Return the prefixes of a service's routes."""
    return [*service.paths, f"/v1/parked/{service.name}"]


def _own_app(services: Sequence[Service]) -> FastAPI:
    """Make the app that answers for all services: probes, metrics, one documentation."""
    app = web.documented(title="Leadloop", version="v1")
    problems.install(app)
    app.openapi = lambda: merged_openapi([service.api for service in services])  # type: ignore[method-assign]  # FastAPI's documented way to give another schema

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return RedirectResponse("/docs")

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        checks: dict[str, str | None] = {}
        loops: dict[str, str | None] = {}
        for service in services:
            found = await web.condition_of(service.api)
            checks |= _named(service, found.checks)
            loops |= _named(service, found.loops)
        return web.readiness(checks, loops)

    @app.get("/metrics", include_in_schema=False)
    async def show_metrics(_: Request) -> Response:
        for service in services:
            await metrics.refresh(service.database, service=service.name)
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)

    return app


def _named(service: Service, parts: Mapping[str, str | None]) -> dict[str, str | None]:
    """Put the service's name before those of its parts."""
    return {f"{service.name}.{part}": problem for part, problem in parts.items()}


def merged_openapi(apps: Sequence[FastAPI]) -> dict[str, Any]:
    """Join the OpenAPI descriptions of several apps; they share no path."""
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Leadloop", "version": "v1"},
        "paths": {},
        "components": {"schemas": {}},
    }
    for app in apps:
        described = app.openapi()
        merged["paths"] |= described["paths"]
        for kind, parts in described.get("components", {}).items():
            merged["components"].setdefault(kind, {}).update(parts)
    return merged
