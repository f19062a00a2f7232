"""What the Kafka client's own loggers may say: little, and nothing that calls for a person."""

import logging
from datetime import timedelta

from leadloop.seldom import Seldom

CLIENT = "aiokafka"
SAID_EVERY = timedelta(seconds=10)


class Chatter(logging.Filter):
    """Lowers the client's lines to warnings, and lets one of a kind through in a while.

    Each of its connections reports every try on a broker that is away, hundreds a second. That
    the broker is away is said by `consumer.waits` and `loop.waits`; these lines say why.
    """

    def __init__(self, seldom: Seldom | None = None) -> None:
        """Let lines through as `seldom` says."""
        super().__init__()
        self._seldom = seldom or Seldom(SAID_EVERY)

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is written; change it when it is the client's."""
        # With a stack trace it is no chatter: the client has met an error of its own.
        if record.name.partition(".")[0] != CLIENT or record.exc_info:
            return True
        left_out = self._seldom.left_out((record.name, record.msg))
        if left_out is None:
            return False
        if record.levelno > logging.WARNING:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        if left_out:
            record.msg = f"{record.getMessage()} (and {left_out} more like it)"
            record.args = ()
        return True
