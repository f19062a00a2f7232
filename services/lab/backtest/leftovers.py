"""What a report tells behind its main figures: gates, waits, and what could not be used."""

from collections.abc import Iterator

from services.lab.backtest.counts import WAITS
from services.lab.backtest.run import Backtest
from services.lab.backtest.worded import quality_row, quality_table
from services.lab.report.sections import Section, Table


def gates(backtest: Backtest) -> Iterator[Section]:
    """Tell whom gates kept back."""
    counts = backtest.found.counts
    if counts.kept_back.all:
        rows = [
            quality_row(str(name), group, counts)
            for name, group in sorted(counts.closed.items(), key=lambda item: -item[1].all)
        ]
        kept = counts.kept_back
        text = f"{kept.all:,} leads were kept back by gates, {kept.won:,} of them were won."
        yield Section("Gates", (text,), (quality_table(rows),))


def waits(backtest: Backtest) -> Iterator[Section]:
    """Tell how long leads took to qualify."""
    counts = backtest.found.counts
    if counts.waits and len(counts.waits) > 1:
        rows = [
            quality_row(name, counts.waits[name], counts)
            for name, _ in WAITS
            if name in counts.waits
        ]
        text = "From when a lead came until it qualified, at most:"
        yield Section("Time to qualification", (text,), (quality_table(rows),))


def unjudged(backtest: Backtest) -> Iterator[Section]:
    """Tell rules that could not be judged."""
    counts = backtest.found.counts
    rows = []
    for (name, cause), number in counts.faults.most_common():
        example = counts.examples[name, cause]
        place = f"line {example.line}" if example.line else example.lead_id
        rows.append((name, cause, f"{number:,}", place))
    if rows:
        text = (
            "What could not be judged counts as not holding: compare a field with a value of "
            "its own kind. Numbers in files that are written as 1.234,56 take --decimal-comma."
        )
        header = ("rule, gate or tier", "why", "leads", "such as")
        yield Section(
            "Could not be judged", (text,), (Table(header, rows, frozenset({0, 1, 3})),)
        )


def aside(backtest: Backtest) -> Iterator[Section]:
    """Tell rows that were left out."""
    aside = backtest.found.aside
    if aside.total:
        counts = [
            (file, kind, f"{number:,}") for (file, kind), number in aside.counts.most_common()
        ]
        first = [(one.file, f"{one.line:,}", one.why) for one in aside.first]
        yield Section(
            "Rows set aside",
            (f"Rows that could not be used: {aside.total:,}. All others were.",),
            (
                Table(("file", "what", "rows"), counts, frozenset({0, 1})),
                Table(("file", "line", "why"), first, frozenset({0, 2})),
            ),
        )
