"""What outcomes teach, on a real funnel: points that people guessed, suggested ones, a model.

Everything is learned from leads before 15 April 2018 and measured on the later ones, once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Final, TypeVar

import numpy as np
import typer

from bench import report
from bench.funnel import SPLIT, Lead, NoFunnel, history_of, read_funnel
from services.lab.learning.calibrate import chances_of, learn_chances
from services.lab.learning.drift import Drift, drifts, rates_of_sources
from services.lab.learning.enough import TooLittle
from services.lab.learning.history import History, split_at
from services.lab.learning.lift import Lift, lifts
from services.lab.learning.measure import Gain, Measures, compare, measure
from services.lab.learning.predictive import importances, learn_predictor, predict
from services.lab.learning.suggest import NothingFound, Suggestion, suggest

WANTED: Final = 0.68

T = TypeVar("T")


class TooFew(Exception):
    """The funnel is too small to learn from."""


@dataclass(frozen=True)
class Figures:
    """On the later part; brier and calibration_error are those of the suggested points.

    Attributes:
        auc_suggested_low: The lower end of its 95 % interval; likewise high.
        auc_suggested_known_then: When learned only from deals that were won by the split.
    """

    leads: int
    later_leads: int
    later_won: int
    auc_points: float
    auc_suggested: float
    auc_suggested_low: float
    auc_suggested_high: float
    auc_predictive: float
    auc_suggested_known_then: float
    brier: float
    calibration_error: float
    brier_points: float
    brier_predictive: float
    calibration_error_predictive: float


@dataclass(frozen=True)
class Found:
    """All that was learned and measured."""

    suggestion: Suggestion
    lifts: tuple[Lift, ...]
    drifts: tuple[Drift, ...]
    features: dict[str, float]
    model: str
    points: Measures
    suggested: Measures
    predictive: Measures
    gain: Gain
    known_then: Measures


def learn(leads: tuple[Lead, ...], split: date = SPLIT) -> Found:
    """Learn from leads before the split; measure on the others.

    Raises:
        TooFew: There are too few leads on either side.
    """
    earlier, later = split_at(history_of(leads), np.datetime64(split))
    suggestion = _enough(suggest(earlier))
    predictor = _enough(learn_predictor(earlier))
    guessed = chances_of(learn_chances(earlier.totals(), earlier.won), later.totals())
    foreseen = predict(predictor, later)
    then, _ = split_at(history_of(leads, known_on=split), np.datetime64(split))
    return Found(
        suggestion=suggestion,
        lifts=lifts(earlier),
        drifts=drifts(rates_of_sources(earlier, later)),
        features=importances(predictor, earlier),
        model=f"version {predictor.version}, {len(predictor.forest.trees)} trees",
        points=_enough(measure(later.totals(), guessed, later.won)),
        suggested=_measured(suggestion, later),
        predictive=_enough(measure(foreseen, foreseen, later.won)),
        gain=compare(suggestion.scores(later), later.totals(), later.won),
        known_then=_measured(_enough(suggest(then)), later),
    )


def figures_of(found: Found) -> Figures:
    """Return what the last line tells: how good each score is on later leads, and how sure."""
    return Figures(
        leads=found.suggestion.learned_from,
        later_leads=found.suggested.leads,
        later_won=found.suggested.won,
        auc_points=found.points.auc,
        auc_suggested=found.suggested.auc,
        auc_suggested_low=found.suggested.auc_interval.low,
        auc_suggested_high=found.suggested.auc_interval.high,
        auc_predictive=found.predictive.auc,
        auc_suggested_known_then=found.known_then.auc,
        brier=found.suggested.brier,
        calibration_error=found.suggested.calibration_error,
        brier_points=found.points.brier,
        brier_predictive=found.predictive.brier,
        calibration_error_predictive=found.predictive.calibration_error,
    )


def _measured(suggestion: Suggestion, later: History) -> Measures:
    """Measure suggested points on later leads."""
    scores = suggestion.scores(later)
    return _enough(measure(scores, chances_of(suggestion.chances, scores), later.won))


def _enough(found: T | TooLittle | NothingFound) -> T:
    """Return what was found."""
    if isinstance(found, TooLittle | NothingFound):
        raise TooFew(str(found))
    return found


app = report.command_line()


@app.command()
def main(
    data: Annotated[
        Path | None,
        typer.Option(envvar="LEADLOOP_DATA", help="The folder that holds the funnel."),
    ] = None,
) -> None:
    """Learn points and a model from a real funnel; measure them on its later part."""
    if data is None:
        raise _stop("name the folder that holds the funnel: LEADLOOP_DATA=... or --data ...")
    try:
        leads = read_funnel(data)
        report.tell(f"{len(leads):,} leads")
        found = learn(leads)
    except (NoFunnel, TooFew) as error:
        raise _stop(str(error)) from error
    _present(found)


def _stop(why: str) -> typer.Exit:
    """Say what is missing."""
    report.aside.print(why, style="red")
    return typer.Exit(2)


def _present(found: Found) -> None:
    """Print what was found, then the figures."""
    _present_rules(found)
    _present_curve("suggested points", found.suggested)
    _present_curve("predictive score", found.predictive)
    report.table(
        f"what moves the predictive score ({found.model})",
        ("feature", "log-odds, on average"),
        [(name, f"{moved:.3f}") for name, moved in found.features.items() if moved],
    )
    report.table(
        "sources whose rate moved from before the split to after it",
        ("source", "before", "after", "p, corrected", ""),
        [_drift_row(drift) for drift in found.drifts if drift.is_alarm] or [("none",) * 5],
    )
    _present_measures(found)
    report.last_line(figures_of(found), digits=4)


def _present_rules(found: Found) -> None:
    """Print what is said of each rule, and the rules proposed."""
    suggested = found.suggestion.rules
    report.table(
        f"rules, from {found.suggestion.learned_from:,} leads before {SPLIT:%d %B %Y}",
        ("rule", "points", "suggested", "lift", "95 %", "alone", "beside the others"),
        [
            (
                lift.rule,
                lift.points,
                rule.points,
                f"{lift.lift:.2f}",
                f"{lift.lift_interval.low:.2f} to {lift.lift_interval.high:.2f}",
                lift.earns.value,
                rule.change.value,
            )
            for lift, rule in zip(found.lifts, suggested, strict=True)
        ],
    )
    report.table(
        f"proposed rules; {found.suggestion.outcomes_per_rule:.0f} won leads for each weighed",
        ("condition", "points", "leads"),
        [(p.candidate.condition, p.points, p.held) for p in found.suggestion.proposals],
    )
    for aside in found.suggestion.set_aside:
        report.tell(f"{aside.column}: not learned from, it {aside.why}")


def _present_curve(name: str, measures: Measures) -> None:
    """Print promised against come."""
    report.table(
        f"{name}: chance promised, and what came",
        ("promised", "came", "95 %", "leads"),
        [
            (
                f"{b.promised:.1%}",
                f"{b.came.share:.1%}",
                f"{b.interval.low:.1%} to {b.interval.high:.1%}",
                b.came.of,
            )
            for b in measures.curve
        ],
    )


def _present_measures(found: Found) -> None:
    """Print the measures side by side."""
    rows: Sequence[tuple[str, Measures]] = (
        ("points that people guessed", found.points),
        ("suggested points", found.suggested),
        ("the same, deals known at the split only", found.known_then),
        ("predictive score", found.predictive),
    )
    later = found.suggested
    report.table(
        f"on {later.leads:,} later leads, {later.won:,} won; "
        f"who promises all the same has a Brier score of {later.brier_of_rate:.4f}",
        ("", "AUC", "95 %", "Brier", "calibration error"),
        [
            (
                name,
                f"{m.auc:.3f}",
                f"{m.auc_interval.low:.3f} to {m.auc_interval.high:.3f}",
                f"{m.brier:.4f}",
                f"{m.calibration_error:.3f}",
            )
            for name, m in rows
        ],
    )
    low, high = found.gain.interval
    report.console.print(
        f"suggested beside guessed points: {found.gain.auc:+.3f} ({low:+.3f} to {high:+.3f}); "
        f"wanted: an AUC of {WANTED}"
    )


def _drift_row(drift: Drift) -> tuple[str, ...]:
    """Return one row of the table of drifts."""
    before, after = f"{drift.before.share:.1%}", f"{drift.after.share:.1%}"
    return drift.name, before, after, f"{drift.q:.4f}", drift.moved.value


if __name__ == "__main__":
    app()
