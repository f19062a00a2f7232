"""All of Leadloop as separate processes on one machine: PostgreSQL, Kafka, four services.

`make stack` runs it for a person; benchmarks and end-to-end tests use the class, and end its
parts at will.
"""

import asyncio
import http.client
import sys
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from deploy.broker import Broker, free_port
from deploy.child import Child, DidNotStart, end_of, wait_until_ready
from deploy.watch import Part
from leadloop.postgres import Postgres

ROOMS: Final[tuple[str, ...]] = ("intake", "scoring", "handoff", "feedback")
PORTS: Final[dict[str, int]] = {
    "intake": 8001,
    "scoring": 8002,
    "handoff": 8003,
    "feedback": 8004,
    "kafka": 9092,
}
# Half of what `leadloop topics` makes: there is one replica of each service here, and more
# partitions than replicas bring it nothing. The figures of `make bench-loop` are of this many.
PARTITIONS: Final = 4
# A busy machine may take long; one that never answers is told apart soon enough by its log.
READY_TIMEOUT_SECONDS: Final = 120
MIGRATE_TIMEOUT_SECONDS: Final = 120

T = TypeVar("T")


class Stack:
    """The processes of a whole loop in one folder; each part can be killed and started again.

    Attributes:
        postgres: The database server.
        broker: The Kafka broker.
        ports: Where each service listens, by name.
        services: The processes, by name.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: Mapping[str, int] | None = None,
        durable: bool = True,
        sources: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Lay the stack out; start() runs it.

        Args:
            folder: Keeps the data and the logs; what is there from before is used again.
            ports: By service, and `kafka`; what is not named takes a free one, so that stacks
                can stand side by side.
            durable: False trades safety against crashes for speed.
            sources: The YAML file of configured senders.
            environment: Further settings of all services.
        """
        self.folder = Path(folder).resolve()
        chosen = dict(ports or {})
        self.ports = {room: chosen.get(room) or free_port() for room in ROOMS}
        self.postgres = Postgres(self.folder / "postgres", durable=durable)
        self.broker = Broker(self.folder / "kafka", chosen.get("kafka"))
        self.services: dict[str, Child] = {}
        self._sources = sources
        self._settings = dict(environment or {})

    def start(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Start everything; returns once every service says that it is ready.

        Args:
            tell: Hears what happens, a line at a time.

        Raises:
            DidNotStart: a process ended or stayed silent; holds the end of its log.
            Unavailable: the broker's jars are missing.
        """
        try:
            tell("starting PostgreSQL and Kafka")
            with ThreadPoolExecutor(2) as both:
                list(both.map(lambda part: part.start(), self._ground()))
            tell("making tables and topics")
            self.migrate()
            self.create_topics()
            tell("starting " + ", ".join(ROOMS))
            for room in ROOMS:
                self.services[room] = self._service(room)
                self.services[room].start()
            for room in ROOMS:
                self.wait_until_ready(room)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the services, then what they stand on."""
        with ThreadPoolExecutor(len(ROOMS)) as all_of_them:
            list(all_of_them.map(Child.stop, self.services.values()))
        self.broker.stop()
        self.postgres.stop()

    def kill(self, name: str) -> None:
        """End a service, or `broker` or `postgres`, with SIGKILL."""
        self._part(name).kill()

    def restart(self, name: str, *, wait: bool = True) -> None:
        """Start a killed part again; returns once it is ready, unless not to `wait` for it."""
        self._part(name).start()
        if wait and name in self.services:
            self.wait_until_ready(name)

    def address(self, room: str) -> str:
        """Return where a service answers, as http://host:port."""
        return f"http://127.0.0.1:{self.ports[room]}"

    def log(self, name: str) -> Path:
        """Return the file that holds a service's output."""
        return self.folder / "logs" / f"{name}.log"

    def wait_until_ready(self, room: str) -> None:
        """Wait until a service's /readyz answers 200.

        Raises:
            DidNotStart: it ended, or took too long.
        """
        wait_until_ready(
            self.services[room],
            lambda: answers_200(self.ports[room], "/readyz"),
            timeout_seconds=READY_TIMEOUT_SECONDS,
        )

    def environment(self) -> dict[str, str]:
        """Return the settings that connect a service, or a command, to this stack."""
        settings = {
            "LEADLOOP_DATABASE_URL": self.postgres.url,
            "LEADLOOP_KAFKA": self.broker.bootstrap,
            "LEADLOOP_INSTANCE": "stack",
            **{f"LEADLOOP_{room.upper()}_PORT": str(port) for room, port in self.ports.items()},
        }
        if self._sources is not None:
            settings["LEADLOOP_SOURCES"] = str(Path(self._sources).resolve())
        return settings | self._settings

    def migrate(self) -> None:
        """Bring every service's schema up to date."""
        child = Child(
            leadloop("migrate"), log=self.log("migrate"), environment=self.environment()
        )
        child.start()
        code = child.wait(MIGRATE_TIMEOUT_SECONDS)
        if code != 0:
            raise DidNotStart(child, f"leadloop migrate ended with {code}")

    def create_topics(self) -> None:
        """Make the contract's topics that are not there yet."""
        from leadloop.consumer import create_topics

        apart(create_topics(self.broker.bootstrap, partitions=PARTITIONS, replicas=1))

    def __enter__(self) -> "Stack":
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def parts(self) -> dict[str, Part]:
        """Return everything that runs, by name, each on what stands before it."""
        return {"postgresql": Database(self.postgres), "kafka": self.broker, **self.services}

    def _ground(self) -> tuple[Postgres, Broker]:
        return self.postgres, self.broker

    def _part(self, name: str) -> Child | Broker | Postgres:
        ground: dict[str, Broker | Postgres] = {
            "broker": self.broker,
            "postgres": self.postgres,
        }
        return self.services[name] if name in self.services else ground[name]

    def _service(self, room: str) -> Child:
        return Child(leadloop("run", room), log=self.log(room), environment=self.environment())


class Database:
    """The stack's PostgreSQL as a part to watch; no child of ours, so it has no exit code."""

    def __init__(self, postgres: Postgres) -> None:
        """Watch a server that runs."""
        self._postgres = postgres
        self._log_from = self._log_size()

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self._postgres.is_running

    def start(self) -> None:
        """Start it again."""
        self._log_from = self._log_size()
        self._postgres.start()

    def how_it_ended(self) -> str:
        """Say what can be known of its end."""
        return "its first process is gone"

    def last_lines(self) -> str:
        """Return the end of its log since it was started, or watched."""
        return end_of(self._postgres.log, self._log_from)

    def _log_size(self) -> int:
        log = self._postgres.log
        return log.stat().st_size if log.exists() else 0


def leadloop(*arguments: str) -> list[str]:
    """Return the command line of the `leadloop` installed beside this very Python."""
    return [str(Path(sys.executable).parent / "leadloop"), *arguments]


def answers_200(port: int, path: str) -> bool:
    """Whether a GET on 127.0.0.1 answers 200 right now."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def apart(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end on a loop of its own, also when the caller is on a loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work)).result()
