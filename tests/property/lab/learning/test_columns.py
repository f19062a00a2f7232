"""Whatever an export holds, its columns become finite numbers or missing ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadloop.conditions import Condition, Verdict
from services.lab.learning.candidates import Asks, Candidate
from services.lab.learning.floats import numbers_of
from services.lab.learning.usable import usable_columns
from services.scoring.models.columns import read_columns
from tests.unit.lab.learning.builders import a_history

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FIELD = st.one_of(
    st.none(), TEXT, st.integers(), st.floats(), st.sampled_from(["a", "b", 1, 2.5, None])
)


@given(st.lists(FIELD, max_size=80), st.lists(FIELD, max_size=20))
def test_all_at_once_reads_as_one_by_one(learned, met):
    (column,) = read_columns({"c": learned * 7})
    read = column.reader().read

    found = numbers_of(column, met)
    assert np.array_equal(found, [read(value) for value in met], equal_nan=True)
    assert not np.isinf(found).any()


@given(st.lists(st.tuples(FIELD, st.booleans()), max_size=120))
def test_a_column_is_used_or_set_aside_with_a_reason(leads):
    values = [value for value, _ in leads]
    history = a_history(
        np.zeros((len(leads), 0)), [won for _, won in leads], fields={"c": values}
    )

    usable, aside = usable_columns(history)
    assert len(usable) + len(aside) == 1
    assert all(found.why for found in aside)


@given(TEXT.filter(bool), TEXT.filter(bool), st.lists(TEXT, max_size=5))
def test_a_proposed_condition_holds_where_it_was_learned_to(column, value, others):
    candidate = Candidate(column, Asks.IS, value)
    condition = Condition(candidate.condition)

    for other in (value, *others):
        held = condition.judge({column: other} if other else {}) is Verdict.HOLDS
        assert candidate.holds([other]).tolist() == [held]
