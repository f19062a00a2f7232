"""The metrics that only handoff has."""

from prometheus_client import Counter, Gauge

STATES = Counter(
    "leadloop_handoffs_total",
    "Handoffs that came into a state, by tier; a reassigned one comes into assigned again.",
    ["state", "tier"],
)
CLOCKS = Counter(
    "leadloop_handoff_clocks_total",
    "What became of clocks: warned, breached, met, met_late.",
    ["clock", "outcome", "tier"],
)
ESCALATED = Counter(
    "leadloop_handoffs_escalated_total", "Handoffs that need a manager.", ["tier"]
)
WAITING = Gauge("leadloop_handoffs_waiting", "Handoffs that wait for a person.", ["queue"])
WAITING_OLDEST = Gauge(
    "leadloop_handoffs_waiting_oldest_seconds",
    "Age of the oldest handoff that waits for a person.",
    ["queue"],
)
