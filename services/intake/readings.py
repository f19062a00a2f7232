"""What a scrape reads of intake's own tables."""

from prometheus_client import Gauge
from sqlalchemy import text

CAPTURES_PARKED = Gauge(
    "leadloop_captures_parked",
    "Captures that wait parked, by their source; at most 100,000 in all.",
    ["source"],
)
COUNT_PARKED = text("""
SELECT source, count(*) FROM (
    SELECT source FROM captures WHERE state = 'parked' LIMIT :most) AS counted
GROUP BY source
""")
