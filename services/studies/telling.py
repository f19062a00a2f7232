"""News for the service, no faster than it wants to hear of them."""

import os
from time import monotonic
from typing import Final

from services.scoring.study_news import News, Progress, line_of

# Each is kept in the database, so that a thousand a second would be too many.
TELLS_EVERY_SECONDS: Final = 0.5


class Teller:
    """Writes news to a pipe."""

    def __init__(self, output: int) -> None:
        """Write to a file descriptor."""
        self._output = output
        self._told_at = float("-inf")

    def say(self, news: News) -> None:
        """Write one piece of news."""
        line = memoryview(line_of(news))
        while line:
            line = line[os.write(self._output, line) :]

    def show(self, step: str, done: int = 0, total: int = 0) -> None:
        """Say how far it is, unless that was said just now; the end is always said."""
        now = monotonic()
        is_end = 0 < total <= done
        if is_end or now - self._told_at >= TELLS_EVERY_SECONDS:
            self._told_at = now
            self.say(Progress(step, done, total))
