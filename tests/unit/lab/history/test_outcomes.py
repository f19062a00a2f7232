import pytest

from leadloop.errors import Rejected
from services.lab.history.outcomes import Values, meaning_of


def meaning(*texts, **told):
    values = Values()
    values.look_at(texts)
    return meaning_of(values, "Stage", **told)


def read(*texts, **told):
    reader = meaning(*texts, **told).reader()
    return [reader(text) for text in texts]


@pytest.mark.parametrize(
    ("texts", "outcomes"),
    [
        (("1", "0"), [True, False]),
        (("1.0", "0.0"), [True, False]),
        (("TRUE", "false"), [True, False]),
        (("yes", "no"), [True, False]),
        (("Closed Won", "Closed Lost", "Negotiation"), [True, False, None]),
        (("ClosedWon", "Closed - Lost", ""), [True, False, None]),
        (("Closed - Converted", "Closed - Not Converted"), [True, False]),
        (("Gewonnen", "Verloren"), [True, False]),
        (("yes", ""), [True, False]),
        (("2026-01-05", "", "NULL"), [True, False, False]),
    ],
)
def test_outcomes_are_told_by_their_words(texts, outcomes):
    assert read(*texts) == outcomes


def test_an_amount_above_zero_means_won():
    texts = [*(f"{n}.50" for n in range(1, 20)), "0", "0.00", "", "$1,200"]

    assert read(*texts) == [True] * 19 + [False, False, False, True]


def test_any_id_means_won_where_the_others_are_blank():
    assert read(*(f"deal-{n}" for n in range(60)), "") == [True] * 60 + [False]


def test_what_means_won_can_be_told():
    assert read("good", "bad", "", won=["Good"]) == [True, False, False]
    assert read("good", "bad", "new", won=["good"], lost=["bad"]) == [True, False, None]
    assert read("any", "", won=["*"]) == [True, False]


@pytest.mark.parametrize("only", ["won", "", "0"])
def test_one_value_for_every_lead_is_refused(only):
    with pytest.raises(Rejected, match="for every lead: with no lead of another outcome"):
        read(only, only)


@pytest.mark.parametrize(
    "texts", [("good", "bad"), ("customer", "lead"), ("1", "2", "3", ""), ("a", "b", "c")]
)
def test_values_that_could_mean_anything_are_refused(texts):
    with pytest.raises(
        Rejected, match=r"It is not clear which values of 'Stage' mean won.*--won"
    ):
        read(*texts)


def test_a_value_that_no_lead_has_is_refused_with_the_nearest():
    with pytest.raises(Rejected, match=r"No lead has 'wom' .*\(did you mean won\?\)"):
        read("won", "lost", won=["wom"])


def test_only_losses_are_refused():
    with pytest.raises(Rejected, match=r"says who was lost .* and not who was won"):
        read("lost", "")


def test_a_date_says_when_it_was():
    assert meaning("2026-01-05", "").says_when
    assert not meaning("yes", "").says_when
