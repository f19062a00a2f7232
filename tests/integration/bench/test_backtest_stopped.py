"""A backtest that is stopped leaves no process and no file behind."""

import os
import signal
import subprocess
import sys

import psutil  # type: ignore[import-untyped]  # it comes without annotations
import pytest

from bench import past

COMMAND = """
import sys, typer
from services.commands.backtest import backtest
from services.lab.backtest import workers
if __name__ == "__main__":
    workers.SMALL_BYTES = 0
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(backtest)
    app()
"""


@pytest.fixture
def running(tmp_path):
    """Start a backtest that takes some seconds, and wait until it has begun."""
    list(past.write_past(tmp_path, leads=3_000, activities=10))
    (tmp_path / "agreement.yaml").write_text(past.AGREEMENT)
    (tmp_path / "command.py").write_text(COMMAND)
    (tmp_path / "room").mkdir()
    told = "--leads leads.csv --outcome Outcome --time Created --jobs 2 --html out.html"
    process = subprocess.Popen(
        [
            *(sys.executable, "command.py", "agreement.yaml", *told.split()),
            *("--id", "Lead ID", "--activities", "activities.csv", "--lead-id", "lead"),
        ],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "room"), "PYTHONPATH": os.getcwd()},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("reads")
    yield process
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_a_backtest_that_is_told_to_stop_leaves_nothing(running, tmp_path, told):
    children = psutil.Process(running.pid).children(recursive=True)

    running.send_signal(told)
    _, said = running.communicate(timeout=60)

    assert running.returncode == 130
    assert said.splitlines()[-1] == "Stopped; nothing was written."
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    assert list((tmp_path / "room").iterdir()) == []
    assert not (tmp_path / "out.html").exists()


def test_processes_end_with_one_that_is_killed(running):
    children = psutil.Process(running.pid).children(recursive=True)

    running.kill()

    _, alive = psutil.wait_procs(children, timeout=30)
    assert len(children) >= 2
    assert alive == []
