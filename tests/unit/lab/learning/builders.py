"""Made-up histories whose truth is known, for the tests of learning."""

import numpy as np

from services.lab.learning.history import History, RatedRule

BEGIN = np.datetime64("2026-01-01", "s")


def times(count):
    """One lead an hour."""
    return BEGIN + np.arange(count) * np.timedelta64(1, "h")


def a_history(held, won, points=None, **more):
    """A history of rules that hold or do not, named r0, r1, ..."""
    strengths = np.asarray(held, dtype=np.float32)
    if strengths.ndim == 1:
        strengths = strengths[:, None]
    given = [10] * strengths.shape[1] if points is None else points
    rules = tuple(RatedRule(f"r{place}", worth) for place, worth in enumerate(given))
    more.setdefault("at", times(len(strengths)))
    return History(rules, strengths, np.asarray(won, dtype=np.bool_), **more)


def planted(effects, count=3_000, seed=1, intercept=-1.5, share=0.3):
    """Which rules held, and what came of it when these are their true effects."""
    draw = np.random.default_rng(seed)
    held = (draw.random((count, len(effects))) < share).astype(np.float32)
    odds = intercept + held @ np.asarray(effects, dtype=np.float64)
    return held, draw.random(count) < 1 / (1 + np.exp(-odds))
