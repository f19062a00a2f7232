"""Which service levels a run kept, and which it would break; said in words."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from math import isinf
from typing import NamedTuple

from services.handoff.clocks import ClockKind
from services.handoff.terms import Level
from services.lab.simulation.measures import ClockCount
from services.lab.simulation.runs import Result
from services.lab.simulation.trial import Trial

_HALF, _NEARLY_ALL = 0.5, 0.95
_ASKS = {ClockKind.ACCEPT: "accepted", ClockKind.FIRST_ATTEMPT: "first tried"}
_NAMES = {ClockKind.ACCEPT: "accept", ClockKind.FIRST_ATTEMPT: "first attempt"}


class Promise(NamedTuple):
    """One service level: what is asked for leads of one tier."""

    tier: str
    kind: ClockKind

    def __str__(self) -> str:
        """Return its name."""
        return f"{self.tier}, {_NAMES[self.kind]}"


def broken(result: Result, target: float) -> list[Promise]:
    """Return the service levels that were kept for too small a share, in order."""
    return [
        Promise(*key)
        for key, count in result.clocks.items()
        if count.decided and count.share_kept < target
    ]


def with_times(trial: Trial, times: Mapping[Promise, timedelta]) -> Trial:
    """Return the same agreement with other times for some service levels."""
    levels: dict[str, Level] = {}
    for tier, level in trial.terms.levels.items():
        levels[tier] = replace(
            level,
            accept=times.get(Promise(tier, ClockKind.ACCEPT), level.accept),
            first_attempt=times.get(
                Promise(tier, ClockKind.FIRST_ATTEMPT), level.first_attempt
            ),
        )
    return replace(trial, terms=replace(trial.terms, levels=levels))


def sentence(promise: Promise, count: ClockCount, target: float) -> str:
    """Say how a service level fares."""
    asks, allowed = _ASKS[promise.kind], length(count.allowed.total_seconds())
    start = f"{promise}: {asks} within {allowed}"
    if not count.decided:
        return f"{start}: no clock ran to an end, so nothing can be said."
    kept = f"{start} for {percent(count.share_kept)} of {count.decided:,}"
    if count.share_kept >= target:
        return f"{kept}; it holds."
    missing = count.breached - int((1 - target) * count.decided)
    within = length(count.within(_NEARLY_ALL))
    often = f"95 of 100 took {within}" if within else "more than 5 of 100 were never done"
    half = length(count.within(_HALF))
    return (
        f"{kept}, {percent(target)} wanted: {missing:,} too many ran out. "
        f"Half of them took {half or 'longer'}, {often}."
    )


def length(seconds: float) -> str:
    """Return a length of business time for people; empty when it has no end."""
    if isinf(seconds):
        return ""
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"


def percent(share: float) -> str:
    """Return a share for people; what falls short of all is never shown as all."""
    shown = f"{share * 100:.1f}".removesuffix(".0")
    return "99.9 %" if shown == "100" and share < 1 else f"{shown} %"
