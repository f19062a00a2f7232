import math

import numpy as np
import pytest

from services.lab.learning.floats import numbers_of
from services.scoring.models.columns import (
    LEVELS_MAX,
    is_date,
    is_numeric,
    read_columns,
)


def column_of(values):
    (found,) = read_columns({"c": values})
    return found


def test_frequent_texts_are_known_and_rare_ones_share_a_number():
    column = column_of(["a"] * 30 + ["b"] * 40 + ["rare"] + [None])
    read = column.reader().read

    assert column.levels == ("b", "a")
    assert [read(text) for text in ("b", "a", "rare", "never seen")] == [0, 1, 2, 2]
    assert math.isnan(read(None))
    assert math.isnan(read(""))


def test_an_unknown_text_is_missing_where_no_rare_one_was_met():
    read = column_of(["a"] * 30 + ["b"] * 30).reader().read

    assert math.isnan(read("never seen"))


def test_levels_are_bounded():
    column = column_of([f"v{number}" for number in range(200) for _ in range(25)])

    assert (len(column.levels or ()), column.has_others) == (LEVELS_MAX, True)


@pytest.mark.parametrize(
    ("values", "numeric"),
    [
        ([1, 2.5, None], True),
        ([1, math.nan, ""], True),
        ([True, False], True),
        ([1, "2"], False),
        (["", None], False),
        ([None], False),
        ([], False),
        ([math.nan], False),
    ],
)
def test_a_column_of_numbers_is_told_from_texts(values, numeric):
    assert is_numeric(values) is numeric


def test_numbers_beyond_measure_are_missing():
    column = column_of([1.0, 2, 3])

    found = numbers_of(column, [1, 10**400, math.inf, -math.inf, math.nan, None, True, "7"])
    assert found[[0, 6]].tolist() == [1, 1]
    assert np.isnan(found[[1, 2, 3, 4, 5, 7]]).all()


def test_numbers_among_texts_are_read_as_texts():
    column = column_of(["a"] * 25 + [7] * 25)

    assert column.levels == ("7", "a")
    assert numbers_of(column, [7, "7", "a", 7.5]).tolist()[:3] == [0, 0, 1]


@pytest.mark.parametrize(
    ("values", "dates"),
    [
        (["2018-01-02", "2018-01-02T03:04:05Z", None], True),
        (["02.01.2018", "1/2/18"], True),
        (["a", "2018-01-02"], False),
        (["10.0.0.1"], False),
        ([], False),
        ([20180102], False),
    ],
)
def test_a_column_of_dates_is_told(values, dates):
    assert is_date(values) is dates
