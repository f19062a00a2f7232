import numpy as np
import pytest

from services.lab.learning.usable import usable_columns
from tests.unit.lab.learning.builders import a_history

COUNT = 600
DRAW = np.random.default_rng(6)
WON = DRAW.random(COUNT) < 0.3


def judged(values):
    history = a_history(np.zeros((COUNT, 0)), WON, fields={"c": values})
    usable, aside = usable_columns(history)
    return usable, aside[0].why if aside else ""


@pytest.mark.parametrize(
    "values",
    [
        DRAW.choice(["a", "b", "c"], COUNT).tolist(),
        DRAW.normal(size=COUNT).tolist(),
        [None if missing else 1.0 for missing in DRAW.random(COUNT) < 0.5],
        np.where(WON & (DRAW.random(COUNT) < 0.5), "b", "a").tolist(),
    ],
    ids=["texts", "numbers", "there or not", "a strong hint"],
)
def test_an_ordinary_column_is_used(values):
    assert judged(values) == (("c",), "")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["a"] * COUNT, "the same of every lead"),
        ([None] * COUNT, "is empty"),
        ([""] * COUNT, "is empty"),
        ([3.0] * COUNT, "the same of every lead"),
        ([f"id{n}" for n in range(COUNT)], "600 different values"),
        (list(range(COUNT)), "runs with time"),
        ([-n if n % 50 else None for n in range(COUNT)], "runs with time"),
        ([f"2026-01-{1 + n % 28:02}" for n in range(COUNT)], "dates"),
        (["Closed Won" if won else "Open" for won in WON], "when the outcome was known"),
        ([float(n % 7) if won else None for n, won in enumerate(WON)], "the outcome was known"),
    ],
    ids=range(10),
)
def test_a_column_that_would_deceive_is_set_aside_with_the_reason(values, why):
    usable, said = judged(values)

    assert usable == ()
    assert why in said


def test_columns_are_bounded():
    values = DRAW.choice(["a", "b"], COUNT).tolist()
    history = a_history(
        np.zeros((COUNT, 0)), WON, fields={f"c{number}": values for number in range(203)}
    )

    usable, aside = usable_columns(history)
    assert (len(usable), len(aside)) == (200, 3)
    assert "more than 200 columns" in aside[0].why


def test_no_leads_and_no_columns_are_no_fault():
    empty = a_history(np.zeros((0, 0)), [], fields={"c": []})

    assert usable_columns(empty)[0] == ()
    assert usable_columns(a_history(np.zeros((0, 0)), [])) == ((), ())
