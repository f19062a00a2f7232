import numpy as np
import pytest

from services.lab.learning.history import History, moment_of_share, split_at
from tests.unit.lab.learning.builders import BEGIN, a_history, times


def four(**more):
    return a_history([[1, 0], [0, 1], [1, 1], [0, 0]], [True, False, True, False], **more)


def test_the_score_is_what_the_agreement_gave_where_that_is_known():
    assert four(points=[10, -3]).totals().tolist() == [10, -3, 7, 0]
    assert four(scores=np.array([5, 0, 5, 0])).totals().tolist() == [5, 0, 5, 0]


def test_a_split_parts_by_time_and_takes_every_column_along():
    history = four(
        fields={"a": ["p", None, 3.0, "q"]},
        sources=["w", "x", "y", "z"],
        reasons=[None, "r", None, None],
        scores=np.arange(4),
    )

    before, after = split_at(history, BEGIN + np.timedelta64(90, "m"))
    assert (len(before), len(after)) == (2, 2)
    assert after.fields["a"] == [3.0, "q"]
    assert (after.sources, before.reasons) == (["y", "z"], [None, "r"])
    assert after.totals().tolist() == [2, 3]


def test_leads_of_one_time_stay_on_one_side():
    history = four(at=np.repeat(times(2), 2))

    moment = moment_of_share(history, 0.7)
    before, after = split_at(history, moment)
    assert (len(before), len(after)) == (2, 2)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"fields": {"a": [1]}}, r"4 values in fields\['a'\], found 1"),
        ({"sources": ["x"]}, "4 values in sources"),
        ({"at": times(3)}, "4 values in at"),
        ({"at": np.array(["NaT"] * 4, dtype="datetime64[s]")}, "none for lead 0"),
    ],
)
def test_columns_that_do_not_fit_are_refused(more, says):
    with pytest.raises(ValueError, match=says):
        four(**more)


def test_a_strength_that_is_no_number_is_refused_by_name():
    with pytest.raises(ValueError, match="nan for rule 'r1' of lead 2"):
        a_history([[1, 0], [0, 1], [1, np.nan]], [True, False, True])


def test_strengths_of_other_rules_are_refused():
    with pytest.raises(ValueError, match="4 leads and 1 rules"):
        History(
            (("r0", 1),),  # type: ignore[arg-type]
            np.ones((4, 2), dtype=np.float32),
            np.ones(4, dtype=bool),
            times(4),
        )


def test_no_leads_are_a_history_without_a_moment():
    empty = a_history(np.zeros((0, 2)), [])

    assert (len(empty), empty.totals().tolist()) == (0, [])
    with pytest.raises(ValueError, match="expected leads"):
        moment_of_share(empty, 0.5)
