"""A predictive score beside the rules: learned from raw columns and the strengths of rules.

The newest fifth of the leads first decides how many trees are grown and whether what they say
needs a correction; then the trees are grown again from all of them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import metadata
from typing import Final

import numpy as np

from services.lab.learning.boosting import (
    Parameters,
    learn_forest,
    log_odds_of,
    rounds_that_do_best,
)
from services.lab.learning.calibrate import chances_of, correction_if_needed
from services.lab.learning.enough import TO_PREDICT, TooLittle, too_little
from services.lab.learning.floats import numbers_of
from services.lab.learning.history import Flags, Floats, History, moment_of_share
from services.lab.learning.usable import usable_columns
from services.scoring.models.chances import AS_IT_IS, Chances
from services.scoring.models.columns import Column, read_columns
from services.scoring.models.predictor import FORMAT, Predictor

# The part that learns how many trees to grow; the newer rest tells.
SHARE_OF_OLDER: Final = 0.8
# Of more leads the newest are learned from: small trees gain nothing from more, and what sold
# long ago says less. It also bounds the time, to about half a minute on one core.
LEADS_MAX: Final = 100_000
FEW: Final = Parameters()
# Many leads need fewer, bolder trees.
MANY: Final = Parameters(rounds_max=100, learning_rate=0.1)
MANY_FROM: Final = 20_000


def learn_predictor(
    history: History, parameters: Parameters | None = None
) -> Predictor | TooLittle:
    """Learn a predictive score from the leads of a history.

    Its version is a hash of what it was learned from, of the parameters and of the library, so
    that the same version means the same model.
    """
    history = _newest(history)
    missing = too_little(history.won, TO_PREDICT)
    if missing is not None:
        return missing
    parameters = parameters or (MANY if len(history) >= MANY_FROM else FEW)
    usable, _ = usable_columns(history)
    columns = _texts_first(read_columns({name: history.fields[name] for name in usable}))
    rows = _rows(history, columns)
    texts = sum(column.is_text for column in columns)
    rounds, chances = _tune(rows, texts, history, parameters)
    return Predictor(
        version=_version(rows, columns, history, parameters),
        columns=columns,
        rules=history.names,
        forest=learn_forest(rows, texts, history.won, replace(parameters, rounds_max=rounds)),
        chances=chances,
        library=_library(),
        learned_from=len(history),
        won=int(history.won.sum()),
        until=str(history.at.max().astype("datetime64[s]")),
    )


def predict(predictor: Predictor, history: History) -> Floats:
    """Return the chance of each lead, all at once."""
    if history.names != predictor.rules:
        raise ValueError("expected the rules that the model was learned with, found others")
    odds = log_odds_of(predictor.forest, _rows(history, predictor.columns))
    return chances_of(predictor.chances, odds)


def importances(
    predictor: Predictor, history: History, leads_max: int = 100
) -> dict[str, float]:
    """Return how far each feature moves the log-odds of a lead on average, the most first.

    Args:
        predictor: The model.
        history: Leads to look at.
        leads_max: How many of them, evenly chosen; each takes some milliseconds.
    """
    places = np.unique(
        np.linspace(0, len(history) - 1, min(leads_max, len(history))).astype(int)
    )
    moved = dict.fromkeys(predictor.features, 0.0)
    for place in places.tolist():
        fields = {name: values[place] for name, values in history.fields.items()}
        strengths = dict(zip(history.names, history.strengths[place].tolist(), strict=True))
        for part in predictor.explain(fields, strengths).parts:
            moved[part.feature] += abs(part.effect) / len(places)
    return dict(sorted(moved.items(), key=lambda item: (-item[1], item[0])))


def _newest(history: History) -> History:
    """Return the newest leads, as many as are learned from."""
    if len(history) <= LEADS_MAX:
        return history
    newest = np.zeros(len(history), dtype=np.bool_)
    newest[np.argsort(history.at, kind="stable")[-LEADS_MAX:]] = True
    return history.part(newest)


def _texts_first(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Put texts before numbers: the library orders them so itself."""
    return tuple(sorted(columns, key=lambda column: not column.is_text))


def _rows(history: History, columns: Sequence[Column]) -> Floats:
    """Return the leads as numbers: raw columns, then the strengths of rules."""
    rows = np.full((len(history), len(columns) + len(history.rules)), np.nan)
    for place, column in enumerate(columns):
        values = history.fields.get(column.name)
        if values is not None:
            rows[:, place] = numbers_of(column, values)
    rows[:, len(columns) :] = history.strengths
    return rows


def _tune(
    rows: Floats, texts: int, history: History, parameters: Parameters
) -> tuple[int, Chances]:
    """Choose the number of trees and the correction on the newest leads."""
    moment = moment_of_share(history, SHARE_OF_OLDER)
    older = history.at < moment
    newer = ~older
    if _one_outcome(history.won[older]) or _one_outcome(history.won[newer]):
        return parameters.rounds_max // 4, AS_IT_IS
    forest = learn_forest(rows[older], texts, history.won[older], parameters)
    rounds, odds = rounds_that_do_best(forest, rows[newer], history.won[newer])
    return rounds, correction_if_needed(odds, history.won[newer])


def _one_outcome(won: Flags) -> bool:
    """Say whether all leads ended alike, or there are none."""
    return bool(won.all() or not won.any())


def _version(
    rows: Floats, columns: Sequence[Column], history: History, parameters: Parameters
) -> str:
    """Return a hash of everything that the model follows from."""
    digest = hashlib.sha256()
    described = {
        "columns": [asdict(column) for column in columns],
        "format": FORMAT,
        "library": _library(),
        "parameters": asdict(parameters),
        "rules": history.names,
    }
    digest.update(json.dumps(described, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(rows, dtype="<f8").tobytes())
    digest.update(history.won.tobytes())
    digest.update(history.at.astype("<M8[s]").tobytes())
    return digest.hexdigest()[:16]


def _library() -> str:
    """Name what grows the trees, with its version."""
    return f"scikit-learn {metadata.version('scikit-learn')}"
