"""The metrics that only intake has."""

from prometheus_client import Counter, Histogram

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
