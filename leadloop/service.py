"""One service: what it handles, what it does by itself, what it answers; and how it runs."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI
from google.protobuf.message import Message
from starlette.types import ASGIApp

from leadloop import metrics
from leadloop.database import Database
from leadloop.events import route_of, topics_of
from leadloop.inbox import Handlers, Inbox
from leadloop.loop import Loop, forever
from leadloop.outbox import RELAY
from leadloop.parked import parked_router
from leadloop.relay import Relay
from leadloop.transport import PATIENT, PATIENTLY, Transport
from leadloop.upkeep import UPKEEP, Upkeep
from leadloop.waiting import Gate, wait_for_schema

log = structlog.get_logger()

STOP_WITHIN_SECONDS = 10
GARBAGE_THRESHOLD = 50_000


@dataclass
class Service:
    """A service ready to run.

    Attributes:
        name: Also the name of its consumer groups and the service label of its metrics.
        database: Its schema.
        migrations: Its folder of migrations; None when its tables are somebody else's to make.
        api: Its documented routes and probes.
        is_relay_patient: Nobody waits for what it promises.
        repeatable: Those that change nothing the second time, see `Inbox`.
        door: What answers requests in front of `api`, where a hot path bypasses it.
        paths: Prefixes of the routes that are its own, for the embedded mode.
        handlers: What it does with events, by type.
        patient: Those of them that may wait a moment for others: nobody waits for what follows.
        loops: What it does by itself, besides the relay and the upkeep.
        tasks: Coroutines that run as long as the service does, such as a group-commit writer.
        closers: Called when it stops.
    """

    name: str
    database: Database
    migrations: Path | None
    api: FastAPI
    paths: Sequence[str]
    handlers: Handlers
    patient: Collection[type[Message]] = ()
    repeatable: Collection[type[Message]] = ()
    is_relay_patient: bool = False
    door: ASGIApp | None = None
    loops: Sequence[Loop] = ()
    tasks: Sequence[Callable[[], Coroutine[None, None, None]]] = ()
    closers: Sequence[Callable[[], Awaitable[None]]] = ()
    inbox: Inbox = field(init=False)

    def __post_init__(self) -> None:
        """Give the service its inbox, the door to what it parked, and counters at zero."""
        self.inbox = Inbox(
            self.database, self.handlers, service=self.name, repeatable=self.repeatable
        )
        self.api.include_router(parked_router(self.name, self.inbox))
        metrics.begin(
            self.database,
            service=self.name,
            reads=self.topics(),
            writes=topics_of(self.name),
            loops=[RELAY, UPKEEP, *(loop.name for loop in self.loops)],
        )

    @property
    def app(self) -> ASGIApp:
        """Return what answers the service's requests."""
        return self.door or self.api

    def topics(self) -> list[str]:
        """Return the topics that the service reads."""
        return sorted({route_of(kind).topic for kind in self.handlers})

    def subscribe(self, transport: Transport) -> None:
        """Read the service's topics as its own groups: what may wait does not slow the rest."""
        if self.handlers:
            # From now on it is to move; /readyz says so when it never does.
            self.database.note_moved("consumer")
        prompt = {route_of(kind).topic for kind in self.handlers if kind not in self.patient}
        handle = self.inbox.handle
        if prompt:
            transport.subscribe(self.name, sorted(prompt), handle)
        if patient := sorted(set(self.topics()) - prompt):
            transport.subscribe(f"{self.name}{PATIENTLY}", patient, handle, hold=PATIENT)

    def all_loops(self, transport: Transport) -> list[Loop]:
        """Return the relay, the upkeep and the service's own loops."""
        relay = Relay(
            self.database, transport, service=self.name, is_patient=self.is_relay_patient
        )
        return [relay, Upkeep(self.database), *self.loops]

    async def close(self) -> None:
        """Give back what the service holds."""
        for close in self.closers:
            await close()
        await self.database.close()


async def serve(
    services: Sequence[Service],
    transport: Transport,
    app: ASGIApp,
    *,
    host: str,
    port: int,
    ready: Callable[[int], None] | None = None,
) -> None:
    """Run services in this process until SIGINT or SIGTERM, or until one of them must stop.

    Args:
        services: They share `transport` and this event loop.
        transport: Where their events travel.
        app: What answers on `host:port`.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        ready: Told the port once requests are answered.
    """
    for service in services:
        service.subscribe(transport)
    _collect_garbage_rarely()
    gate = Gate(app)
    await transport.start()
    try:
        background = _begin(services, transport, gate)
        await _run_all(background, _Server(gate, host, port, ready))
    finally:
        await transport.stop()
        for service in services:
            await service.close()


def _collect_garbage_rarely() -> None:
    """Leave what is loaded out of collections, and collect after more new objects.

    A batch makes many small objects that die by themselves; looking for cycles among them every
    700 is time lost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 50)


async def _run_all(background: Coroutine[None, None, None], server: "_Server") -> None:
    """Run until told to stop; answer what was asked, then end the rest."""
    stop = asyncio.Event()
    running = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        running.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(background)
        listening = tasks.create_task(server.serve())
        stopping = tasks.create_task(stop.wait())
        await asyncio.wait([listening, stopping], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await listening
        working.cancel()
        stopping.cancel()


async def _begin(services: Sequence[Service], transport: Transport, gate: Gate) -> None:
    """Wait for the schemas, then let requests in and do everything besides answering them."""
    for service in services:
        if service.migrations is not None:
            await wait_for_schema(service.database, service.migrations, gate)
    gate.open()
    async with asyncio.TaskGroup() as tasks:
        for coroutine in _background(services, transport):
            tasks.create_task(coroutine)


def _background(
    services: Sequence[Service], transport: Transport
) -> list[Coroutine[None, None, None]]:
    """Return everything that runs besides answering requests."""
    work: list[Coroutine[None, None, None]] = [transport.run()]
    for service in services:
        database = service.database
        work += [run() for run in service.tasks]
        work += [
            forever(loop, service=service.name, database=database)
            for loop in service.all_loops(transport)
        ]
    return work


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers; says when it listens."""

    def __init__(
        self, app: ASGIApp, host: str, port: int, ready: Callable[[int], None] | None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                lifespan="off",
                # Only the check for this machine asks where a client is, and a header must not
                # answer it.
                proxy_headers=False,
                timeout_graceful_shutdown=STOP_WITHIN_SECONDS,
                server_header=False,
                backlog=4096,
            )
        )
        self._tell = ready

    async def serve(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # narrower than uvicorn's, which also takes sockets
        """Serve until told to exit."""
        await self._serve()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # as above
        """Listen, then say on which port."""
        await super().startup()
        if self.started and self._tell is not None:
            self._tell(self.servers[0].sockets[0].getsockname()[1])
