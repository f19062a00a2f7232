"""News for the service, no faster than it wants to hear of them."""

import os
from threading import Event, Lock, Thread
from typing import Final

from services.scoring.studies.news import News, Outcome, Progress, line_of

# Each is kept in the database, so that a thousand a second would be too many.
TELLS_EVERY_SECONDS: Final = 0.5


class Teller:
    """Writes news to a pipe: how far it is now and then, how it ended at last."""

    def __init__(self, output: int) -> None:
        """Write to a file descriptor, beside what else goes on."""
        self._output = output
        self._newest: Progress | None = None
        self._writing = Lock()
        self._ended = Event()
        Thread(target=self._tell_on, daemon=True).start()

    def show(self, step: str, done: int = 0, total: int = 0) -> None:
        """Say how far it is; what was said just before may never be told."""
        self._newest = Progress(step, done, total)

    def end(self, outcome: Outcome) -> None:
        """Say how it ended."""
        self._ended.set()
        self._tell_newest()
        self._write(outcome)

    def _tell_on(self) -> None:
        while not self._ended.wait(TELLS_EVERY_SECONDS):
            self._tell_newest()

    def _tell_newest(self) -> None:
        with self._writing:
            newest, self._newest = self._newest, None
            if newest is not None:
                self._write(newest)

    def _write(self, news: News) -> None:
        line = memoryview(line_of(news))
        while line:
            line = line[os.write(self._output, line) :]
