"""What a simulation tells people: plain words first, then the tables behind them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from services.lab.report import charts
from services.lab.report.charts import Bar, Part
from services.lab.report.sections import Report, Section, Table
from services.lab.simulation.levels import Promise, broken, length, percent, sentence
from services.lab.simulation.measures import ClockCount
from services.lab.simulation.mending import Mending
from services.lab.simulation.runs import Load, Result
from services.lab.simulation.team import Market, Pace, Team
from services.lab.simulation.trial import Trial

QUARTER_WEEKS = 13
PEOPLE_SHOWN = 20

CLOCKS: Final = "Clocks, in business time: late is breached and then done"
FLOW: Final = "What becomes of leads"
LOAD: Final = "Load of each person"
ASSUMED: Final = "Assumed"
_BECAME: Final = (Part("kept", 2), Part("late", 1), Part("never", 4))


@dataclass(frozen=True)
class Told:
    """A run with what it was asked for."""

    trial: Trial
    result: Result
    team: Team
    target: float
    seed: int
    coming: str


def report_of(
    told: Told, mending: Mending | None, against: Result | None, against_name: str = ""
) -> Report:
    """Write down what a run came to, and what would mend it.

    Args:
        told: The run.
        mending: What was found to help; None when nothing was looked for.
        against: The run of another agreement with the same leads and chances.
        against_name: What that agreement is called.
    """
    result, target = told.result, told.target
    fails = broken(result, target)
    words = [sentence(Promise(*key), one, target) for key, one in result.clocks.items()]
    words += _queue_words(result)
    words += list(mending_words(mending, result)) if fails and mending else []
    sections = [_clocks(result), _flow(told), _load(result), _assumed(told)]
    if against is not None:
        sections.insert(0, _comparison(result, against, against_name))
    return Report(
        title=f"Agreement {told.trial.agreement.name}, simulated",
        summary=(_answer(result, fails, target), *words),
        warnings=(),
        sections=sections,
    )


def _bar(promise: Promise, count: ClockCount) -> Bar:
    total = count.decided
    shares = (count.kept / total, count.late / total, count.missed / total)
    return Bar(str(promise), shares, f"{count.kept / total * 100:.0f} %")


def mending_words(mending: Mending, result: Result) -> Iterable[str]:
    """Say what would mend what breaks."""
    tried = f"tried on {mending.leads:,} leads"
    if mending.people is None:
        left = "; ".join(str(one) for one in mending.left)
        yield (
            f"More people alone would not do: even with {mending.people_max:,} instead of "
            f"{result.people:,} it breaks at: {left} ({tried}). What fails there is how soon a "
            "lead is looked at, or how many are forgotten."
        )
    elif mending.people > result.people:
        more = mending.people - result.people
        who = "person" if more == 1 else "people"
        yield (
            f"With {more:,} more {who} who work alike ({mending.people:,} instead of "
            f"{result.people:,}) every service level would be kept ({tried})."
        )
    if mending.times is None:
        yield f"No time up to 80 h of business time would be kept by these people ({tried})."
    elif mending.times:
        changes = ", ".join(
            f"{promise}: {length(time.total_seconds())}"
            for promise, time in mending.times.items()
        )
        yield f"With the same people these times could be kept: {changes} ({tried})."


def _answer(result: Result, fails: Sequence[Promise], target: float) -> str:
    if not result.handed_over:
        return "No lead came to sales, so nothing can be said about the service levels."
    if not fails:
        return f"Every service level holds: each is kept for {percent(target)} or more."
    names = "; ".join(str(one) for one in fails)
    levels = sum(1 for one in result.clocks.values() if one.decided)
    return f"{len(fails)} of {levels} service levels would break: {names}."


def _queue_words(result: Result) -> list[str]:
    waited = len(result.waits) + result.still_waiting
    if not waited:
        return []
    half, most = length(result.wait_within(0.5)), length(result.wait_within(0.95))
    left = f" {result.still_waiting:,} still wait in the end." if result.still_waiting else ""
    return [
        f"{waited:,} leads waited in the queue as nobody was there, half of them for "
        f"{half or 'ever'} of business time, 95 of 100 for {most or 'ever'} at most; "
        f"at the worst time {result.waiting_max:,} waited. No clock runs while they wait.{left}"
    ]


def _clocks(result: Result) -> Section:
    rows = []
    for (tier, kind), one in result.clocks.items():
        rows.append(
            (
                str(Promise(tier, kind)),
                length(one.allowed.total_seconds()),
                f"{one.decided:,}",
                f"{one.kept:,}",
                f"{one.warned:,}",
                f"{one.late:,}",
                f"{one.breached:,}",
                percent(one.share_kept) if one.decided else "",
                length(one.within(0.5)) or "never",
                length(one.within(0.95)) or "never",
            )
        )
    header = (
        *("service level", "time", "clocks", "kept", "warned", "late", "breached"),
        *("share", "half took", "95 % took"),
    )
    bars = [_bar(Promise(*key), one) for key, one in result.clocks.items() if one.decided]
    chart = charts.shares("Clocks kept, done late and never done", bars, _BECAME)
    return Section(CLOCKS, (), (Table(header, rows),), chart if bars else "")


def _flow(told: Told) -> Section:
    result, happened = told.result, told.result.happened
    needed = needed_per_quarter(told.trial, told.team.market)
    coming = result.happened.get("first", 0) / result.weeks * QUARTER_WEEKS
    counts = [
        ("leads seen", result.seen),
        ("handed over", result.handed_over),
        *((f"  of tier {tier}", result.leads.get(tier, 0)) for tier in told.trial.tiers),
        ("  of them again", happened.get("again", 0)),
        ("accepted", happened.get("Accepted", 0)),
        ("refused", happened.get("Refused", 0)),
        ("reassigned", happened.get("Reassigned", 0)),
        ("escalated to a manager", happened.get("Escalated", 0)),
        ("returned to marketing", happened.get("Recycled", 0)),
        ("deals", happened.get("Converted", 0)),
    ]
    rows = [(name, f"{count:,}", f"{count / result.weeks:,.1f}") for name, count in counts]
    if needed is not None:
        per_week = needed / QUARTER_WEEKS
        rows.append(("needed for the goals, a quarter", f"{needed:,}", f"{per_week:,.1f}"))
        rows.append(("coming, a quarter", f"{coming:,.0f}", f"{coming / QUARTER_WEEKS:,.1f}"))
    return Section(FLOW, (), (Table(("", "in all", "a week"), rows),))


def needed_per_quarter(trial: Trial, market: Market) -> int | None:
    """Return how many qualified leads the shared goals need; None without goals."""
    goals = trial.agreement.goals
    share = market.accepted * market.converted * market.won
    if goals is None or not share:
        return None
    return ceil(round(goals.customers / share, 6))


def _load(result: Result) -> Section:
    loads = sorted(result.loads, key=lambda one: -one.share)
    rows = [_load_row(one) for one in loads[:PEOPLE_SHOWN]]
    if len(loads) > PEOPLE_SHOWN:
        rest = loads[PEOPLE_SHOWN:]
        rows.append(_load_row(_mean(rest, f"{len(rest):,} more, on average")))
    header = ("who", "leads a week", "hours a week", "busiest week", "of their hours")
    return Section(LOAD, (), (Table(header, rows),))


def _mean(loads: Sequence[Load], name: str) -> Load:
    count = len(loads)
    return Load(
        name,
        sum(one.leads for one in loads) / count,
        sum(one.hours for one in loads) / count,
        max(one.hours_max for one in loads),
        sum(one.share for one in loads) / count,
    )


def _load_row(one: Load) -> tuple[str, ...]:
    return (
        one.name,
        f"{one.leads:,.1f}",
        f"{one.hours:,.1f}",
        f"{one.hours_max:,.1f}",
        percent(one.share),
    )


def _comparison(result: Result, against: Result, name: str) -> Section:
    rows = []
    for key in dict.fromkeys([*result.clocks, *against.clocks]):
        before, after = against.clocks.get(key), result.clocks.get(key)
        change = ""
        if before and after and before.decided and after.decided:
            change = f"{(after.share_kept - before.share_kept) * 100:+.1f}"
        rows.append((str(Promise(*key)), *_short(before), *_short(after), change))
    totals = (
        ("handed over", against.handed_over, result.handed_over),
        ("reassigned", _of(against, "Reassigned"), _of(result, "Reassigned")),
        ("escalated", _of(against, "Escalated"), _of(result, "Escalated")),
        ("waited in the queue", len(against.waits), len(result.waits)),
    )
    rows += [(what, f"{a:,}", "", f"{b:,}", "", f"{b - a:+,}") for what, a, b in totals]
    table = Table(("", name, "kept", "proposed", "kept", "change"), rows)
    return Section(f"Against {name}: the same leads, the same chances", (), (table,))


def _short(count: ClockCount | None) -> tuple[str, str]:
    if count is None:
        return "", ""
    return length(count.allowed.total_seconds()), percent(count.share_kept)


def _of(result: Result, what: str) -> int:
    return result.happened.get(what, 0)


def _assumed(told: Told) -> Section:
    return Section(ASSUMED, tuple(_assumptions(told)))


def _assumptions(told: Told) -> Iterable[str]:
    market, paces = told.team.market, {one.pace for one in told.team.workers}
    yield told.coming
    yield (
        f"People: {told.result.people:,}. {_pace_words(paces.pop())}"
        if len(paces) == 1
        else (f"People: {told.result.people:,}, who work as their file says.")
    )
    yield (
        f"Of leads looked at {percent(market.accepted)} are "
        f"accepted; {percent(market.reached)} of attempts reach somebody; "
        f"{percent(market.converted)} of those reached become deals, "
        f"{percent(market.won)} of deals are won."
    )
    yield (
        f"A service level holds when {percent(told.target)} of its clocks are kept. "
        f"All that is left to chance follows from seed {told.seed}."
    )


def _pace_words(pace: Pace) -> str:
    """Say how people work who all work alike."""
    half, nine = (length(one.total_seconds()) for one in (pace.half_within, pace.nine_within))
    most = f", {pace.leads_at_once} leads at once at most" if pace.leads_at_once else ""
    forgotten = f", and {percent(pace.forgets)} of leads are forgotten" if pace.forgets else ""
    return (
        f"Each sees half of new leads within {half} of working time and nine of ten within "
        f"{nine}, if nothing else is to do{forgotten}; a lead takes "
        f"{pace.minutes_per_lead} min, each further attempt {pace.minutes_per_attempt} min"
        f"{most}."
    )
