"""`leadloop up` as a person runs it: what it says, who may share its folder, how it ends."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, Popen, run

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.integration

UP = [sys.executable, "-c", "from services.cli import main; main()", "up", "--port", "0"]
WITHOUT = {"LEADLOOP_LOG_LEVEL", "LEADLOOP_API_TOKEN", "WEBSITE_TOKEN"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in WITHOUT}

Start = Callable[[Path], "Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Begin a Leadloop on a folder; it is ended with the test."""
    running: list[Popen[str]] = []

    def start(folder: Path) -> "Popen[str]":
        command = [*UP, "--folder", str(folder)]
        running.append(
            Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=PIPE, stderr=PIPE, text=True)
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_it_tells_whole_lines_and_shares_its_folder_with_nobody(tmp_path: Path, start: Start):
    folder = tmp_path / ("a-folder-with-a-long-name-" * 3) / "data"
    first = start(folder)
    assert first.stdout is not None
    told = [first.stdout.readline().rstrip("\n") for _ in range(3)]

    second = run(
        [*UP, "--folder", str(folder)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    first.send_signal(signal.SIGTERM)

    assert told[0].endswith(f"its token is in {folder / 'secrets.env'}.")
    assert told[1].startswith("Leadloop answers at http://127.0.0.1:")
    assert "postgresql+asyncpg://" in told[2]
    assert "?host=" in told[2]
    assert second.returncode == 1
    refusal = " ".join(second.stderr.split())
    assert f"is in use by process {first.pid}, perhaps another `leadloop up`" in refusal
    assert "Traceback" not in second.stderr
    assert first.wait() == 0
