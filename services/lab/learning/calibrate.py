"""The line from scores to chances, learned from outcomes."""

import math
from typing import Final

import numpy as np

from services.lab.learning.history import Flags, Floats
from services.lab.learning.measure import log_loss
from services.scoring.models.chances import AS_IT_IS, ODDS_MAX, Chances

ROUNDS_MAX: Final = 100
# Where a step changes the line by less than this, it has been found.
CLOSE_ENOUGH: Final = 1e-10
# A spread this small beside the scores themselves comes from rounding.
NO_SPREAD: Final = 1e-9
# Twice the gain in log likelihood that two free numbers reach by chance once in a hundred.
GAIN_BY_CHANCE: Final = 9.21


def chances_of(line: Chances, scores: Floats) -> Floats:
    """Return the chance of being won that each score stands for, from 0 to 1."""
    return logistic(line.intercept + line.slope * scores)


def learn_chances(scores: Floats, won: Flags) -> Chances:
    """Fit the line by likelihood, with the softened targets of Platt (1999).

    The targets keep the line finite where a score parts won from lost without fault. When all
    scores are the same, the slope is 0 and the chance is the rate.
    """
    hits, misses = int(won.sum()), int((~won).sum())
    target = np.where(won, (hits + 1) / (hits + 2), 1 / (misses + 2))
    middle, spread = (float(scores.mean()), float(scores.std())) if len(won) else (0.0, 0.0)
    if spread <= NO_SPREAD * max(1.0, abs(middle)):
        share = (hits + 1) / (hits + misses + 2)
        return Chances(math.log(share / (1 - share)), 0.0)
    intercept, slope = _fit((scores - middle) / spread, target)
    return Chances(intercept - slope * middle / spread, slope / spread)


def correction_if_needed(log_odds: Floats, won: Flags) -> Chances:
    """Return a line that corrects log-odds, or none at all when they are right as far as seen.

    Args:
        log_odds: Of leads that the model was not learned from.
        won: What came of them.
    """
    line = learn_chances(log_odds, won)
    if line.slope <= 0:
        return AS_IT_IS
    before = log_loss(logistic(log_odds), won)
    gain = 2 * len(won) * (before - log_loss(chances_of(line, log_odds), won))
    return line if gain > GAIN_BY_CHANCE else AS_IT_IS


def logistic(odds: Floats) -> Floats:
    """Return the chances of log-odds."""
    chances: Floats = 1 / (1 + np.exp(-np.clip(odds, -ODDS_MAX, ODDS_MAX)))
    return chances


def _fit(scores: Floats, target: Floats) -> tuple[float, float]:
    """Maximise the likelihood by Newton's steps, halved while they make it worse."""
    line = np.zeros(2)
    design = np.column_stack((np.ones_like(scores), scores))
    for _ in range(ROUNDS_MAX):
        chances = logistic(design @ line)
        weight = np.maximum(chances * (1 - chances), 1e-12)
        uphill = design.T @ (target - chances)
        step = np.linalg.solve(design.T @ (design * weight[:, None]), uphill).astype(np.float64)
        size = _size_that_helps(design, target, line, step)
        line = line + size * step
        if float(np.abs(size * step).max()) < CLOSE_ENOUGH:
            break
    return float(line[0]), float(line[1])


def _size_that_helps(design: Floats, target: Floats, line: Floats, step: Floats) -> float:
    """Return how far to go so that the likelihood does not fall; 0 at its top."""
    loss = _loss(design @ line, target)
    size = 1.0
    while _loss(design @ (line + size * step), target) > loss:
        size /= 2
        if size < CLOSE_ENOUGH:
            return 0.0
    return size


def _loss(odds: Floats, target: Floats) -> float:
    """Return the negative log likelihood of soft targets."""
    return float(np.sum(np.logaddexp(0, odds) - target * odds))
