"""The metrics that only scoring has."""

from prometheus_client import Counter

DECISIONS = Counter(
    "leadloop_scoring_decisions_total",
    "Verdicts that were published: scored, qualified, disqualified.",
    ["decision"],
)
ACTIVITIES = Counter(
    "leadloop_scoring_activities_total",
    "Activities taken: new ones count, repeated ones were in the ledger already.",
    ["outcome"],
)
FAULTS = Counter(
    "leadloop_scoring_faults_total",
    "Conditions of the agreement that could not be judged, by cause; they gave no points.",
    ["cause"],
)
RESCORED = Counter("leadloop_scoring_rescored_total", "Leads scored again under a new version.")
