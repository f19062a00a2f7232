"""What outcomes teach about an agreement: from earlier leads, measured on later ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from leadloop.agreement.checks import examine
from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import ANY_DAY, read_draft
from services.lab.learning.calibrate import chances_of, learn_chances
from services.lab.learning.drift import (
    Drift,
    Windows,
    drifts,
    rates_of_rules,
    rates_of_sources,
    shares_of_sources,
    wins_of_rules,
)
from services.lab.learning.enough import TooLittle
from services.lab.learning.history import (
    Floats,
    History,
    Strengths,
    moment_of_share,
    split_at,
)
from services.lab.learning.lift import Lift, lifts
from services.lab.learning.measure import Gain, Measures, compare, measure
from services.lab.learning.predictive import importances, learn_predictor, predict
from services.lab.learning.suggest import NothingFound, Proposed, Suggestion, suggest
from services.lab.lessons.gather import Gathered
from services.lab.lessons.sums import AllSums, only, sums_of_all
from services.lab.lessons.thresholds import Left, Move, moves, with_moves
from services.lab.lessons.wording import (
    Added,
    Changes,
    can_be_added,
    fresh_name,
    reworded,
)
from services.scoring.contract import agreement_of
from services.scoring.definition import Agreement
from services.scoring.models.predictor import Predictor

# The newest quarter of the leads is held back unless a day is named.
SHARE_LEARNED_FROM: Final = 0.75

DRIFTS: Final[tuple[tuple[str, Callable[[History, History], tuple[Windows, ...]]], ...]] = (
    ("won, by source", rates_of_sources),
    ("share of leads, by source", shares_of_sources),
    ("held, by rule", rates_of_rules),
    ("won where it held, by rule", wins_of_rules),
)


class Wishes(NamedTuple):
    """How to go about it.

    Attributes:
        split: Leads from this moment on are held back; None: the newest quarter.
        with_proposals: Whether rules may be added.
        with_predictor: Whether to learn a predictive score.
    """

    split: np.datetime64 | None = None
    with_proposals: bool = True
    with_predictor: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """A history cut by time.

    Attributes:
        moment: Where; None when nothing is held back, for want of times.
        gates_open: Of all leads: whether no gate keeps them back.
    """

    whole: History
    earlier: History
    later: History
    moment: np.datetime64 | None
    gates_open: np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A suggestion as a text that can be signed.

    Attributes:
        agreement: The text, compiled.
        added: The proposals that are in it, each with its name there.
        left_out: Those that could not be put into words.
        moved: Numbers of tiers that move.
        left: Sums in tiers whose numbers stay.
        findings: What a check finds in the text, and did not find before.
    """

    text: str
    agreement: Agreement
    added: tuple[tuple[str, Proposed], ...]
    left_out: tuple[Proposed, ...]
    moved: tuple[Move, ...]
    left: tuple[Left, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One score on the leads that were held back.

    Attributes:
        gain: Over the points that are signed; None for those themselves.
    """

    name: str
    measures: Measures
    gain: Gain | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Foreseen:
    """The predictive score that was learned.

    Attributes:
        features: How far each moves the log-odds of a lead on average, the most first.
    """

    predictor: Predictor
    features: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """All that was learned.

    Attributes:
        draft: None when there is nothing to suggest.
        measured: Empty with `unmeasured` saying why.
        foreseen: None when nobody asked for a predictive score.
    """

    agreement: Agreement
    gathered: Gathered
    parts: Parts
    lifts: tuple[Lift, ...]
    suggestion: Suggestion | NothingFound | TooLittle
    draft: Draft | None
    measured: tuple[Measured, ...]
    unmeasured: str
    drifts: tuple[tuple[str, tuple[Drift, ...]], ...]
    foreseen: Foreseen | TooLittle | None


def learn(text: str, agreement: Agreement, gathered: Gathered, wishes: Wishes) -> Lessons:
    """Learn what outcomes teach about an agreement.

    Args:
        text: The agreement as people wrote it.
        agreement: The same, compiled.
        gathered: Leads judged under it.
        wishes: How to go about it.

    Raises:
        Rejected: What is suggested can't be put into the text.
    """
    parts = parted(gathered, wishes.split)
    suggestion = suggest(parts.earlier, with_proposals=wishes.with_proposals)
    draft = None
    if isinstance(suggestion, Suggestion):
        draft = _draft(text, agreement, suggestion, parts)
    foreseen = _foreseen(parts.earlier) if wishes.with_predictor else None
    measured, unmeasured = _measured(parts, draft, foreseen)
    return Lessons(
        agreement=agreement,
        gathered=gathered,
        parts=parts,
        lifts=lifts(parts.whole),
        suggestion=suggestion,
        draft=draft,
        measured=measured,
        unmeasured=unmeasured,
        drifts=drifts_of(parts),
        foreseen=foreseen,
    )


def drifts_of(parts: Parts) -> tuple[tuple[str, tuple[Drift, ...]], ...]:
    """Return whose rate moved from the earlier leads to the later ones; nothing uncut."""
    if parts.moment is None:
        return ()
    return tuple((name, drifts(rates(parts.earlier, parts.later))) for name, rates in DRIFTS)


def parted(gathered: Gathered, split: np.datetime64 | None) -> Parts:
    """Cut what was gathered by time.

    Args:
        gathered: Leads.
        split: Where; None: so that the newest quarter is held back.
    """
    whole, gates_open = gathered.material.history(), gathered.material.gates_open()
    if not gathered.has_times or not len(whole):
        return Parts(whole, whole, whole.part(np.zeros(len(whole), bool)), None, gates_open)
    moment = moment_of_share(whole, SHARE_LEARNED_FROM) if split is None else split
    earlier, later = split_at(whole, moment)
    return Parts(whole, earlier, later, moment, gates_open)


def _draft(text: str, agreement: Agreement, suggestion: Suggestion, parts: Parts) -> Draft:
    """Put points and rules into the text, then move the thresholds to what these give."""
    points = {rule.rule: rule.points for rule in suggestion.rules}
    added, left_out = _named(agreement, suggestion)
    rules = [Added(name, p.candidate.condition, p.points) for name, p in added]
    repointed = _compiled(reworded(text, Changes(points, rules)))
    before = sums_of_all(agreement, parts.whole.strengths)
    after = sums_of_all(repointed, _strengths(repointed, added, parts.whole))
    moved, left = moves(
        agreement.tiers, only(before, parts.gates_open), only(after, parts.gates_open)
    )
    conditions = {
        tier.name: with_moves(tier.condition.text, [m for m in moved if m.tier == tier.name])
        for tier in agreement.tiers
    }
    final = reworded(text, Changes(points, rules, conditions))
    return Draft(
        text=final,
        agreement=_compiled(final),
        added=tuple(added),
        left_out=tuple(left_out),
        moved=moved,
        left=left,
        findings=_new_findings(text, final),
    )


def _new_findings(before: str, after: str) -> tuple[str, ...]:
    """Return what a check finds in a text that it did not find in the one before."""
    known = {finding.problem for finding in examine(before, ANY_DAY).findings}
    found = examine(after, ANY_DAY).findings
    return tuple(str(finding) for finding in found if finding.problem not in known)


def _compiled(text: str) -> Agreement:
    return agreement_of(to_contract(read_draft(text), 1, ()).SerializeToString())


def _named(
    agreement: Agreement, suggestion: Suggestion
) -> tuple[list[tuple[str, Proposed]], list[Proposed]]:
    """Give proposed rules names that the agreement does not have."""
    added: list[tuple[str, Proposed]] = []
    left_out: list[Proposed] = []
    taken = {rule.name for rule in agreement.rules}
    for proposed in suggestion.proposals:
        candidate = proposed.candidate
        if not can_be_added(candidate.name, candidate.condition):
            left_out.append(proposed)
            continue
        name = fresh_name(candidate.name, taken)
        taken.add(name)
        added.append((name, proposed))
    return added, left_out


def _strengths(
    agreement: Agreement, added: list[tuple[str, Proposed]], history: History
) -> Strengths:
    """Return the strengths of a suggested agreement's rules, in its order."""
    places = {name: place for place, name in enumerate(history.names)}
    candidates = {name: proposed.candidate for name, proposed in added}
    found = np.zeros((len(history), len(agreement.rules)), dtype=np.float32)
    for column, rule in enumerate(agreement.rules):
        candidate = candidates.get(rule.name)
        if candidate is None:
            found[:, column] = history.strengths[:, places[rule.name]]
        else:
            found[:, column] = candidate.holds(history.fields[candidate.column])
    return found


def _foreseen(earlier: History) -> Foreseen | TooLittle:
    predictor = learn_predictor(earlier)
    if isinstance(predictor, TooLittle):
        return predictor
    return Foreseen(predictor, importances(predictor, earlier))


def _measured(
    parts: Parts, draft: Draft | None, foreseen: Foreseen | TooLittle | None
) -> tuple[tuple[Measured, ...], str]:
    """Measure every score on the later leads; tell why when that says nothing."""
    if parts.moment is None:
        return (), "Nothing is measured, as leads without times can't be held back by time."
    found: list[Measured] = []
    now = parts.later.totals()
    for name, scores, chances in _scores(parts, draft, foreseen):
        measures = measure(scores, chances, parts.later.won)
        if isinstance(measures, TooLittle):
            return (), f"On the later leads: {measures}"
        gain = compare(scores, now, parts.later.won) if found else None
        found.append(Measured(name, measures, gain))
    return tuple(found), ""


def _scores(
    parts: Parts, draft: Draft | None, foreseen: Foreseen | TooLittle | None
) -> Iterator[tuple[str, Floats, Floats]]:
    """Yield each score of the later leads, with the chances that it promises."""
    earlier, later = parts.earlier, parts.later
    if not len(later) or not len(earlier):
        none = np.zeros(len(later))
        yield "points as they are", none, none
        return
    yield "points as they are", *_promised(earlier, earlier.totals(), later.totals())
    if draft is not None:
        scores = [_totals(draft, part) for part in (earlier, later)]
        yield "suggested agreement", *_promised(earlier, *scores)
    if isinstance(foreseen, Foreseen):
        chances = predict(foreseen.predictor, later)
        yield "predictive score", chances, chances


def _promised(earlier: History, before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Return scores of later leads with the chances that earlier ones had at the same."""
    return after, chances_of(learn_chances(before, earlier.won), after)


def _totals(draft: Draft, history: History) -> Floats:
    """Return what leads score under the text, caps and rounding included."""
    strengths = _strengths(draft.agreement, list(draft.added), history)
    sums: AllSums = sums_of_all(draft.agreement, strengths)
    return sums["total"].astype(np.float64)
