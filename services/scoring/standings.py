"""Standings as they are kept: compact JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from services.scoring.definition import Activity
from services.scoring.rules import Standing
from services.scoring.tallies import Tally


def encode_standing(standing: Standing) -> bytes:
    """Return a standing as compact JSON."""
    return orjson.dumps(
        {
            "fit": standing.fit,
            "closed": standing.closed,
            "tallies": {name: _row(tally) for name, tally in standing.tallies.items()},
            "newest": standing.newest and tuple(standing.newest),
        }
    )


def decode_standing(body: bytes) -> Standing:
    """Read what `encode_standing` wrote."""
    kept = orjson.loads(body)
    newest = kept["newest"]
    return Standing(
        fit=tuple(kept["fit"]),
        closed=tuple(kept["closed"]),
        tallies={name: _tally(row) for name, row in kept["tallies"].items()},
        newest=newest
        and Activity(newest[0], newest[1], datetime.fromisoformat(newest[2]), newest[3]),
    )


def _row(tally: Tally) -> Sequence[Any]:
    """Return a tally as JSON can hold it; the rest only where there is any."""
    first = (tally.times, tally.activity_id, tally.occurred_at)
    if not tally.days and not tally.closed_before and not tally.faded:
        return first
    # JSON has no number that is large enough, and no keys that are numbers.
    days = [number for day in sorted(tally.days.items()) for number in day]
    return (*first, days, tally.closed_before, tally.closed_count, f"{tally.faded:x}")


def _tally(row: Sequence[Any]) -> Tally:
    """Read what `_row` wrote."""
    times, activity_id, at, *rest = row
    tally = Tally(times, activity_id, datetime.fromisoformat(at))
    if not rest:
        return tally
    days, closed_before, closed_count, faded = rest
    by_day = dict(zip(days[::2], days[1::2], strict=True))
    return tally._replace(
        days=by_day,
        closed_before=closed_before,
        closed_count=closed_count,
        faded=int(faded, 16),
    )
