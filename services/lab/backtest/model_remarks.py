"""What a reader of a backtest has to know about the models that its agreements name."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from services.lab.backtest.counts import Counts
from services.lab.backtest.remarks import Remarks, named
from services.lab.history.joined import UNDATED
from services.lab.history.past import PastLead
from services.scoring.definition import Agreement
from services.scoring.models.model import Model
from services.scoring.models.predictor import Predictor

NOT_GIVEN: Final = "Name its file: --model FILE.json."
NOT_KEPT: Final = "Scoring does not keep it: `leadloop model add FILE`."


class Taught(NamedTuple):
    """Until when leads taught a model.

    Attributes:
        until: When the newest of them came; None when that is not told.
    """

    version: str
    until: datetime | None

    def may_know(self, lead: PastLead) -> bool:
        """Say whether the model may have learned from what became of a lead."""
        return lead.won is not None and (self.until is None or lead.at <= self.until)


def taught_of(agreements: Sequence[Agreement]) -> tuple[Taught, ...]:
    """Return until when leads taught the models that are at hand."""
    models = {model.version: model.predictor for model in _models(agreements)}
    return tuple(Taught(version, _until(one)) for version, one in models.items())


def remarks_on_models(
    agreements: Sequence[Agreement], taught: Mapping[str, int], counts: Counts, missing: str
) -> Remarks:
    """Return what to know about the models of the proposed and the current agreement.

    Args:
        agreements: The proposed one first.
        taught: By a model's version: leads whose outcome it may have learned from.
        counts: Of all leads.
        missing: What to do about a model that is not at hand.
    """
    notes = [_learned(model.predictor) for model in _models(agreements)]
    warnings = [
        *_not_at_hand(agreements, missing),
        *_without_rules(agreements),
        *(w for one in taught_of(agreements) for w in _seen(one, taught, counts)),
    ]
    return Remarks(tuple(dict.fromkeys(notes)), tuple(warnings))


def with_models(remarks: Remarks, on_models: Remarks) -> Remarks:
    """Return remarks with those on models; their warnings come first."""
    return Remarks((*remarks.notes, *on_models.notes), (*on_models.warnings, *remarks.warnings))


def _models(agreements: Sequence[Agreement]) -> Iterator[Model]:
    for agreement in agreements:
        if agreement.model is not None:
            yield agreement.model


def _learned(predictor: Predictor) -> str:
    until = _until(predictor)
    when = f" that came up to {until:%Y-%m-%d}" if until else ""
    return (
        f"The model {predictor.version} was learned from {predictor.learned_from:,} leads"
        f"{when}, {predictor.won:,} of them won. At each step it is asked what it would have "
        "said then."
    )


def _not_at_hand(agreements: Sequence[Agreement], missing: str) -> Iterator[str]:
    lacking: dict[str, list[str]] = {}
    for agreement, which in zip(agreements, ("proposed", "current"), strict=False):
        if agreement.predictive_model and agreement.model is None:
            lacking.setdefault(agreement.predictive_model, []).append(which)
    for version, names in lacking.items():
        yield (
            f"The model {version} of the {' and the '.join(names)} agreement is not at hand, "
            "so conditions on `predicted` do not hold, as in scoring while it is missing. "
            f"{missing}"
        )


def _without_rules(agreements: Sequence[Agreement]) -> Iterator[str]:
    """Tell the rules that a model asks about and its agreement does not have."""
    for agreement in agreements:
        model = agreement.model
        lacking = (
            [name for name in model.levels if name not in agreement.by_name] if model else []
        )
        if lacking:
            yield (
                f"The model {agreement.predictive_model} asks how strongly rules hold that its "
                f"agreement does not have, and takes that as not known: {named(lacking)}."
            )


def _seen(taught: Taught, seen: Mapping[str, int], counts: Counts) -> Iterator[str]:
    """Tell that a model knows what became of the leads that it is tried on."""
    if taught.until is None or not counts.is_dated:
        yield (
            f"Nothing tells whether the model {taught.version} has learned from these very "
            "leads; if it has, it looks better here than it is."
        )
    elif number := seen.get(taught.version, 0):
        yield (
            f"The model {taught.version} was learned from leads that came up to "
            f"{taught.until:%Y-%m-%d}, and {number:,} of the {counts.leads.known:,} leads with "
            "an outcome came by then. Where it has seen what became of them it looks better "
            "here than it is: only later leads tell."
        )


def _until(predictor: Predictor) -> datetime | None:
    """Return when the newest lead came; None when the model does not say."""
    try:
        until = datetime.fromisoformat(predictor.until)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return until if until > UNDATED else None
