"""A PostgreSQL of our own ends with the process that began it, however that ends."""

import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import psutil  # type: ignore[import-untyped]  # it comes without annotations
import pytest

from leadloop.postgres import InUse, Postgres
from tests.conftest import ROOT, until

# What a shell begins in the background inherits that SIGINT is ignored.
HOLDS = """
import signal
import sys
from pathlib import Path
from leadloop.postgres import Postgres

signal.signal(signal.SIGINT, signal.default_int_handler)
with Postgres(Path(sys.argv[1]), durable=False):
    print("ready", flush=True)
    sys.stdin.read()
"""


def processes_of(folder: Path) -> list[str]:
    """Name all processes that work in the folder or beside it, guards among them."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd().startswith(
                str(folder)
            ):
                found.append(process.name())
        except psutil.Error:
            continue
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "postgres"


@contextmanager
def holder(data: Path) -> Iterator["Popen[bytes]"]:
    command = [sys.executable, "-c", HOLDS, str(data)]
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=ROOT) as process:
        yield process
        process.kill()


async def while_data_are_made(data: Path, _: "Popen[bytes]") -> None:
    await until(lambda: "initdb" in processes_of(data.parent))


async def while_the_server_begins(data: Path, _: "Popen[bytes]") -> None:
    await until((data / "log").exists)


async def once_the_server_has_a_process(data: Path, _: "Popen[bytes]") -> None:
    await until((data / "postmaster.pid").exists)


async def once_it_answers(_: Path, process: "Popen[bytes]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize(
    "stage",
    [
        while_data_are_made,
        while_the_server_begins,
        once_the_server_has_a_process,
        once_it_answers,
    ],
)
async def test_nothing_of_it_is_left_however_its_holder_ends(
    data: Path,
    stage: Callable[[Path, "Popen[bytes]"], Awaitable[None]],
    number: signal.Signals,
):
    with holder(data) as process:
        await stage(data, process)
        # Between the end of one program and the beginning of the next there is none.
        await until(lambda: processes_of(data.parent))

        process.send_signal(number)

        await until(lambda: process.poll() is not None)
        await until(lambda: not processes_of(data.parent))


async def test_data_that_were_half_made_are_made_anew(data: Path):
    with holder(data) as process:
        await while_data_are_made(data, process)

    with Postgres(data, durable=False) as server:
        assert server.sql("SELECT 1") == "1"


async def test_a_new_holder_waits_for_the_server_of_one_that_died(data: Path):
    with holder(data) as process:
        await once_it_answers(data, process)

    with Postgres(data, durable=False) as server:
        assert server.sql("SELECT 1") == "1"


async def test_a_folder_has_one_holder_at_a_time(data: Path):
    with holder(data) as process:
        await once_it_answers(data, process)

        with pytest.raises(InUse) as refused:
            Postgres(data).start()

        assert refused.value.holder == str(process.pid)
    with Postgres(data, durable=False) as first:
        with pytest.raises(InUse):
            Postgres(data).start()
        assert first.sql("SELECT 1") == "1"


def test_a_server_that_was_killed_starts_again_with_its_data(data: Path):
    with Postgres(data) as server:
        server.sql("CREATE TABLE kept AS SELECT 7 AS number")
        server.kill()
        server.start()

        assert server.sql("SELECT number FROM kept") == "7"


def test_a_server_that_ends_as_it_begins_says_why(data: Path):
    with Postgres(data, durable=False):
        pass
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("max_connections = many\n")

    with pytest.raises(RuntimeError, match="max_connections"):
        Postgres(data).start()
