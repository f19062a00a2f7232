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

from services.lab.learning.calibrate import logistic
from services.lab.learning.history import Flags, Floats, Strengths, Times
from services.lab.learning.measure import losses

# How freely effects may differ from 0, weakest shrinking last; their prior spread is its root.
FREEDOMS: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
FOLDS: Final = 4
ROUNDS_MAX: Final = 500
# So many standard errors a gain seldom reaches by chance: once in twenty times.
SURELY: Final = 1.645
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
        gain: The mean log likelihood of those leads, beyond that of who promises all of them
            the mean rate so far; higher is better.
        doubt: The standard error of the gain.
    """

    freedom: float
    gain: float
    doubt: float


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What each column adds to the log-odds of being won, for each unit of its strength.

    Attributes:
        trials: Each freedom on the leads that came next; empty when all are of one time.
    """

    intercept: float
    of: Floats
    freedom: float
    trials: tuple[Trial, ...]

    @property
    def tell_nothing(self) -> bool:
        """Say whether what they gained on the leads that came next may be chance."""
        best = max(self.trials, key=lambda trial: trial.gain, default=None)
        return best is not None and best.gain <= SURELY * best.doubt


def learn_effects(
    strengths: Strengths, won: Flags, at: Times, freedoms: Sequence[float] = FREEDOMS
) -> Effects:
    """Fit the model, its freedom chosen by forward validation within these leads."""
    units = _units(strengths)
    matrix = _matrix(strengths / units)
    trials = _try_all(matrix, won, at, freedoms)
    best = max(trials, key=lambda trial: trial.gain).freedom if trials else min(freedoms)
    intercept, weights = _fit(matrix, won, [best])[0]
    return Effects(intercept, weights / units, best, trials)


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
) -> tuple[Trial, ...]:
    """Try each freedom on every fold that has both outcomes to learn from."""
    ordered = sorted(freedoms)
    found = [
        _gains(matrix, won, before, after, ordered)
        for before, after in forward_folds(at)
        if won[before].any() and not won[before].all()
    ]
    if not found:
        return ()
    gains = np.concatenate(found)
    spread = gains.std(axis=0) / math.sqrt(len(gains))
    return tuple(
        Trial(freedom, gain, doubt)
        for freedom, gain, doubt in zip(
            ordered, gains.mean(axis=0).tolist(), spread.tolist(), strict=True
        )
    )


def _gains(
    matrix: Matrix,
    won: Flags,
    before: NDArray[np.intp],
    after: NDArray[np.intp],
    freedoms: Sequence[float],
) -> Floats:
    """Return each later lead's gain over the mean rate, a column for each freedom."""
    plain = losses(np.full(len(after), won[before].mean()), won[after])
    later = matrix[after]
    fits = _fit(matrix[before], won[before], freedoms)
    return np.column_stack(
        [
            plain - losses(logistic(start + later @ weights), won[after])
            for start, weights in fits
        ]
    )


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
    from threadpoolctl import threadpool_limits

    model = LogisticRegression(max_iter=ROUNDS_MAX, tol=1e-5, warm_start=True)
    found = []
    # One thread, for the reasons that `boosting.py` gives; here it is up to ten times faster.
    with threadpool_limits(1):
        for freedom in freedoms:
            model.set_params(C=freedom).fit(matrix, won)
            found.append((float(model.intercept_[0]), model.coef_[0].astype(np.float64)))
    return found
