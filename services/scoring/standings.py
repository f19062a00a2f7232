"""What the rules found about a lead, also as it is kept: compact JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from services.scoring.definition import Activity
from services.scoring.tallies import Tally


class Standing(NamedTuple):
    """What the rules found about a lead; its score on any day follows from this alone.

    Attributes:
        fit: Names of the fit rules that hold.
        closed: Names of the gates that are closed.
        tallies: By engagement rule; a rule that never held has none.
        newest: The newest activity; of two at one moment the one with the greater id.
    """

    fit: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    tallies: Mapping[str, Tally] = {}
    newest: Activity | None = None


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
