"""Standings as they are kept: compact JSON."""

from datetime import datetime
from typing import Any

import orjson

from services.scoring.definition import Activity
from services.scoring.rules import Standing
from services.scoring.tallies import Tally

# The fields of a tally that are there whatever the rule's timing; and the rest, as it often is.
_SHORT = 3
_REST = list(Tally(0, "", 0))[_SHORT:]
_EMPTY = tuple(_REST)


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
        {name: _tally(row) for name, row in kept["tallies"].items()},
        newest and Activity(newest[0], newest[1], datetime.fromisoformat(newest[2]), newest[3]),
    )


def _tally(row: list[Any]) -> Tally:
    """Read what `_row` wrote; past the tuple's own constructor, which takes twice as long."""
    whole = row if len(row) > _SHORT else row + _REST
    return tuple.__new__(Tally, whole)


def _row(tally: Tally) -> tuple[object, ...]:
    """Return a tally as JSON can hold it, without the fields that are as they always are."""
    short = tally[:_SHORT]
    return short if tally[_SHORT:] == _EMPTY else tally[:]
