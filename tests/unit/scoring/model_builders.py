"""Models with one question a tree, whose answers can be worked out by hand."""

from dataclasses import replace
from random import Random

from leadloop.conditions import Condition
from services.scoring.definition import Agreement, Tier
from services.scoring.models.chances import AS_IT_IS
from services.scoring.models.columns import Column
from services.scoring.models.forest import LEAF, Forest, Node
from services.scoring.models.model import Model
from services.scoring.models.predictor import Predictor

VERSION = "0123456789abcdef"


def a_tree(feature, threshold, low, high, leads=100, levels=None):
    """Asks one question; a missing value goes the low way."""
    half = leads // 2
    return (
        Node(feature, threshold, levels, True, 1, 2, 0.0, leads),
        Node(LEAF, 0.0, None, False, 0, 0, low, half),
        Node(LEAF, 0.0, None, False, 0, 0, high, leads - half),
    )


def a_predictor(version=VERSION, trees=None, columns=("employees",), rules=("visit",)):
    """More employees and more visits help: 12, 50 and 88 of a hundred are won."""
    if trees is None:
        trees = (a_tree(0, 50.0, -1.0, 1.0), a_tree(1, 0.75, -1.0, 1.0))
    return Predictor(
        version=version,
        columns=tuple(Column(name, None) for name in columns),
        rules=tuple(rules),
        forest=Forest(0.0, tuple(trees)),
        chances=AS_IT_IS,
        library="made by hand",
        learned_from=1_000,
        won=100,
        until="2026-01-05T00:00:00",
    )


def foreseeing(agreement: Agreement, random: Random) -> Agreement:
    """Return the same agreement with tiers that ask for the score of a made-up model."""
    names = [rule.name for rule in agreement.rules]
    trees = [
        a_tree(random.randrange(1 + len(names)), random.uniform(0.0, 3.0), *_leaves(random))
        for _ in range(random.randint(1, 6))
    ]
    least = random.randint(30, 70)
    asked = f"predicted >= {least}" + random.choice(("", " && total > 5"))
    tiers = (Tier("likely", Condition(asked)), *agreement.tiers)
    model = Model(a_predictor(trees=trees, rules=names))
    return replace(agreement, tiers=tiers, predictive_model=VERSION, model=model)


def _leaves(random: Random) -> tuple[float, float]:
    return random.uniform(-1.0, 1.0), random.uniform(-1.0, 1.0)
