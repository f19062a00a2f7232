"""Points that outcomes suggest for the rules of an agreement, whole and few enough to read.

Three steps: weigh the agreement's rules and every candidate together, keep the candidates that
matter most, weigh again. What few leads met is not weighed: such a rule keeps its points.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.lab.learning.calibrate import learn_chances
from services.lab.learning.candidates import Candidate, candidates
from services.lab.learning.enough import (
    LEADS_PER_RULE_MIN,
    TO_SUGGEST,
    TooLittle,
    too_little,
)
from services.lab.learning.history import Floats, History, Strengths, weigh
from services.lab.learning.logistic import Effects, learn_effects
from services.lab.learning.points import Change, Scale, change_of, scale_of
from services.lab.learning.usable import SetAside, usable_columns
from services.scoring.models.chances import Chances

# Proposals beyond this would bury the agreement that people read.
PROPOSALS_MAX: Final = 30
# Nor is one worth a line whose effect is less than this beside the largest of all.
EFFECT_SHARE_MIN: Final = 0.2


@dataclass(frozen=True, slots=True)
class Suggested:
    """The points suggested for a rule of the agreement.

    Attributes:
        held: Leads it held for, of those learned from.
        effect: What a unit of it adds to the log-odds; 0 when it was not weighed.
    """

    rule: str
    before: int
    points: int
    change: Change
    held: int
    effect: float


@dataclass(frozen=True, slots=True)
class Proposed:
    """A rule that the agreement does not have, with points; see Suggested."""

    candidate: Candidate
    points: int
    held: int
    effect: float


@dataclass(frozen=True, slots=True, eq=False)
class Suggestion:
    """Points for every rule, rules to add, and what a score then stands for.

    Attributes:
        chances: The chance of being won that a score under the suggestion stands for.
        outcomes_per_rule: The rarer outcome, for each rule that was weighed. Below ten, the
            points lean on shrinking more than on evidence.
        learned: How the first weighing chose its freedom.
        set_aside: Columns that no rule was proposed for.
    """

    rules: tuple[Suggested, ...]
    proposals: tuple[Proposed, ...]
    scale: Scale
    chances: Chances
    learned_from: int
    outcomes_per_rule: float
    learned: Effects
    set_aside: tuple[SetAside, ...]

    def scores(self, history: History) -> Floats:
        """Return what these leads would score, caps aside."""
        if history.names != tuple(rule.rule for rule in self.rules):
            raise ValueError("expected the rules that points were suggested for, found others")
        points = np.array([rule.points for rule in self.rules], dtype=np.int64)
        total = weigh(history.strengths, points)
        for proposal in self.proposals:
            held = proposal.candidate.holds(history.fields[proposal.candidate.column])
            total = total + proposal.points * held
        return total


@dataclass(frozen=True, slots=True, eq=False)
class _Design:
    """The columns that are weighed: first those of rules, then those of candidates.

    Attributes:
        places: Which rules of the agreement are among them.
    """

    places: NDArray[np.intp]
    candidates: tuple[Candidate, ...]
    strengths: Strengths

    def only(self, kept: Sequence[int]) -> "_Design":
        """Return the same with these candidates alone."""
        own = len(self.places)
        columns = [*range(own), *(own + number for number in kept)]
        chosen = tuple(self.candidates[number] for number in kept)
        return _Design(self.places, chosen, self.strengths[:, columns])


@dataclass(frozen=True, slots=True)
class NothingFound:
    """There is enough history, and it says nothing about these rules."""

    leads: int
    rules: int

    def __str__(self) -> str:
        """Say it plainly."""
        return (
            f"Nothing found: in {self.leads:,} leads, {self.rules:,} rules told won from lost "
            "no better than the mean rate does, on the leads that came next. Keep the points."
        )


def suggest(
    history: History, *, with_proposals: bool = True
) -> Suggestion | NothingFound | TooLittle:
    """Suggest points from the leads of a history.

    Hold later leads back to measure the suggestion on: see `split_at`.
    """
    missing = too_little(history.won, TO_SUGGEST)
    if missing is not None:
        return missing
    columns, aside = usable_columns(history) if with_proposals else ((), ())
    wide = _design(history, columns)
    if not wide.strengths.shape[1]:
        return NothingFound(len(history), 0)
    first = learn_effects(wide.strengths, history.won, history.at)
    if first.tell_nothing:
        return NothingFound(len(history), wide.strengths.shape[1])
    design = wide.only(_mattering(wide, first.of))
    effects = learn_effects(design.strengths, history.won, history.at, [first.freedom])
    rarer = min(int(history.won.sum()), int((~history.won).sum()))
    draft = _in_points(history, design, effects.of)
    return replace(
        draft,
        chances=learn_chances(draft.scores(history), history.won),
        outcomes_per_rule=rarer / max(1, wide.strengths.shape[1]),
        learned=first,
        set_aside=aside,
    )


def _design(history: History, columns: Sequence[str]) -> _Design:
    """Put together what is weighed."""
    proposed = candidates(history, columns)
    places = np.flatnonzero([_is_met_enough(column) for column in history.strengths.T])
    held = np.zeros((len(history), len(proposed)), dtype=np.float32)
    for number, candidate in enumerate(proposed):
        held[:, number] = candidate.holds(history.fields[candidate.column])
    return _Design(places, proposed, np.hstack((history.strengths[:, places], held)))


def _is_met_enough(column: Strengths) -> bool:
    """Say whether enough leads met a rule, and did not all meet it alike."""
    met = int((column != 0).sum())
    alike = int(np.unique(column, return_counts=True)[1].max())
    return met >= LEADS_PER_RULE_MIN and len(column) - alike >= LEADS_PER_RULE_MIN


def _mattering(design: _Design, effects: Floats) -> list[int]:
    """Return the candidates that move scores most, in their order."""
    own = len(design.places)
    reach = np.abs(effects) * np.abs(design.strengths).max(axis=0)
    moves = np.abs(effects[own:]) * design.strengths[:, own:].std(axis=0)
    strongest = np.argsort(-moves, kind="stable")[:PROPOSALS_MAX].tolist()
    enough = EFFECT_SHARE_MIN * float(reach.max(initial=0.0))
    return sorted(number for number in strongest if reach[own + number] >= enough)


def _in_points(history: History, design: _Design, effects: Floats) -> Suggestion:
    """Turn effects to whole points; what is not known yet is left open."""
    weighed = weigh(history.strengths[:, design.places], history.points[design.places])
    scale = scale_of(weighed, design.strengths, effects)
    points = np.rint(effects * scale.points_per_effect).astype(np.int64).tolist()
    held = (design.strengths != 0).sum(axis=0).tolist()
    proposals = [
        Proposed(candidate, points[place], held[place], float(effects[place]))
        for place, candidate in enumerate(design.candidates, start=len(design.places))
    ]
    return Suggestion(
        rules=_suggested(history, design, points, effects),
        proposals=tuple(proposal for proposal in proposals if proposal.points),
        scale=scale,
        chances=Chances(0.0, 0.0),
        learned_from=len(history),
        outcomes_per_rule=0.0,
        learned=Effects(0.0, effects, 0.0, ()),
        set_aside=(),
    )


def _suggested(
    history: History, design: _Design, points: Sequence[int], effects: Floats
) -> tuple[Suggested, ...]:
    """Say for every rule of the agreement what is suggested."""
    column_of = {int(place): column for column, place in enumerate(design.places)}
    found = []
    for place, rule in enumerate(history.rules):
        held = int((history.strengths[:, place] != 0).sum())
        column = column_of.get(place)
        if column is None:
            found.append(Suggested(rule.name, rule.points, rule.points, Change.KEPT, held, 0.0))
            continue
        change = change_of(rule.points, points[column])
        effect = float(effects[column])
        found.append(Suggested(rule.name, rule.points, points[column], change, held, effect))
    return tuple(found)
