"""Every metric of the kit, with the ages and sizes read from the database at a scrape."""

import asyncio

import asyncpg
import structlog
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import text

from leadloop.database import Database, Work

log = structlog.get_logger()

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A scrape that takes longer is worth less than the metrics that need no database.
REFRESH_TIMEOUT_SECONDS = 2.0
# Counting stops here: an outbox this long is an alarm already, a longer count only costs.
ROWS_MAX = 100_000

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
    "leadloop_deliveries_due_oldest_seconds", "Age of the oldest delivery due.", ["service"]
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
    "When a loop or consumer last finished a pass, in Unix seconds.",
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
        SELECT min(oldest.due_at) FROM endpoints
        CROSS JOIN LATERAL (SELECT due_at FROM deliveries
            WHERE endpoint_id = endpoints.id AND state = 'pending' AND due_at <= :now
            ORDER BY due_at LIMIT 1) AS oldest
        WHERE endpoints.state = 'active'
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
}
_PRESENT = text("""
SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regclass(name) IS NOT NULL
""")


async def refresh(database: Database, *, service: str) -> bool:
    """Read the gauges that live in the database; return whether it answered in time."""
    try:
        async with asyncio.timeout(REFRESH_TIMEOUT_SECONDS), database.transaction() as work:
            await _read_gauges(work, service)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        log.warning("metrics.not_refreshed", reason=type(error).__name__)
        return False
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
        rows = await work.connection.scalar(statement, {"most": ROWS_MAX})
        gauge.labels(service).set(rows or 0)
