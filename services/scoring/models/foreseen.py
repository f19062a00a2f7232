"""The predictive score of a lead, explained: what each feature did for it."""

from collections.abc import Iterator

from services.scoring.definition import Agreement
from services.scoring.explain.would_change import Lead
from services.scoring.models.model import whole
from services.scoring.models.predictor import Contribution, Prediction
from services.scoring.models.strengths import named_strengths
from services.scoring.tallies import day_of

_PARTS_SHOWN = 6
_VALUE_LENGTH_MAX = 40


def prediction_of(lead: Lead) -> Prediction | None:
    """Return what the agreement's model says of a lead, and why; None without one at hand."""
    model = lead.agreement.model
    if model is None:
        return None
    strengths = named_strengths(lead.standing, lead.agreement, day_of(lead.at))
    return model.explain(lead.facts, strengths)


def lines(agreement: Agreement | None, prediction: Prediction | None) -> Iterator[str]:
    """Give the lines of a page that tell a predictive score; none where none is used."""
    if agreement is None or not agreement.predictive_model:
        return
    yield ""
    if prediction is None:
        yield (
            f"The predictive model {agreement.predictive_model} was not added, so what asks "
            "for the predicted score does not hold."
        )
        return
    yield (
        f"Predicted: of a hundred such leads {whole(prediction.score)} are won, by the model "
        f"{agreement.predictive_model}; in log-odds {prediction.log_odds:+.2f}, of these "
        f"{prediction.base:+.2f} for any lead"
    )
    for part in prediction.parts[:_PARTS_SHOWN]:
        yield f"  {part.effect:>+5.2f}  {part.feature}: {_value(part)}"
    rest = sum(part.effect for part in prediction.parts[_PARTS_SHOWN:])
    if prediction.parts[_PARTS_SHOWN:]:
        yield f"  {rest:>+5.2f}  all others"


def _value(part: Contribution) -> str:
    if part.value is None or part.value == "":
        return "not known"
    value = f"{part.value:g}" if isinstance(part.value, float) else str(part.value)
    return value if len(value) <= _VALUE_LENGTH_MAX else value[:_VALUE_LENGTH_MAX] + "..."
