"""A simulation's result as plain figures, for programs."""

from math import isinf
from typing import Any

from services.lab.simulation.levels import Promise, broken
from services.lab.simulation.measures import ClockCount
from services.lab.simulation.mending import Mending
from services.lab.simulation.runs import Result


def figures_of(result: Result, mending: Mending | None, target: float) -> dict[str, Any]:
    """Return what a run came to; times are business seconds, null where there is no end."""
    return {
        "leads": result.seen,
        "handed_over": result.handed_over,
        "people": result.people,
        "levels": [_level(Promise(*key), one) for key, one in result.clocks.items()],
        "broken": [str(one) for one in broken(result, target)],
        "reassigned": result.happened.get("Reassigned", 0),
        "escalated": result.happened.get("Escalated", 0),
        "waited": len(result.waits) + result.still_waiting,
        "people_needed": mending.people if mending else None,
        "times_that_hold": {
            str(promise): int(time.total_seconds()) for promise, time in mending.times.items()
        }
        if mending and mending.times
        else None,
    }


def _level(promise: Promise, count: ClockCount) -> dict[str, Any]:
    return {
        "tier": promise.tier,
        "clock": promise.kind.value,
        "allowed_seconds": int(count.allowed.total_seconds()),
        "kept": count.kept,
        "warned": count.warned,
        "late": count.late,
        "breached": count.breached,
        "share_kept": round(count.share_kept, 4),
        "p50_seconds": _finite(count.within(0.5)),
        "p95_seconds": _finite(count.within(0.95)),
    }


def _finite(seconds: float) -> int | None:
    return None if isinf(seconds) else int(seconds)
