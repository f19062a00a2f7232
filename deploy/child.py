"""A child process that never outlives the process that started it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from leadloop.guard import guarded, release

POLL_SECONDS = 0.02


class Child:
    """One program, its output in a file, guarded so that it leaves no orphan."""

    def __init__(
        self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Name the program; nothing runs before start(). `environment` adds to our own."""
        self.command = list(command)
        self.log = log
        self.environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    @property
    def pid(self) -> int:
        """The process id; ProcessLookupError when it was never started or has ended."""
        if self._process is None or self._process.poll() is not None:
            raise ProcessLookupError(f"{self.command[0]} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the program runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the program in a session of its own, so Ctrl-C reaches only us."""
        if self.is_running:
            return
        self._forget()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_from = output.tell()
            self._process = self._spawn(output)

    def stop(self, timeout_seconds: float = 20) -> None:
        """Ask the program to end; kill it when it has not after `timeout_seconds`."""
        if self._process is not None and self.is_running:
            self._process.terminate()
            try:
                self._process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self._forget()

    def kill(self) -> None:
        """End the program's whole group as a power cut would, with SIGKILL."""
        if self._process is not None and self.is_running:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._forget()

    def wait(self, timeout_seconds: float) -> int:
        """Wait until the program ends by itself; return its exit code.

        Raises:
            DidNotStart: it had not ended after `timeout_seconds`, and was killed.
        """
        if self._process is None:
            raise ProcessLookupError(f"{self.command[0]} was not started")
        try:
            code = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired as error:
            self.kill()
            why = f"{self.command[0]} had not ended after {timeout_seconds} s"
            raise DidNotStart(self, why) from error
        self._forget()
        return code

    def how_it_ended(self) -> str:
        """Say with which exit code or signal the program ended by itself."""
        code = self._process.poll() if self._process is not None else None
        if code is None:
            return "not ended by itself"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def last_lines(self, count: int = 20) -> str:
        """Return the end of what it logged since it was started, for people."""
        return end_of(self.log, self._log_from, count)

    def _spawn(self, output: IO[bytes]) -> "subprocess.Popen[bytes]":
        return guarded(
            self.command,
            is_group=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.environment},
        )

    def _forget(self) -> None:
        if self._process is not None:
            release(self._process)
        self._process = None


class DidNotStart(RuntimeError):
    """A program did not come as far as it should; the message holds the end of its log."""

    def __init__(self, child: Child, why: str) -> None:
        super().__init__(f"{why}\nThe end of {child.log}:\n{child.last_lines()}")


def end_of(log: Path, start: int, count: int = 20) -> str:
    """Return the last lines of a log that begin at byte `start` or later."""
    if not log.exists():
        return "(no log)"
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-count:]) or "(nothing)"


def wait_until_ready(
    child: Child, is_ready: Callable[[], bool], *, timeout_seconds: float
) -> None:
    """Wait until `is_ready()` says so.

    Raises:
        DidNotStart: the child ended first, or the time was over; holds the end of its log.
    """
    deadline = time.monotonic() + timeout_seconds
    while not is_ready():
        if not child.is_running:
            why = f"{child.command[0]} ended before it was ready: {child.how_it_ended()}"
            raise DidNotStart(child, why)
        if time.monotonic() > deadline:
            raise DidNotStart(child, f"{child.command[0]} not ready in {timeout_seconds} s")
        time.sleep(POLL_SECONDS)
