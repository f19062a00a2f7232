"""The process that a study runs in: started, heard, stopped."""

import asyncio
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from services.scoring.studies.news import Failed, News, Order, line_of_order, news_of

# A pass of the loop waits for news so long.
NEWS_WITHIN_SECONDS: Final = 1.0
# Far more than a report with its page takes; a process that writes more is broken.
LINE_BYTES_MAX: Final = 16 << 20
# Those who read a result have it; it only has to end.
ENDS_WITHIN_SECONDS: Final = 5.0
# Where this code lies, so that the process runs the same, wherever the service was started.
_CODE: Final = Path(__file__).parents[3]
# Libraries would take every core for their own threads.
_ONE_CORE: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Child:
    """One process at work on one study."""

    def __init__(self, process: Process) -> None:
        """Listen to a process, see `start`."""
        self._process = process

    @property
    def pid(self) -> int:
        """Return the number that the system knows it by."""
        return self._process.pid

    async def news(self) -> News | None:
        """Return the next news; None when there are none for a second."""
        lines = self._process.stdout
        if lines is None:
            raise ValueError("expected a process that is listened to")
        try:
            async with asyncio.timeout(NEWS_WITHIN_SECONDS):
                line = await lines.readline()
        except TimeoutError:
            return None
        except ValueError:
            return Failed(f"It told more than {LINE_BYTES_MAX:,} bytes at once.")
        if not line:
            return await self._ended()
        try:
            return news_of(line)
        except (ValueError, TypeError, KeyError):
            return Failed("It told what nobody understands.")

    async def stop(self) -> None:
        """End it, whatever it does."""
        if self._process.returncode is None:
            # It may end by itself meanwhile.
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def _ended(self) -> Failed:
        """Tell how a process ended that has told no result."""
        try:
            async with asyncio.timeout(ENDS_WITHIN_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            return Failed("Its process said nothing more.")
        if code < 0:
            # The system ends it rather than the service when the memory is full.
            return Failed(f"Its process was killed (signal {-code}); perhaps memory was short.")
        return Failed(f"Its process ended with code {code} and told no result.")


async def start(program: Sequence[str], order: Order) -> Child:
    """Start a process and give it its order.

    Args:
        program: The program with its arguments.
        order: Goes through a pipe, as other users see arguments and it names a password.
    """
    environment = {**os.environ, **_ONE_CORE, "PYTHONPATH": _path()}
    process = await asyncio.create_subprocess_exec(
        *program, stdin=PIPE, stdout=PIPE, env=environment, limit=LINE_BYTES_MAX
    )
    if process.stdin is not None:
        # Not waited for: it is read as soon as the process has started. The pipe stays open, as
        # the process ends with it: a service that is killed leaves nothing behind.
        process.stdin.write(line_of_order(order))
    return Child(process)


def _path() -> str:
    """Return where the process finds this code, and what the service finds there."""
    given = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(_CODE), given] if given else [str(_CODE)])
