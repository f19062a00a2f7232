"""A simulation of an agreement, on made-up leads or on our own ledger."""

from datetime import date

from leadloop.errors import Rejected
from services.lab.report.page import page
from services.lab.report.shape import shape_of
from services.lab.simulation.asked import (
    MadeUp,
    history_from,
    stream_from,
    team_of,
    with_models,
)
from services.lab.simulation.pattern import Pattern
from services.lab.simulation.runs import Coming
from services.lab.simulation.trial import Trial, read_trial
from services.lab.simulation.whole import Question, answer, closed_told
from services.lab.studies.telling import Teller
from services.scoring.studies.news import Done, Order
from services.scoring.studies.requests import SimulationIn

OTHER = "the other agreement"
_PERCENT = 100


class _Watch:
    """Tells how far a simulation is."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._what = ""

    def begin(self, what: str) -> None:
        """Tell what goes on now."""
        self._what = what
        self._teller.show(what)

    def show(self, share: float) -> None:
        """Tell what share of it is done."""
        self._teller.show(self._what, int(share * _PERCENT), _PERCENT)


def simulate(order: Order, teller: Teller) -> Done:
    """Live through the loop under an agreement."""
    asked = SimulationIn.model_validate_json(order.request)
    watch = _Watch(teller)
    with closed_told():
        found = answer(_question(asked, order.database_url, watch), watch)
    return Done(shape_of(found.report), page(found.report), {"figures": found.figures})


def _question(asked: SimulationIn, database_url: str, watch: _Watch) -> Question:
    """Read what was asked."""
    if asked.first_day is None:
        raise ValueError("expected a first day, which whoever asks has settled")
    trial = read_trial(asked.text, asked.first_day)
    other = read_trial(asked.against, asked.first_day) if asked.against else None
    if asked.history:
        trial, *others = with_models([trial, *([other] if other else ())], (), database_url)
        other = others[0] if others else None
    try:
        team = team_of(asked.people, asked.team or None, trial, asked.first_day)
    except Rejected as refusal:
        raise Rejected(f"/team: {refusal.detail}", *refusal.errors) from refusal
    coming, words = _coming(asked, asked.first_day, [trial, other], (database_url, watch))
    return Question(
        trial=trial,
        other=other,
        other_name=OTHER if other else "",
        team=team,
        coming=coming,
        words=words,
        kept=asked.kept,
        seed=asked.seed,
        mend=asked.mend,
    )


def _coming(
    asked: SimulationIn,
    first_day: date,
    trials: list[Trial | None],
    ledger: tuple[str, _Watch],
) -> tuple[Coming, str]:
    """Find what leads come."""
    known = [trial for trial in trials if trial is not None]
    if asked.history:
        database_url, watch = ledger
        return history_from(None, database_url, known, watch.begin)
    made_up = MadeUp(
        per_week=asked.leads_per_week,
        pattern=Pattern(asked.pattern),
        weeks=asked.weeks,
        first_day=first_day,
        tiers=",".join(f"{tier}={share}" for tier, share in asked.tiers.items()),
        seed=asked.seed,
    )
    return stream_from(made_up, known[0])
