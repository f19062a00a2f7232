import json
import math

import pytest

from services.scoring.models.forest import LEAF, Forest, Node, read_forest


def a_leaf(value):
    return Node(LEAF, 0.0, None, False, 0, 0, value, 10)


FOREST = Forest(
    -1.0,
    (
        (
            Node(1, 2.5, None, True, 1, 2, 0.0, 20),
            a_leaf(0.1),
            Node(0, 0.0, frozenset({0, 3}), False, 3, 4, 0.0, 10),
            a_leaf(0.25),
            a_leaf(-0.5),
        ),
        (a_leaf(0.01),),
    ),
)


@pytest.mark.parametrize(
    ("row", "added"),
    [
        ((0.0, 2.5), 0.1),
        ((0.0, math.nan), 0.1),
        ((3.0, 2.6), 0.25),
        ((1.0, 2.6), -0.5),
        ((math.nan, 2.6), -0.5),
    ],
)
def test_a_path_ends_in_a_leaf(row, added):
    assert FOREST.log_odds(row) == -1.0 + added + 0.01


def test_a_forest_goes_through_json_unchanged():
    kept = json.loads(json.dumps(FOREST.to_json(), allow_nan=False))

    assert read_forest(kept) == FOREST


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"base": 0, "trees": 3},
        {"base": 0, "trees": [[]]},
        {"base": 0, "trees": [[[0, 1.0]]]},
        {"base": 0, "trees": [["x"]]},
        # A question that leads back to itself, out of the tree, or about a feature below none.
        {"base": 0, "trees": [[[0, 1.0, None, True, 0, 0, 0.0, 5]]]},
        {"base": 0, "trees": [[[0, 1.0, None, True, 7, 8, 0.0, 5]]]},
        {"base": 0, "trees": [[[-2, 1.0, None, True, 0, 0, 0.0, 5]]]},
    ],
)
def test_what_is_no_forest_is_refused(kept):
    with pytest.raises(ValueError, match="expected"):
        read_forest(kept)
