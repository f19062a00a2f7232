"""A simulation as a whole: a run, one of another agreement, what mends it, and the report."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from leadloop.errors import Rejected
from services.handoff.calendar import InvalidCalendar
from services.lab.report.sections import Report
from services.lab.simulation.figures import figures_of
from services.lab.simulation.levels import broken
from services.lab.simulation.mending import Mending, Search
from services.lab.simulation.report import Told, report_of
from services.lab.simulation.runs import Coming, Result, run
from services.lab.simulation.team import Team
from services.lab.simulation.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is to be found out.

    Attributes:
        other: An agreement that meets the same leads and chances; None for none.
        other_name: What it is called.
        coming: What leads come.
        words: What to know about them.
        kept: Percent of its clocks by which a level holds.
        mend: Whether to look for what mends what breaks.
    """

    trial: Trial
    other: Trial | None
    other_name: str
    team: Team
    coming: Coming
    words: str
    kept: float
    seed: int
    mend: bool

    @property
    def target(self) -> float:
        """Return the share of its clocks by which a level holds."""
        return self.kept / 100


@dataclass(frozen=True)
class Answer:
    """What was found.

    Attributes:
        figures: For programs, see `figures`.
    """

    report: Report
    # Any: values of JSON.
    figures: dict[str, Any]


class Watch(Protocol):
    """Whoever is told how far it is."""

    def begin(self, what: str) -> None:
        """Hear what goes on now."""
        ...

    def show(self, share: float) -> None:
        """Hear what share of it is done."""
        ...


def answer(question: Question, watch: Watch) -> Answer:
    """Find it out."""
    result = _live(question, "the proposal", question.trial, watch)
    other = question.other
    before = _live(question, "the other", other, watch) if other else None
    mending = _mended(question, result, watch)
    told = Told(
        question.trial,
        result,
        question.team,
        question.target,
        question.seed,
        question.words,
    )
    figures = figures_of(result, mending, question.target) | {"seed": question.seed}
    return Answer(report_of(told, mending, before, question.other_name), figures)


@contextmanager
def closed_told() -> Iterator[None]:
    """Refuse a calendar in which nobody could work.

    Raises:
        Rejected: It never opens.
    """
    try:
        yield
    except InvalidCalendar as closed:
        raise Rejected(f"Nobody could work: {closed}.") from closed


def _live(question: Question, what: str, trial: Trial, watch: Watch) -> Result:
    watch.begin(f"living through {what}")
    return run(trial, question.team, question.coming, question.seed, watch.show)


def _mended(question: Question, result: Result, watch: Watch) -> Mending | None:
    """Look for what mends what breaks; None when nothing does, or nobody wants to know."""
    if not question.mend or not broken(result, question.target):
        return None
    search = Search(
        question.trial, question.team, question.coming, question.seed, question.target
    )
    return search.mend(watch.begin)
