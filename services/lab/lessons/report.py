"""What was learned, in the order in which people ask: as sections of text and tables."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import numpy as np

from services.lab.learning.drift import Drift, Moved
from services.lab.learning.enough import TooLittle
from services.lab.learning.intervals import Interval, Rate, wilson
from services.lab.learning.lift import Earns, Lift
from services.lab.learning.points import Change
from services.lab.learning.suggest import NothingFound, Suggestion
from services.lab.lessons.lessons import Foreseen, Lessons, Measured
from services.lab.report import charts
from services.lab.report.charts import Dot
from services.lab.report.sections import Report, Row, Section, Table

# Fewer won or lost leads for each rule weighed: points lean on shrinking more than on evidence.
OUTCOMES_PER_RULE_MIN: Final = 10.0
RIPE_SHARE: Final = 0.9
FEATURES_SHOWN: Final = 15
REASONS_SHOWN: Final = 3

RULES: Final = "Rules alone"
SUGGESTED: Final = "Suggested points"
PROPOSED: Final = "Rules that could be added"
THRESHOLDS: Final = "Thresholds"
MEASURES: Final = "How good the scores are"
DRIFT: Final = "Drift"
# What a terminal shows; files hold all of it.
SHOWN: Final = (RULES, SUGGESTED, PROPOSED, THRESHOLDS, MEASURES, DRIFT)


def report_of(lessons: Lessons) -> Report:
    """Return all that was learned."""
    sections = (
        _rules(lessons),
        *_suggested(lessons),
        *_proposed(lessons),
        *_thresholds(lessons),
        _measures(lessons),
        *_calibration(lessons),
        *_foreseen(lessons),
        drift_section(lessons.drifts),
        *_aside(lessons),
        Section("How the history was read", _notes(lessons)),
    )
    name, source = lessons.agreement.name, lessons.gathered.source
    return Report(
        f"What outcomes teach about the agreement {name}, from {source}",
        tuple(_summary(lessons)),
        (*lessons.gathered.remarks.warnings, *_warnings(lessons)),
        tuple(section for section in sections if section.text or section.tables),
    )


def _summary(lessons: Lessons) -> Iterator[str]:
    parts, group = lessons.parts, lessons.gathered.group
    won = int(parts.whole.won.sum())
    rate = f"{won / len(parts.whole):.1%}" if len(parts.whole) else "none"
    yield f"{len(parts.whole):,} leads with an outcome, {won:,} won ({rate})."
    if group.all > group.known:
        yield f"{group.all - group.known:,} more have no outcome yet and are left out."
    if parts.moment is not None:
        yield (
            f"Learned from {len(parts.earlier):,} leads before {_day(parts.moment)}; measured "
            f"on {len(parts.later):,} later ones."
        )
    suggestion = lessons.suggestion
    if not isinstance(suggestion, Suggestion):
        yield str(suggestion)
        return
    changed = sum(rule.points != rule.before for rule in suggestion.rules)
    added = len(lessons.draft.added) if lessons.draft else 0
    rules = len(suggestion.rules)
    yield f"Suggested: other points for {changed} of {rules} rules, {added} new ones."
    yield from (_verdict(one) for one in lessons.measured[1:])


def _verdict(one: Measured) -> str:
    """Say whether a score is better than the points as they are."""
    gain = one.gain
    if gain is None:
        return ""
    low, high = gain.interval
    told = (
        f"{one.name}: AUC {one.measures.auc:.3f}, {gain.auc:+.3f} ({low:+.3f} to {high:+.3f})"
    )
    if not gain.is_real:
        return f"{told}: no clear difference from the points as they are."
    better = "better" if gain.auc > 0 else "worse"
    return f"{told}: orders later leads {better} than the points as they are."


def _warnings(lessons: Lessons) -> Iterator[str]:
    suggestion = lessons.suggestion
    if isinstance(suggestion, Suggestion):
        if suggestion.outcomes_per_rule < OUTCOMES_PER_RULE_MIN:
            yield (
                f"There are {suggestion.outcomes_per_rule:.0f} outcomes of the rarer kind for "
                "each rule weighed: below 10, points lean on caution more than on evidence."
            )
        turned = [rule.rule for rule in suggestion.rules if rule.change is Change.TURNED]
        if turned:
            told = ", ".join(turned)
            yield f"Works the other way round than signed; look before signing: {told}."
    if lessons.draft is not None:
        yield from (f"In the suggested text, {found}" for found in lessons.draft.findings)
    worse = [one for one in lessons.measured if one.gain and one.gain.auc < 0]
    for one in worse:
        yield f"The {one.name} orders the later leads worse; keep the points as they are."
    yield from _unripe(lessons)
    moved = [drift for _, found in lessons.drifts for drift in found if drift.is_alarm]
    if moved:
        yield f"{len(moved)} rates moved: see {DRIFT}."


def _unripe(lessons: Lessons) -> Iterator[str]:
    """Tell leads that have had less time to be won than most that were."""
    days, at = lessons.gathered.days_to_win, lessons.parts.whole.at
    if len(days) < 30 or not len(at):
        return
    usual = int(np.quantile(days, RIPE_SHARE))
    young = int((at > at.max() - np.timedelta64(timedelta(days=usual))).sum())
    if young and usual:
        yield (
            f"{young:,} leads came in the last {usual} days of the history, and that long "
            f"{RIPE_SHARE:.0%} of the won ones took: some that count as lost may still be won."
        )


def _rules(lessons: Lessons) -> Section:
    header = (
        "rule",
        "points",
        "leads",
        "won with it",
        "won without",
        "lift",
        "says",
        "refused",
    )
    rows = [_rule(one) for one in lessons.lifts]
    has_reasons = any(one.reasons for one in lessons.lifts)
    width = len(header) if has_reasons else len(header) - 1
    text = (
        "Each rule looked at alone, on all leads; lift is how much more often leads with it "
        "were won. Intervals hold the true value with 95 % confidence: of forty rules without "
        "any effect, two will seem to have one."
    )
    table = Table(header[:width], [row[:width] for row in rows], frozenset({0, 6, 7}))
    return Section(RULES, (text,), (table,) if rows else ())


def _rule(one: Lift) -> Row:
    low, high = one.lift_interval
    lift = "-" if one.earns is Earns.TOO_LITTLE else f"{one.lift:.2f} ({low:.2f} to {high:.2f})"
    refused = [f"{reason} {n:,}" for reason, n in list(one.reasons.items())[:REASONS_SHOWN]]
    return (
        one.rule,
        f"{one.points:+}",
        f"{one.with_it.of:,}",
        _rate(one.with_it),
        _rate(one.without),
        lift,
        one.earns.value,
        ", ".join(refused),
    )


def _suggested(lessons: Lessons) -> Iterator[Section]:
    suggestion = lessons.suggestion
    if isinstance(suggestion, TooLittle | NothingFound):
        yield Section(SUGGESTED, (str(suggestion),))
        return
    rows = [
        (r.rule, f"{r.before:+}", f"{r.points:+}", f"{r.held:,}", r.change.value)
        for r in suggestion.rules
    ]
    text = [
        "Weighed beside each other, by a model that draws to no effect what few leads show. "
        "Nothing changes until both sides sign."
    ]
    if not suggestion.scale.keeps_spread:
        text.append("Scores spread otherwise than now, so look at caps and thresholds.")
    header = ("rule", "points", "suggested", "leads", "")
    yield Section(SUGGESTED, text, (Table(header, rows, frozenset({0, 4})),))


def _proposed(lessons: Lessons) -> Iterator[Section]:
    draft = lessons.draft
    if draft is None:
        return
    rows = [
        (name, p.candidate.condition, f"{p.points:+}", f"{p.held:,}") for name, p in draft.added
    ]
    rows += [
        (p.candidate.name, "can't be put into words", f"{p.points:+}", f"{p.held:,}")
        for p in draft.left_out
    ]
    if rows:
        header = ("rule", "when", "points", "leads")
        text = "Conditions on columns of the history that the agreement does not ask about yet."
        yield Section(PROPOSED, (text,), (Table(header, rows, frozenset({0, 1})),))


def _thresholds(lessons: Lessons) -> Iterator[Section]:
    draft = lessons.draft
    if draft is None:
        return
    rows = [
        (
            m.tier,
            m.sum,
            f"{m.number:,}",
            f"{m.moved:,}",
            f"{m.threshold.passed_before:,}",
            f"{m.threshold.passed_after:,}",
        )
        for m in draft.moved
    ]
    text = [
        "Moved so that about as many leads reach each number as do now, gates open. A tier "
        "that asks for more than one thing may still change: try the text with `leadloop "
        "agreement backtest` against the one in force."
    ]
    text += [f"Tier {one.tier} is left as it is: {one.why}." for one in draft.left]
    header = ("tier", "of", "now", "suggested", "reached it", "would reach it")
    yield Section(THRESHOLDS, text, (Table(header, rows, frozenset({0, 1})),) if rows else ())


def _measures(lessons: Lessons) -> Section:
    if lessons.unmeasured:
        return Section(MEASURES, (lessons.unmeasured,))
    rows = [_measured(one) for one in lessons.measured]
    base = lessons.measured[0].measures
    text = (
        f"On {base.leads:,} later leads, {base.won:,} won. AUC: the chance that a won lead "
        "stands above a lost one; 0.5 is a coin. Brier: the error of the chances promised; who "
        f"promises all leads the same has {base.brier_of_rate:.4f}. Calibration: how far "
        "promised and come lie apart."
    )
    header = ("score", "AUC", "over the points", "Brier", "calibration error")
    return Section(MEASURES, (text,), (Table(header, rows),))


def _measured(one: Measured) -> Row:
    measures, gain = one.measures, "-"
    if one.gain is not None:
        gain = f"{one.gain.auc:+.3f} ({_span(one.gain.interval, '+.3f')})"
    return (
        one.name,
        f"{measures.auc:.3f} ({_span(measures.auc_interval, '.3f')})",
        gain,
        f"{measures.brier:.4f}",
        f"{measures.calibration_error:.3f}",
    )


def _calibration(lessons: Lessons) -> Iterator[Section]:
    for one in lessons.measured:
        rows = [
            (f"{b.promised:.1%}", f"{b.came.of:,}", f"{b.came.hits:,}", _rate(b.came))
            for b in one.measures.curve
        ]
        shown = [
            Dot(f"{b.promised:.0%}", b.came.share, *b.interval, _rate(b.came))
            for b in one.measures.curve
        ]
        level = one.measures.won / one.measures.leads
        chart = charts.dots(
            f"Won of those promised so much: {one.name}", shown, level, "all later leads"
        )
        table = Table(("promised", "leads", "won", "came"), rows)
        yield Section(f"Calibration: {one.name}", ("Promised and come.",), (table,), chart)


def _foreseen(lessons: Lessons) -> Iterator[Section]:
    foreseen = lessons.foreseen
    if isinstance(foreseen, TooLittle):
        yield Section("Predictive score", (str(foreseen),))
    if not isinstance(foreseen, Foreseen):
        return
    model = foreseen.predictor
    rows = [
        (name, f"{moved:.3f}")
        for name, moved in list(foreseen.features.items())[:FEATURES_SHOWN]
        if moved
    ]
    text = (
        f"Version {model.version}, {len(model.forest.trees)} trees, from "
        f"{model.learned_from:,} leads, {model.won:,} won. What moves it, in log-odds:",
    )
    yield Section("Predictive score", text, (Table(("feature", "on average"), rows),))


def drift_section(found: tuple[tuple[str, tuple[Drift, ...]], ...]) -> Section:
    """Tell whose rate moved from the earlier leads to the later ones."""
    if not found:
        return Section(DRIFT)
    tested = sum(drift.moved is not Moved.TOO_LITTLE for _, drifts in found for drift in drifts)
    rows = [
        (what, d.name, _rate(d.before), _rate(d.after), d.moved.value, f"{d.q:.4f}")
        for what, drifts in found
        for d in drifts
        if d.is_alarm
    ]
    text = f"{len(rows)} of {tested} rates moved from the earlier leads to the later ones."
    header = ("rate", "of", "before", "after", "", "p, corrected")
    tables = (Table(header, rows, frozenset({0, 1, 4})),) if rows else ()
    return Section(DRIFT, (text,), tables)


def _aside(lessons: Lessons) -> Iterator[Section]:
    columns = list(lessons.gathered.columns)
    if isinstance(lessons.suggestion, Suggestion):
        columns += lessons.suggestion.set_aside
    if columns:
        rows = [(one.column, one.why) for one in columns]
        table = Table(("column", "why"), rows, frozenset({0, 1}))
        yield Section("Columns that nothing is learned from", (), (table,))
    aside = lessons.gathered.aside
    if aside.total:
        told = [(one.file, f"{one.line:,}", one.why) for one in aside.first]
        text = f"{aside.total:,} rows could not be used; the first of them:"
        table = Table(("file", "line", "why"), told, frozenset({0, 2}))
        yield Section("Rows set aside", (text,), (table,))


def _notes(lessons: Lessons) -> tuple[str, ...]:
    return tuple(lessons.gathered.remarks.notes)


def _rate(rate: Rate) -> str:
    """Write a rate with its interval."""
    if not rate.of:
        return "-"
    low, high = wilson(rate)
    return f"{rate.share * 100:.1f} % ({low * 100:.1f} to {high * 100:.1f})"


def _span(interval: Interval, form: str) -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"


def _day(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[D]"))
