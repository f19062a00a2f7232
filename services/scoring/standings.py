"""Standings as they are kept: compact JSON."""

from datetime import datetime

import orjson

from services.scoring.definition import Activity
from services.scoring.rules import Standing
from services.scoring.tallies import Tally


def encode_standing(standing: Standing) -> bytes:
    """Return a standing as compact JSON."""
    kept = {
        "fit": standing.fit,
        "closed": standing.closed,
        "tallies": {name: _row(tally) for name, tally in standing.tallies.items()},
        "newest": standing.newest and tuple(standing.newest),
    }
    return orjson.dumps(kept)


def decode_standing(body: bytes) -> Standing:
    """Read what `encode_standing` wrote."""
    kept = orjson.loads(body)
    newest = kept["newest"]
    return Standing(
        tuple(kept["fit"]),
        tuple(kept["closed"]),
        {name: Tally(*row) for name, row in kept["tallies"].items()},
        newest and Activity(newest[0], newest[1], datetime.fromisoformat(newest[2]), newest[3]),
    )


def _row(tally: Tally) -> tuple[object, ...]:
    """Return a tally as JSON can hold it, without the fields that are as they always are."""
    return tally[:] if tally.days or tally.faded or tally.closed_before else tally[:3]
