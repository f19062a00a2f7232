"""Work shared among the cores, or done here when there is little of it."""

import gc
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from os import _exit, cpu_count
from threading import Thread, current_thread, main_thread
from types import TracebackType
from typing import Final, Self, TypeVar

from leadloop.errors import Rejected

# Starting a process takes as long as reading about so many bytes.
SMALL_BYTES: Final = 8 << 20
# Tasks that wait for a core; a bound on what results can pile up.
AHEAD: Final = 2

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """Processes that take tasks as they are free; leaving the context stops them."""

    def __init__(self, jobs: int, size: int) -> None:
        """Plan for so many processes; for little work, or for one, none are started.

        Args:
            jobs: Processes; 0 for as many as there are cores.
            size: Bytes to go through.
        """
        self._jobs = jobs or cpu_count() or 1
        self._pool: ProcessPoolExecutor | None = None
        if self._jobs > 1 and size > SMALL_BYTES:
            # Not forked: the progress bar is a thread of this process.
            self._pool = ProcessPoolExecutor(
                self._jobs, mp_context=get_context("spawn"), initializer=_begin
            )

    def each(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """Yield what comes of each task, in the order in which it is done.

        Raises:
            Rejected: A process was killed.
        """
        if self._pool is None:
            yield from map(function, tasks)
            return
        left = iter(tasks)
        running = {self._start(function, task) for task in islice(left, 1)}
        while running:
            ahead = islice(left, self._jobs + AHEAD - len(running))
            running.update(self._pool.submit(function, task) for task in ahead)
            done, running = wait(running, return_when=FIRST_COMPLETED)
            try:
                yield from [future.result() for future in done]
            except BrokenProcessPool as error:
                raise Rejected(
                    "A process was killed, probably because the memory is full: use fewer "
                    "with --jobs 1."
                ) from error

    def _start(self, function: Callable[[T], R], task: T) -> "Future[R]":
        """Give out the first task, which starts the processes deaf to Ctrl-C."""
        pool = self._pool
        if pool is None:
            raise ValueError("expected processes, found none")
        if current_thread() is not main_thread():
            return pool.submit(function, task)
        heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return pool.submit(function, task)
        finally:
            signal.signal(signal.SIGINT, heard)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Stop the processes, what they have begun included."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """Leave Ctrl-C to the parent, and do not look for cycles where none are made."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)


def _end_with_parent() -> None:
    """End when the parent is killed: a worker would wait for its next task for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        _exit(1)
