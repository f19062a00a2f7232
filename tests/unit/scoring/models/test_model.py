import hashlib
import json

import pytest

from services.scoring.models.model import DEPTH_MAX, TEXT_MAX, Unsound, read_model, whole
from tests.unit.scoring.model_builders import a_predictor, a_tree


def forged(change):
    """A model that someone changed, with a hash that fits."""
    body = json.loads(json.loads(a_predictor().to_json())["model"])
    change(body)
    text = json.dumps(body)
    return json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "model": text})


def test_a_model_that_was_learned_is_read():
    model = read_model(a_predictor().to_json())

    assert model.predicted({"employees": 80}, {"visit": 1.0}) == 88
    assert model.predicted({"employees": 80}, {"visit": 0.0}) == 50
    assert model.predicted({}, {}) == 12


def test_the_strengths_that_it_tells_apart_are_known():
    trees = (a_tree(1, 2.5, 0.0, 1.0), a_tree(1, 0.5, 0.0, 1.0), a_tree(0, 9.0, 0.0, 1.0))
    model = read_model(a_predictor(trees=trees).to_json())

    assert model.levels == {"visit": (0.5, 2.5)}
    assert [model.level("visit", s) for s in (0.5, 0.6, 2.5, 2.6)] == [0, 1, 1, 2]
    assert model.level("other", 1.0) == 0


@pytest.mark.parametrize(("score", "shown"), [(0.0, 0), (42.4, 42), (42.5, 43), (100.0, 100)])
def test_a_half_is_rounded_up(score, shown):
    assert whole(score) == shown


def trees(change):
    def changed(body):
        change(body["forest"]["trees"])

    return changed


def chain(length):
    """A tree that asks one question after another."""
    nodes = []
    for n in range(length):
        nodes.append([0, 1.0, None, False, 2 * n + 1, 2 * n + 2, 0.0, 10])
        nodes.append([-1, 0.0, None, False, 0, 0, 1.0, 10])
    ordered = [nodes[0]]
    for n in range(length):
        ordered.append([-1, 0.0, None, False, 0, 0, 1.0, 10])
        last = [-1, 0.0, None, False, 0, 0, 1.0, 10]
        ordered.append(nodes[2 * n + 2] if n + 1 < length else last)
    return ordered


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(version="../etc"),
        lambda body: body.update(version="abc"),
        lambda body: body.update(version=7),
        lambda body: body.update(rules=[1]),
        lambda body: body.update(rules=None),
        lambda body: body.update(columns=[{"name": "x"}]),
        lambda body: body.update(learned_from="many"),
        lambda body: body.update(won=-1),
        lambda body: body.pop("until"),
        lambda body: body.update(format=2),
        lambda body: body.update(chances={"intercept": 0.0, "slope": float("nan")}),
        lambda body: body["forest"].update(base=float("inf")),
        lambda body: body["forest"].update(trees=7),
        lambda body: body.update(rules=[f"r{n}" for n in range(401)]),
        trees(lambda found: found[0][0].__setitem__(0, 2)),
        trees(lambda found: found[0][0].__setitem__(4, 0)),
        trees(lambda found: found[0][0].__setitem__(4, 2)),
        trees(lambda found: found[0][0].__setitem__(7, 0)),
        trees(lambda found: found[0][1].__setitem__(6, float("inf"))),
        trees(lambda found: found[0].append([-1, 0.0, None, False, 0, 0, 1.0, 10])),
        trees(lambda found: found.append([])),
        trees(lambda found: found.append([7])),
        trees(lambda found: found.extend([found[0]] * 3_000)),
        trees(lambda found: found.append(chain(DEPTH_MAX + 1))),
    ],
)
def test_a_model_that_could_not_be_judged_by_is_refused_though_its_hash_fits(change):
    with pytest.raises(Unsound):
        read_model(forged(change))


def test_as_many_questions_as_may_be_asked_are_read():
    model = read_model(forged(trees(lambda found: found.append(chain(DEPTH_MAX)))))

    assert len(model.predictor.forest.trees) == 3


@pytest.mark.parametrize("text", ["", "[]", "{}", "x" * (TEXT_MAX + 1), '{"model": 1}'])
def test_what_is_no_model_is_refused(text):
    with pytest.raises(Unsound):
        read_model(text)
