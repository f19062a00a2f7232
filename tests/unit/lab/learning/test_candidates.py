import numpy as np
import pytest

from leadloop.conditions import Condition, Verdict
from services.lab.learning.candidates import (
    CANDIDATES_MAX,
    PER_COLUMN_MAX,
    Asks,
    Candidate,
    candidates,
)
from tests.unit.lab.learning.builders import a_history

ODD = 'quote " back\\slash \n é 🎈'
NAMES = ("plain", "with space", "in", "Großes", ODD)


@pytest.mark.parametrize("column", NAMES)
@pytest.mark.parametrize(
    ("test", "value", "held", "missed"),
    [
        (Asks.IS, ODD, [ODD], ["other", "", None, 7.0]),
        (Asks.AT_LEAST, 3, [3, 3.0, 4.5], [2.9, None]),
        (Asks.AT_LEAST, 2.5e-7, [3, 2.5e-7], [0, -1.5]),
        (Asks.AT_LEAST, -3, [-3, 0.5], [-3.5]),
        (Asks.MISSING, "", [None], ["x", 0, 0.0]),
    ],
)
def test_a_condition_holds_where_the_candidate_does(column, test, value, held, missed):
    candidate = Candidate(column, test, value)
    condition = Condition(candidate.condition)

    for values, expected in ((held, True), (missed, False)):
        assert candidate.holds(values).tolist() == [expected] * len(values)
        for field in values:
            lead = {} if field in {None, ""} else {column: field}
            assert (condition.judge(lead) is Verdict.HOLDS) is expected


def test_names_are_for_people():
    assert Candidate("page", Asks.IS, "pricing").name == "page is pricing"
    assert Candidate("visits", Asks.AT_LEAST, 3).name == "visits at least 3"
    assert Candidate("phone", Asks.MISSING).name == "phone missing"
    assert Candidate("budget", Asks.MISSING).condition == "!has(lead.budget)"


def test_a_field_that_every_lead_has_is_missing_when_it_is_empty():
    assert Candidate("phone", Asks.MISSING).condition == 'lead.phone == ""'


def of_columns(count=120, held=None, **fields):
    strengths = np.zeros((count, 0)) if held is None else held
    history = a_history(strengths, np.arange(count) % 3 == 0, fields=fields)
    return [c.name for c in candidates(history, tuple(fields))]


def test_values_with_leads_enough_are_proposed():
    values = ["a"] * 60 + ["b"] * 31 + ["c"] * 29

    assert of_columns(c=values) == ["c is a", "c is b"]


def test_numbers_are_cut_where_leads_are():
    assert of_columns(c=[float(n) for n in range(120)]) == [
        "c at least 30",
        "c at least 60",
        "c at least 90",
    ]


def test_numbers_are_cut_where_people_can_read_it():
    assert of_columns(160, c=[n / 7 + 1234 for n in range(160)]) == [
        "c at least 1240",
        "c at least 1245",
        "c at least 1251",
    ]
    assert of_columns(c=[n / 7e5 for n in range(120)])[0] == "c at least 4.286e-05"


def test_a_missing_value_is_asked_for():
    values = [5.0 if n % 3 else None for n in range(120)]

    assert of_columns(c=values) == ["c at least 5"]
    assert of_columns(c=["a" if n % 2 else "b" if n % 3 else None for n in range(120)]) == [
        "c is a",
        "c is b",
    ]
    assert of_columns(c=["a", "b", None] * 40) == ["c is a", "c is b", "c missing"]


def test_what_a_rule_says_already_is_not_proposed_nor_its_opposite():
    values = ["a", "b"] * 60
    held = np.array([[1], [0]] * 60)

    assert of_columns(c=values) == ["c is a"]
    assert of_columns(held=held, c=values) == []
    assert of_columns(held=1 - held, c=values) == []


def test_candidates_are_bounded():
    count = 8_000
    draw = np.random.default_rng(1)
    fields = {f"c{n}": [f"v{v}" for v in draw.integers(0, 60, count)] for n in range(6)}

    found = of_columns(count, **fields)
    assert len(found) == CANDIDATES_MAX
    assert sum(name.startswith("c0 ") for name in found) == PER_COLUMN_MAX


def test_no_leads_have_no_candidates():
    assert of_columns(0, c=[]) == []
