"""What a backtest found, in the order in which people ask: as sections of text and tables."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from services.lab.backtest import figures, leftovers
from services.lab.backtest.changes import KINDS, SAME, Changes
from services.lab.backtest.counts import Counts, Group
from services.lab.backtest.figures import Bar
from services.lab.backtest.run import Backtest
from services.lab.backtest.worded import (
    dot,
    lift,
    percent,
    plain,
    quality_row,
    quality_table,
    span,
    times,
    without,
)
from services.lab.report import charts
from services.lab.report.charts import Line
from services.lab.report.sections import Report, Row, Section, Table
from services.scoring.definition import Agreement

WEEKS_SHOWN: Final = 26
CAUSES_SHOWN: Final = 15


def report_of(backtest: Backtest) -> Report:
    """Return what a backtest found."""
    proposed = backtest.proposal.agreements[0]
    sections = (
        _at_a_glance(backtest),
        _tiers(backtest, proposed),
        _weeks(backtest, proposed),
        _thresholds(backtest),
        _bands(backtest),
        *_changes(backtest),
        _rules(backtest, proposed),
        *leftovers.gates(backtest),
        *leftovers.waits(backtest),
        *leftovers.unjudged(backtest),
        *leftovers.aside(backtest),
        Section("How the history was read", tuple(backtest.remarks.notes)),
    )
    return Report(
        f"Backtest of the agreement {proposed.name} on {backtest.source}",
        tuple(_summary(backtest)),
        backtest.remarks.warnings,
        tuple(section for section in sections if section.text or section.tables),
    )


def _summary(backtest: Backtest) -> Iterator[str]:
    """Say in a few sentences what came out."""
    counts = backtest.found.counts
    leads, quality = counts.leads, figures.quality_of(counts.qualified, counts.leads)
    when = ""
    if counts.first and counts.last:
        when = f" from {counts.first:%Y-%m-%d} to {counts.last:%Y-%m-%d}"
    base = figures.share_of(leads.won, leads.known)
    yield f"{leads.all:,} leads{when}. Of {leads.known:,} outcomes {percent(base)} were won."
    part = figures.share_of(quality.group.all, leads.all)
    yield f"{quality.group.all:,} of them ({plain(part)}) would have been qualified."
    if quality.lift is not None:
        yield (
            f"Of the qualified {percent(quality.precision)} were won, {times(quality)} the "
            f"share of all leads; they hold {percent(quality.recall)} of all that were won."
        )
    changes = backtest.found.changes
    if changes is not None:
        told = [f"{n:,} {kind}" for kind in KINDS if (n := changes.groups[kind].all)]
        same = changes.groups[SAME].all
        what = ", ".join(told) or "nothing changes"
        yield f"Against the current version: {what}; {same:,} {SAME}."


def _at_a_glance(backtest: Backtest) -> Section:
    found = backtest.found
    columns = [("proposed", found.counts)]
    if found.against is not None:
        columns.append(("current", found.against))
    facts = [_glance(counts, backtest.people) for _, counts in columns]
    rows = [(name, *(fact[name] for fact in facts)) for name in facts[0]]
    text = "Intervals in brackets hold the true value with 95 % confidence (Wilson)."
    return Section("At a glance", (text,), (Table(("", *(name for name, _ in columns)), rows),))


def _glance(counts: Counts, people: int) -> dict[str, str]:
    """Return the figures of one agreement."""
    quality = figures.quality_of(counts.qualified, counts.leads)
    volume = figures.volume_of(counts)
    shown = {
        "qualified leads": f"{quality.group.all:,}",
        "precision: won of qualified": percent(quality.precision),
        "recall: qualified of won": percent(quality.recall),
        "lift over all leads": lift(quality),
    }
    if volume is not None:
        shown["a week, on average"] = f"{volume.mean:,.1f}"
        week = date.fromordinal(volume.most_week)
        shown["in the busiest week"] = f"{volume.most:,} ({week:%Y-%m-%d})"
        if people:
            shown[f"a week for each of {people} in sales"] = f"{volume.mean / people:,.1f}"
            shown["in the busiest week, each"] = f"{volume.most / people:,.1f}"
    return shown


def _tiers(backtest: Backtest, proposed: Agreement) -> Section:
    """Tell how many of each tier there are, and how good they are."""
    counts = backtest.found.counts
    names = [tier.name for tier in proposed.tiers]
    groups = [(name, counts.tiers.get(name, Group())) for name in names]
    rest = without(counts.leads, counts.qualified)
    rows = [quality_row(name, group, counts) for name, group in (*groups, ("no tier", rest))]
    base = figures.share_of(counts.leads.won, counts.leads.known)
    shares = [
        (name, figures.share_of(g.won, g.known)) for name, g in (*groups, ("no tier", rest))
    ]
    chart = charts.dots(
        "Won of each tier",
        [dot(name, share) for name, share in shares],
        base.value,
        "all leads",
    )
    return Section(
        "Tiers", ("By the tier that a lead first met.",), (quality_table(rows),), chart
    )


def _weeks(backtest: Backtest, proposed: Agreement) -> Section:
    """Tell how many leads a week sales would have had."""
    counts = backtest.found.counts
    names = [tier.name for tier in proposed.tiers]
    bars = figures.bars(counts, names)
    if not bars:
        return Section("Volume")
    layers = [Line(name, [bar.tiers[n] for bar in bars]) for n, name in enumerate(names)]
    labels = [f"{date.fromordinal(bar.week):%Y-%m-%d}" for bar in bars]
    each = "week" if bars[0].weeks == 1 else f"{bars[0].weeks} weeks"
    shown = bars[-WEEKS_SHOWN:]
    header = ("from", "came", "qualified", *names)
    header += ("each person",) if backtest.people else ()
    rows = [_bar_row(bar, backtest.people) for bar in shown]
    text = [f"Qualified leads by {each}, beside all that came."]
    if len(shown) < len(bars):
        text.append(f"The table shows the last {len(shown)} of {len(bars)}.")
    chart = charts.stacked(f"Qualified leads by {each}", labels, layers)
    return Section("Volume", text, (Table(header, rows),), chart)


def _bar_row(bar: Bar, people: int) -> Row:
    total = sum(bar.tiers)
    row = [f"{date.fromordinal(bar.week):%Y-%m-%d}", f"{bar.arrivals:,}", f"{total:,}"]
    row += [f"{number:,}" for number in bar.tiers]
    return (*row, f"{total / people / bar.weeks:,.1f}") if people else row


def _thresholds(backtest: Backtest) -> Section:
    """Tell what it would mean to qualify by the total alone."""
    counts = backtest.found.counts
    every = figures.thresholds(counts)
    if not every:
        return Section("Thresholds")
    volume = figures.volume_of(counts)
    weeks = volume.weeks if volume else 0
    header = ["total at least", "leads", "precision", "recall", "lift"]
    rows = []
    for total, quality in figures.some(every):
        row = [f"{total:,}", f"{quality.group.all:,}", percent(quality.precision)]
        row += [percent(quality.recall), lift(quality)]
        rows.append([*row, f"{quality.group.all / weeks:,.1f}"] if weeks else row)
    header += ["a week"] if weeks else []
    places = [float(one.total) for one in every]
    chart = charts.lines(
        "Precision and recall by the least total",
        places,
        [
            Line("precision", [one.quality.precision.value for one in every]),
            Line("recall", [one.quality.recall.value for one in every]),
        ],
    )
    text = ["If every lead qualified whose total ever reached so much, gates open:"]
    return Section("Thresholds", text, (Table(header, rows),), chart)


def _bands(backtest: Backtest) -> Section:
    """Tell whether higher scores mean more won leads."""
    counts = backtest.found.counts
    found = figures.bands(counts)
    if not found:
        return Section("Calibration")
    rows = [
        (
            span(band.low, band.high),
            f"{band.group.all:,}",
            f"{band.group.won:,}",
            percent(band.won),
        )
        for band in found
    ]
    base = figures.share_of(counts.leads.won, counts.leads.known)
    chart = charts.dots(
        "Won by the highest total",
        [dot(span(band.low, band.high), band.won) for band in found],
        base.value,
        "all leads",
    )
    falls = _falls(found)
    text = ["Leads in bands of their highest total, gates open.", *falls]
    return Section(
        "Calibration", text, (Table(("total", "leads", "won", "share"), rows),), chart
    )


def _falls(found: Sequence[figures.Band]) -> list[str]:
    """Tell bands that are surely worse than a lower one."""
    said = []
    for n, band in enumerate(found):
        better = [low for low in found[:n] if low.won.interval.low > band.won.interval.high]
        if band.group.known and better:
            said.append(
                f"Leads with {span(band.low, band.high)} points were won less often than "
                f"those with {span(better[0].low, better[0].high)}: the points mislead there."
            )
    return said[:3]


def _changes(backtest: Backtest) -> Iterator[Section]:
    """Tell what changes against the current version, lead by lead."""
    found = backtest.found
    if found.changes is None:
        return
    leads, groups = found.counts.leads, found.changes.groups
    rows = [
        quality_row(kind, groups[kind], found.counts)
        for kind in (*KINDS, SAME)
        if groups[kind].all
    ]
    header = ("lead", "line", "outcome", "before", "then", "why")
    told = [
        (
            one.lead_id,
            f"{one.line}",
            one.won,
            _stood(one.tier_before, one.at_before),
            _stood(one.tier, one.at),
            one.why,
        )
        for one in found.changes.each()
    ]
    tables = [quality_table(rows)]
    if told:
        tables.append(_causes(found.changes, found.counts))
        tables.append(Table(header, told, frozenset({0, 2, 3, 4, 5})))
    text = [
        f"Of {leads.all:,} leads; what made most of the difference; and the leads whose total "
        "differs most."
    ]
    yield Section("What changes against the current version", text, tables)


def _causes(changes: Changes, counts: Counts) -> Table:
    """Tell what changes most leads."""
    causes = sorted(changes.causes.items(), key=lambda item: (-item[1].all, str(item[0])))
    rows = [quality_row(str(cause), group, counts) for cause, group in causes[:CAUSES_SHOWN]]
    return quality_table(rows)


def _stood(tier: str, at: str) -> str:
    return f"{tier}, {at[:10]}" if tier else "not qualified"


def _rules(backtest: Backtest, proposed: Agreement) -> Section:
    """Tell how often each rule held, and on which leads."""
    counts = backtest.found.counts
    header = (
        "rule",
        "points",
        "leads",
        "of all",
        "won, rule holds",
        "won, it does not",
        "lift",
    )
    rows = []
    names = [rule.name for rule in proposed.rules]
    for name, quality, rest in figures.rule_shares(counts, names):
        held = figures.share_of(quality.group.all, counts.leads.all)
        row = [name, f"{proposed.rule(name).points:+}", f"{quality.group.all:,}", plain(held)]
        rows.append([*row, percent(quality.precision), percent(rest), lift(quality)])
    never = [name for name in names if not counts.rules.get(name, Group()).all]
    text = [f"Never held: {', '.join(never)}."] if never else []
    return Section(
        "Rules",
        ("How often each held, by the end of a lead's history.", *text),
        (Table(header, rows),),
    )
