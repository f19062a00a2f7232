"""Tell what attempts to deliver came to: in metrics and in the log."""

from collections import Counter
from collections.abc import Sequence

import structlog

from leadloop import metrics, tracing
from leadloop.attempts import Result, State
from leadloop.holding import Hold
from leadloop.logs import traces

log = structlog.get_logger()


def tell(service: str, results: Sequence[Result], holds: Sequence[Hold]) -> None:
    """Count, time and log: a line for all that were taken, one for each that was not."""
    for hold in holds:
        log.info("endpoint.held", endpoint_id=hold.endpoint_id, until=hold.until.isoformat())
    for outcome, count in Counter(result.outcome for result in results).items():
        metrics.DELIVERIES.labels(service, outcome).inc(count)
    latency = metrics.CAPTURE_TO_DELIVERY.labels(service)
    taken = [result.delivery for result in results if result.state is State.DELIVERED]
    for result in results:
        delivery = result.delivery
        if result.state is State.DELIVERED:
            if delivery.received_at is not None:
                elapsed = result.finished_at - delivery.received_at
                latency.observe(elapsed.total_seconds())
            continue
        log.warning("delivery.attempted", **_attributes(result))
    if taken:
        trace_ids = traces(delivery.traceparent for delivery in taken)
        log.info("deliveries.settled", delivered=len(taken), **trace_ids)


def _attributes(result: Result) -> dict[str, object]:
    """Return what a log line tells about an attempt."""
    return {
        "delivery_id": result.delivery.id,
        "event_id": result.delivery.event_id,
        "trace_id": tracing.trace_id(result.delivery.traceparent),
        "endpoint_id": result.delivery.endpoint_id,
        "event_type": result.delivery.event_type,
        "attempt": result.delivery.attempt,
        "status": result.status,
        "error": result.error,
        "duration_ms": result.duration_ms,
        "outcome": result.outcome,
    }
