"""Every metric of the kit, with the ages and sizes read from the database at a scrape."""

import asyncio
import platform
from collections.abc import Collection
from functools import lru_cache
from importlib.metadata import version

import asyncpg
import structlog
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import TextClause, text

from leadloop.database import Database, Work

log = structlog.get_logger()

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A scrape that takes longer is worth less than the metrics that need no database.
REFRESH_TIMEOUT_SECONDS = 2.0
# Counting stops here: an outbox this long is an alarm already, a longer count only costs.
ROWS_MAX = 100_000
# What reads a service's topics, among its loops.
CONSUMER = "consumer"
# Who has a loop of this name delivers webhooks.
_DELIVERIES = "deliveries"
_DELIVERY_OUTCOMES = ("delivered", "retried", "failed")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_KINDS_MAX = 1_000

BUILD = Gauge(
    "leadloop_build_info", "Always 1; its labels say what runs.", ["version", "python"]
)
DATABASE_UP = Gauge(
    "leadloop_database_up",
    "Whether the database answered this scrape: 1 or 0. What is read from it is absent at 0.",
    ["service"],
)
OUTBOX_OLDEST = Gauge(
    "leadloop_outbox_oldest_seconds", "Age of the oldest promise not handed on.", ["service"]
)
OUTBOX_ROWS = Gauge(
    "leadloop_outbox_rows", "Promised events not handed on, at most 100,000.", ["service"]
)
TIMERS_OVERDUE_OLDEST = Gauge(
    "leadloop_timers_overdue_oldest_seconds", "Age of the oldest overdue timer.", ["service"]
)
PARKED = Counter(
    "leadloop_parked_total", "Events set aside: they can't be handled.", ["service", "topic"]
)
PARKED_ROWS = Gauge("leadloop_parked_rows", "Events that wait set aside.", ["service"])
DELIVERIES = Counter(
    "leadloop_deliveries_total",
    "Attempts to deliver a webhook, by outcome: delivered, retried, failed.",
    ["service", "outcome"],
)
DELIVERIES_DUE_OLDEST = Gauge(
    "leadloop_deliveries_due_oldest_seconds",
    "Age of the oldest delivery due; to an endpoint that is held back none is.",
    ["service"],
)
ENDPOINTS_HELD = Gauge(
    "leadloop_endpoints_held",
    "Active endpoints whose receivers asked by Retry-After to be left alone for now.",
    ["service"],
)
CAPTURE_TO_DELIVERY = Histogram(
    "leadloop_capture_to_delivery_seconds",
    "Time from the capture of a lead to the receiver's 2xx.",
    ["service"],
    buckets=(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
EVENTS_HANDLED = Counter(
    "leadloop_events_handled_total", "Events handled, each once.", ["service", "type"]
)
EVENTS_PUBLISHED = Counter(
    "leadloop_events_published_total", "Events handed on by the relay.", ["service", "topic"]
)
CONSUMER_LAG = Gauge(
    "leadloop_consumer_lag_records", "Records of a topic not handled yet.", ["service", "topic"]
)
HTTP_REQUESTS = Counter(
    "leadloop_http_requests_total",
    "Requests answered, by route template.",
    ["service", "route", "method", "status"],
)
HTTP_REQUEST_SECONDS = Histogram(
    "leadloop_http_request_seconds",
    "Time to answer a request.",
    ["service", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
LOOP_FAILURES = Counter(
    "leadloop_loop_failures_total", "Passes of a loop that failed.", ["service", "loop"]
)
LOOP_MOVED = Gauge(
    "leadloop_loop_moved_timestamp_seconds",
    "When a loop or consumer last finished a pass, or else began, in Unix seconds.",
    ["service", "loop"],
)

# Each statement reads the first rows of an index. A service reads the tables that it has.
_OLDEST = {
    "outbox": (
        OUTBOX_OLDEST,
        text("SELECT time FROM outbox WHERE time <= :now ORDER BY id LIMIT 1"),
    ),
    "timers": (
        TIMERS_OVERDUE_OLDEST,
        text("SELECT min(due_at) FROM timers WHERE due_at <= :now"),
    ),
    "deliveries": (
        DELIVERIES_DUE_OLDEST,
        text("""
        SELECT min(greatest(oldest.due_at, endpoints.held_until)) FROM endpoints
        CROSS JOIN LATERAL (SELECT due_at FROM deliveries
            WHERE endpoint_id = endpoints.id AND state = 'pending' AND due_at <= :now
            ORDER BY due_at LIMIT 1) AS oldest
        WHERE endpoints.state = 'active'
            AND (endpoints.held_until IS NULL OR endpoints.held_until <= :now)
        """),
    ),
}
_ROWS = {
    "outbox": (
        OUTBOX_ROWS,
        text("SELECT count(*) FROM (SELECT FROM outbox LIMIT :most) AS counted"),
    ),
    "parked": (
        PARKED_ROWS,
        text("SELECT count(*) FROM (SELECT FROM parked LIMIT :most) AS counted"),
    ),
    "endpoints": (
        ENDPOINTS_HELD,
        text("SELECT count(*) FROM endpoints WHERE state = 'active' AND held_until > :now"),
    ),
}
# What a service reads besides, of tables of its own: rows by one label.
_OWN: dict[str, tuple[Gauge, TextClause]] = {}
_PRESENT = text("""
SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regclass(name) IS NOT NULL
""")


def begin(
    database: Database,
    *,
    service: str,
    reads: Collection[str],
    writes: Collection[str],
    loops: Collection[str],
) -> None:
    """Show what a service counts before anything happened: from nothing nothing increases.

    Args:
        database: Knows the time.
        service: Its name.
        reads: The topics that it handles.
        writes: The topics that it publishes to.
        loops: The names of its loops.
    """
    BUILD.labels(version("leadloop"), platform.python_version()).set(1)
    for topic in reads:
        PARKED.labels(service, topic)
    for topic in writes:
        EVENTS_PUBLISHED.labels(service, topic)
    now = database.clock.now().timestamp()
    for loop in loops:
        LOOP_FAILURES.labels(service, loop)
        LOOP_MOVED.labels(service, loop).set(now)
    if reads:
        LOOP_MOVED.labels(service, CONSUMER).set(now)
    if _DELIVERIES in loops:
        CAPTURE_TO_DELIVERY.labels(service)
        for outcome in _DELIVERY_OUTCOMES:
            DELIVERIES.labels(service, outcome)


def note_answer(service: str, route: str, method: str, status: int, seconds: float) -> None:
    """Count and time a request; without a status its sender did not wait for the answer."""
    counted, timed = _of_requests(service, route, method_of(method), status or 499)
    counted.inc()
    timed.observe(seconds)


def method_of(method: str) -> str:
    """Return a method as a label, which takes no word of a stranger."""
    return method if method in _METHODS else "other"


@lru_cache(_REQUEST_KINDS_MAX)
def _of_requests(
    service: str, route: str, method: str, status: int
) -> tuple[Counter, Histogram]:
    """Return where requests of one kind are counted; finding it costs more than counting."""
    counted = HTTP_REQUESTS.labels(service, route, method, status)
    return counted, HTTP_REQUEST_SECONDS.labels(service, route)


def read_also(service: str, gauge: Gauge, statement: TextClause) -> None:
    """Have a gauge with one label read at every scrape of a service.

    Args:
        service: Whose database is read.
        gauge: Shows nothing for a label that is not found.
        statement: Finds a label and its count a row, of at most `:most` rows counted.
    """
    _OWN[service] = (gauge, statement)


async def refresh(database: Database, *, service: str) -> bool:
    """Read the gauges that live in the database; return whether it answered in time.

    When it did not, they are gone: an old value, or 0, would say that all is well.
    """
    try:
        async with asyncio.timeout(REFRESH_TIMEOUT_SECONDS), database.transaction() as work:
            await _read_gauges(work, service)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        log.warning("metrics.not_refreshed", reason=type(error).__name__)
        for gauge, _ in (*_OLDEST.values(), *_ROWS.values()):
            gauge.remove(service)
        if service in _OWN:
            _OWN[service][0].clear()
        DATABASE_UP.labels(service).set(0)
        return False
    DATABASE_UP.labels(service).set(1)
    return True


def exposition() -> bytes:
    """Return all metrics of this process in Prometheus' text format."""
    return generate_latest(REGISTRY)


async def _read_gauges(work: Work, service: str) -> None:
    """Set the ages and counts of the standing tables."""
    names = sorted({*_OLDEST, *_ROWS})
    present = set(await work.connection.scalars(_PRESENT, {"names": names}))
    for table in present & _OLDEST.keys():
        gauge, statement = _OLDEST[table]
        oldest = await work.connection.scalar(statement, {"now": work.now})
        gauge.labels(service).set((work.now - oldest).total_seconds() if oldest else 0)
    for table in present & _ROWS.keys():
        gauge, statement = _ROWS[table]
        values = {"most": ROWS_MAX, "now": work.now}
        rows = await work.connection.scalar(statement, values)
        gauge.labels(service).set(rows or 0)
    if service in _OWN:
        gauge, statement = _OWN[service]
        counted = await work.connection.execute(statement, {"most": ROWS_MAX})
        gauge.clear()
        for label, count in counted:
            gauge.labels(label).set(count)
