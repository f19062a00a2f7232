"""Feedback's own metrics; the kit's are in leadloop/metrics.py."""

from prometheus_client import Counter

OUTCOMES = Counter(
    "leadloop_outcomes_total", "Outcomes promised to marketing, by type of event.", ["type"]
)
RETURNS = Counter(
    "leadloop_returns_total",
    "Leads given back to marketing, by what follows: return or disqualify.",
    ["then"],
)
AGREEMENTS_SIGNED = Counter(
    "leadloop_agreements_signed_total", "Versions that both sides signed."
)
