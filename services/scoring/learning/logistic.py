"""A logistic model of won and lost whose strength of shrinking is chosen in the order of time.

L2, so that rules which few leads meet are drawn to no effect and rules which come together
share it; a lasso would drop one of two alike at random. Each column is brought to at most about
1 first, so that points for a count of ten opens shrink like those for a fact.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.scoring.learning.calibrate import logistic
from services.scoring.learning.history import Flags, Floats, Strengths, Times
from services.scoring.learning.measure import log_loss

# How freely effects may differ from 0, weakest shrinking last; their prior spread is its root.
FREEDOMS: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
FOLDS: Final = 4
ROUNDS_MAX: Final = 500
# What a column's largest strengths are taken for, but for the few above.
NEARLY_ALL: Final = 0.99


class Matrix(Protocol):
    """A sparse matrix, one row a lead."""

    def __getitem__(self, rows: NDArray[np.intp]) -> "Matrix":
        """Return some of the rows."""
        ...

    def __matmul__(self, column: Floats) -> Floats:
        """Multiply with one number for each column."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """How well one freedom did on the parts of the history that came next.

    Attributes:
        loss: The mean negative log likelihood of those leads; lower is better.
    """

    freedom: float
    loss: float


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What each column adds to the log-odds of being won, for each unit of its strength.

    Attributes:
        trials: Each freedom on the leads that came next; empty when all are of one time.
        loss_of_rate: The loss there of who promises every lead the mean rate so far.
    """

    intercept: float
    of: Floats
    freedom: float
    trials: tuple[Trial, ...]
    loss_of_rate: float

    @property
    def tell_nothing(self) -> bool:
        """Say whether they did no better on the leads that came next than the mean rate."""
        return bool(self.trials) and min(t.loss for t in self.trials) >= self.loss_of_rate


def learn_effects(
    strengths: Strengths, won: Flags, at: Times, freedoms: Sequence[float] = FREEDOMS
) -> Effects:
    """Fit the model, its freedom chosen by forward validation within these leads."""
    units = _units(strengths)
    matrix = _matrix(strengths / units)
    trials, loss_of_rate = _try_all(matrix, won, at, freedoms)
    best = min(trials, key=lambda trial: trial.loss).freedom if trials else min(freedoms)
    intercept, weights = _fit(matrix, won, [best])[0]
    return Effects(intercept, weights / units, best, trials, loss_of_rate)


def forward_folds(
    at: Times, folds: int = FOLDS
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Cut leads by time: each fold learns from all before a moment, tried on what follows.

    Leads of the very same time are never on both sides.
    """
    ordered = np.sort(at)
    places = np.linspace(0, len(ordered), folds + 2).astype(int)[1:-1]
    moments = np.unique(ordered[places]) if len(ordered) else ordered
    found = []
    for number, moment in enumerate(moments):
        before, after = at < moment, at >= moment
        if number + 1 < len(moments):
            after &= at < moments[number + 1]
        if before.any() and after.any():
            found.append((np.flatnonzero(before), np.flatnonzero(after)))
    return found


def _try_all(
    matrix: Matrix, won: Flags, at: Times, freedoms: Sequence[float]
) -> tuple[tuple[Trial, ...], float]:
    """Try each freedom, and the mean rate, on every fold with both outcomes to learn from."""
    loss_of_rate = 0.0
    losses = dict.fromkeys(sorted(freedoms), 0.0)
    tried = 0
    for before, after in forward_folds(at):
        if won[before].all() or not won[before].any():
            continue
        tried += len(after)
        rate = np.full(len(after), won[before].mean())
        loss_of_rate += log_loss(rate, won[after]) * len(after)
        fits = _fit(matrix[before], won[before], sorted(freedoms))
        for freedom, (intercept, weights) in zip(losses, fits, strict=True):
            chances = logistic(intercept + matrix[after] @ weights)
            losses[freedom] += log_loss(chances, won[after]) * len(after)
    if not tried:
        return (), math.nan
    trials = tuple(Trial(freedom, loss / tried) for freedom, loss in losses.items())
    return trials, loss_of_rate / tried


def _units(strengths: Strengths) -> Floats:
    """Return what to divide each column by, so that nearly all of it lies within 1."""
    units = np.ones(strengths.shape[1])
    for place in range(strengths.shape[1]):
        held = np.abs(strengths[:, place])
        held = held[held > 0]
        if held.size:
            units[place] = np.quantile(held, NEARLY_ALL)
    return units


def _matrix(strengths: NDArray[np.floating]) -> Matrix:
    """Keep only what is not 0: most rules hold for few leads."""
    from scipy.sparse import csr_matrix

    matrix: Matrix = csr_matrix(strengths, dtype=np.float64)
    return matrix


def _fit(matrix: Matrix, won: Flags, freedoms: Sequence[float]) -> list[tuple[float, Floats]]:
    """Fit one model a freedom, each begun where the one before ended."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=ROUNDS_MAX, tol=1e-5, warm_start=True)
    found = []
    for freedom in freedoms:
        model.set_params(C=freedom).fit(matrix, won)
        found.append((float(model.intercept_[0]), model.coef_[0].astype(np.float64)))
    return found
