"""The metrics that only intake has, and the kit's where its door is not the kit's."""

from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import text

from leadloop import metrics

_SERVICE = "intake"
# What a sender wrote in its place is no label.
_ROUTE = "/hooks/{source}"
_OUTCOMES = ("recorded", "repeated", "unmatched", "parked", "ignored")
# What an alert or the board asks for; others show when they come.
_REFUSALS = (401, 500, 503)

CAPTURES = Counter(
    "leadloop_captures_total",
    "Messages of senders, by what became of them: recorded, repeated, unmatched, parked, "
    "ignored.",
    ["source", "outcome"],
)
REFUSED = Counter(
    "leadloop_captures_refused_total",
    "Requests of senders that were not taken, by HTTP status.",
    ["source", "status"],
)
BATCH_MESSAGES = Histogram(
    "leadloop_intake_batch_messages",
    "Messages that were committed together.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
COMMIT_SECONDS = Histogram(
    "leadloop_intake_commit_seconds",
    "Time of one transaction with all its requests.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
CAPTURES_PARKED = Gauge(
    "leadloop_captures_parked",
    "Captures that wait parked, by their source; at most 100,000 in all.",
    ["source"],
)
# Read at a scrape.
COUNT_PARKED = text("""
SELECT source, count(*) FROM (
    SELECT source FROM captures WHERE state = 'parked' LIMIT :most) AS counted
GROUP BY source
""")


def begin(statuses: Mapping[str, int]) -> None:
    """Show what is counted at the hooks before anything came.

    Args:
        statuses: Of each source, the status that it gets for what is taken.
    """
    for source in statuses:
        for outcome in _OUTCOMES:
            CAPTURES.labels(source, outcome)
    for status in {*statuses.values(), *_REFUSALS}:
        metrics.HTTP_REQUESTS.labels(_SERVICE, _ROUTE, "POST", status)


def note_hook(method: str, status: int, seconds: float) -> None:
    """Count and time a request at a hook, beside those of all other routes."""
    metrics.note_answer(_SERVICE, _ROUTE, method, status, seconds)
