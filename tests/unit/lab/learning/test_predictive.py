import json
import math
from dataclasses import replace

import numpy as np
import pytest

from services.lab.learning import boosting, predictive
from services.lab.learning.boosting import DiffersFromLibrary, Parameters
from services.lab.learning.enough import TooLittle
from services.lab.learning.measure import auc, calibration_curve, calibration_error
from services.lab.learning.predictive import importances, learn_predictor, predict
from services.scoring.models.predictor import Predictor, read_predictor
from tests.unit.lab.learning.builders import a_history

COUNT = 3_000


def drawn(seed=1, count=COUNT):
    """Leads whose outcome hangs on a text and a number together, and on one of two rules."""
    draw = np.random.default_rng(seed)
    page = draw.choice(["pricing", "blog", "about"], count).astype(object)
    staff = draw.lognormal(4, 1, count)
    held = (draw.random((count, 2)) < 0.3).astype(np.float32)
    odds = -2.5 + 2.0 * ((page == "pricing") & (staff > 50)) + 1.0 * held[:, 0]
    won = draw.random(count) < 1 / (1 + np.exp(-odds))
    page[draw.random(count) < 0.1] = None
    rare = [f"town {n}" for n in draw.integers(0, 500, count)]
    gone = draw.random(count) < 0.1
    known = [None if missing else many for missing, many in zip(gone, staff, strict=True)]
    fields = {"town": rare, "staff": known, "page": page.tolist()}
    return a_history(held, won, fields=fields)


@pytest.fixture(scope="module")
def history():
    return drawn()


@pytest.fixture(scope="module")
def predictor(history):
    found = learn_predictor(history)
    assert isinstance(found, Predictor)
    return found


def lead(history, place):
    fields = {name: values[place] for name, values in history.fields.items()}
    strengths = dict(zip(history.names, history.strengths[place].tolist(), strict=True))
    return fields, strengths


def test_it_finds_what_works_together(predictor):
    later = drawn(seed=2)

    chances = predict(predictor, later)
    assert auc(chances, later.won) > 0.68
    assert calibration_error(calibration_curve(chances, later.won)) < 0.05
    moved = importances(predictor, later, leads_max=20)
    assert next(iter(moved)) == "page"
    assert set(list(moved)[:3]) == {"page", "staff", "r0"}


def test_one_lead_and_many_have_the_same_score(predictor, history):
    many = predict(predictor, history)[:50]

    one = [predictor.score(*lead(history, place)) for place in range(50)]
    assert one == [round(100 * chance, 1) for chance in many.tolist()]
    assert all(0 <= score <= 100 for score in one)


def test_parts_sum_to_the_score(predictor, history):
    for place in range(20):
        found = predictor.explain(*lead(history, place))

        total = found.base + sum(part.effect for part in found.parts)
        assert total == pytest.approx(found.log_odds, abs=1e-12)
        assert found.score == round(100 / (1 + math.exp(-total)), 1)
        assert found.score == predictor.score(*lead(history, place))


def test_values_never_seen_are_harmless(predictor):
    strange = {"page": "never seen", "town": 7, "staff": "many", "more": "x"}

    for fields in (strange, {}, {"staff": math.inf}, {"staff": 10**400}, {"page": ""}):
        assert 0 <= predictor.score(fields, {}) <= 100


def test_the_same_history_gives_the_same_version_and_model(predictor, history):
    again = learn_predictor(history)

    assert again == predictor
    assert len(predictor.version) == 16


@pytest.mark.parametrize(
    "change",
    [
        lambda history: replace(history, won=~history.won),
        lambda history: replace(history, at=history.at + np.timedelta64(1, "s")),
        lambda history: replace(history, strengths=1 - history.strengths),
        lambda history: replace(history, fields={"page": history.fields["page"]}),
    ],
    ids=["outcomes", "times", "strengths", "columns"],
)
def test_another_history_is_another_version(predictor, history, change):
    other = learn_predictor(change(history))

    assert isinstance(other, Predictor)
    assert other.version != predictor.version


def test_other_parameters_are_another_version(predictor, history):
    other = learn_predictor(history, Parameters(leaves=4))

    assert isinstance(other, Predictor)
    assert other.version != predictor.version


def test_a_model_goes_through_its_text_unchanged(predictor):
    assert read_predictor(predictor.to_json()) == predictor


def spoilt(predictor):
    text = predictor.to_json()
    kept = json.loads(text)
    other = {"model": json.dumps({"format": 2}), "sha256": kept["sha256"]}
    return [
        "",
        "null",
        "[]",
        text[:-10],
        text.replace('base\\":-', 'base\\":'),
        json.dumps(other),
        "[" * 100_000,
        " " * (16 * 1024 * 1024 + 1),
    ]


@pytest.mark.parametrize("number", range(8))
def test_a_text_that_was_cut_or_changed_is_refused(predictor, number):
    with pytest.raises(ValueError, match="expected"):
        read_predictor(spoilt(predictor)[number])


def test_trees_that_say_something_else_than_the_library_are_refused(history, monkeypatch):
    # As if a new version of the library kept its trees in another way.
    read = boosting._node

    def misread(node, bitsets, layout):
        right = read(node, bitsets, layout)
        return right._replace(missing_left=not right.missing_left)

    monkeypatch.setattr(boosting, "_node", misread)
    with pytest.raises(DiffersFromLibrary, match="differ by"):
        learn_predictor(history)


def test_without_a_signal_hardly_a_tree_is_grown():
    noise = drawn()
    won = np.random.default_rng(17).random(COUNT) < 0.2

    found = learn_predictor(replace(noise, won=won))
    assert isinstance(found, Predictor)
    assert len(found.forest.trees) <= 8
    assert predict(found, noise).std() < 0.02


def test_too_little_is_said_with_numbers(history):
    few = history.part(np.arange(COUNT) < 500)

    found = learn_predictor(few)
    assert isinstance(found, TooLittle)
    assert "500 more leads with an outcome" in str(found)


def test_a_text_of_one_level_is_learned_as_there_or_not(history):
    draw = np.random.default_rng(3)
    there = np.where(history.won, draw.random(COUNT) < 0.6, draw.random(COUNT) < 0.2)
    fields = {"phone": ["yes" if it else None for it in there], "page": history.fields["page"]}

    found = learn_predictor(replace(history, fields=fields))
    assert isinstance(found, Predictor)
    scores = [found.score({"phone": phone, "page": "blog"}, {}) for phone in ("yes", None)]
    assert scores[0] > scores[1] + 10


@pytest.mark.parametrize("value", [1.5, "x"])
def test_a_column_that_only_the_newest_leads_have_is_no_fault(history, value):
    """The part that decides how many trees to grow does not know it."""
    late = [value if place % 2 else None for place in range(COUNT)]
    fields = {"late": [None] * (COUNT - 400) + late[-400:], "page": history.fields["page"]}

    found = learn_predictor(replace(history, fields=fields))
    assert isinstance(found, Predictor)
    assert "late" in found.features


def test_leads_without_columns_and_of_one_time_are_learned_from(history):
    bare = replace(history, fields={}, at=np.repeat(history.at[:1], COUNT))

    found = learn_predictor(bare)
    assert isinstance(found, Predictor)
    assert found.features == ("r0", "r1")


def test_of_many_leads_the_newest_are_learned_from(history, monkeypatch):
    monkeypatch.setattr(predictive, "LEADS_MAX", 2_000)

    found = learn_predictor(history)
    newest = learn_predictor(history.part(np.arange(COUNT) >= COUNT - 2_000))
    assert isinstance(found, Predictor)
    assert found == newest


def test_a_model_of_other_rules_is_refused(predictor, history):
    other = replace(history, rules=history.rules[:1], strengths=history.strengths[:, :1])

    with pytest.raises(ValueError, match="rules that the model"):
        predict(predictor, other)
