"""The metrics that only scoring has."""

from prometheus_client import Counter, Gauge

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
UNPREDICTED = Counter(
    "leadloop_scoring_unpredicted_total",
    "Leads judged without the predictive model that the agreement names: it was not added.",
)
RESCORED = Counter("leadloop_scoring_rescored_total", "Leads scored again under a new version.")
SHADOW_VERDICTS = Counter(
    "leadloop_scoring_shadow_verdicts_total",
    "Leads judged under a proposal too, by what differs: same (nothing), points, tier.",
    ["outcome"],
)
SHADOWS = Gauge("leadloop_scoring_shadows_running", "Proposed agreements that run as shadows.")
