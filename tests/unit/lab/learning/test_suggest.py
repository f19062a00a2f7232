import numpy as np
import pytest

from services.lab.learning.enough import TooLittle
from services.lab.learning.measure import auc
from services.lab.learning.points import Change
from services.lab.learning.suggest import NothingFound, Suggestion, suggest
from tests.unit.lab.learning.builders import a_history, planted


def suggested(history, **more):
    found = suggest(history, **more)
    assert isinstance(found, Suggestion)
    return found


def test_planted_effects_become_points_in_their_order():
    held, won = planted([1.2, 0.6, 0.0, -0.8], count=8_000)

    found = suggested(a_history(held, won, points=[5, 20, 10, 10]))
    points = [rule.points for rule in found.rules]
    assert points[0] > points[1] > points[2] > points[3]
    assert [rule.change for rule in found.rules] == [
        Change.RAISED,
        Change.LOWERED,
        Change.IDLE,
        Change.TURNED,
    ] or points[2] in {-1, 1}
    assert found.scale.keeps_spread


def test_a_rule_that_few_leads_met_keeps_its_points():
    held, won = planted([1.0, 1.0, 1.0], count=2_000)
    held[:, 1] = np.arange(2_000) < 29
    held[:, 2] = np.arange(2_000) >= 29

    found = suggested(a_history(held, won, points=[5, 20, 30]))
    assert [(rule.points, rule.change) for rule in found.rules[1:]] == [
        (20, Change.KEPT),
        (30, Change.KEPT),
    ]
    assert found.rules[1].held == 29


def test_an_engagement_rule_gets_points_for_a_unit_of_its_strength():
    draw = np.random.default_rng(3)
    strength = draw.integers(0, 6, 8_000) * draw.random(8_000)
    won = draw.random(8_000) < 1 / (1 + np.exp(2 - 0.6 * strength))

    found = suggested(a_history(strength, won, points=[7]))
    assert found.rules[0].points in range(10, 101)
    assert found.rules[0].effect == pytest.approx(0.6, abs=0.1)


def test_rules_are_proposed_for_values_that_matter_and_only_for_those():
    held, won = planted([0.5], count=6_000)
    draw = np.random.default_rng(7)
    page = np.where(won & (draw.random(6_000) < 0.4), "pricing", "blog")
    page[draw.random(6_000) < 0.3] = "about"
    noise = draw.choice([f"n{n}" for n in range(20)], 6_000)
    history = a_history(held, won, fields={"page": page.tolist(), "noise": noise.tolist()})

    found = suggested(history)
    proposed = {p.candidate.condition: p.points for p in found.proposals}
    assert proposed['lead.page == "pricing"'] > 0
    assert not any("noise" in condition for condition in proposed)
    assert suggested(history, with_proposals=False).proposals == ()


def test_a_column_that_was_filled_in_afterwards_is_never_proposed():
    held, won = planted([1.0], count=3_000)
    fields = {"stage": ["won" if it else "open" for it in won]}

    found = suggested(a_history(held, won, fields=fields))
    assert found.proposals == ()
    assert [aside.column for aside in found.set_aside] == ["stage"]


def test_suggested_points_do_better_on_leads_that_came_later():
    effects = np.random.default_rng(2).normal(0, 0.7, 20)
    held, won = planted(effects, count=6_000, seed=11)
    later_held, later_won = planted(effects, count=3_000, seed=12)

    found = suggested(a_history(held, won))
    later = a_history(later_held, later_won)
    best = auc(later_held @ effects, later_won)
    assert auc(found.scores(later), later_won) > auc(later.totals(), later_won) + 0.05
    assert auc(found.scores(later), later_won) > best - 0.02


def test_a_score_stands_for_a_chance():
    held, won = planted([1.5, -1.0], count=8_000)

    found = suggested(a_history(held, won))
    assert found.chances.of(sum(max(r.points, 0) for r in found.rules)) > won.mean() + 0.1


def test_the_same_history_gives_the_same_points():
    held, won = planted([0.8, -0.3, 0.1])

    first, second = (suggested(a_history(held, won)) for _ in range(2))
    assert first.rules == second.rules


@pytest.mark.parametrize(
    ("leads", "won", "says"),
    [
        (0, 0, "300 more leads with an outcome, 50 more won ones, 50 more lost ones"),
        (299, 100, "1 more leads with an outcome"),
        (1_000, 49, "1 more won ones"),
        (1_000, 1_000, "50 more lost ones"),
        (1_000, 0, "50 more won ones"),
    ],
)
def test_too_little_is_said_with_numbers(leads, won, says):
    found = suggest(a_history(np.ones((leads, 1)), np.arange(leads) < won))

    assert isinstance(found, TooLittle)
    assert str(found).startswith("Not enough data: ")
    assert says in str(found)


def test_noise_is_said_to_be_noise():
    held, _ = planted([0.0] * 20, count=500)
    won = np.random.default_rng(9).random(500) < 0.2

    found = suggest(a_history(held, won))
    assert isinstance(found, NothingFound)
    assert "Keep the points" in str(found)


def test_nothing_to_weigh_is_nothing_found():
    held = np.ones((400, 2))

    found = suggest(a_history(held, np.arange(400) % 4 == 0))
    assert isinstance(found, NothingFound)


def test_points_of_other_rules_are_refused():
    held, won = planted([1.0, 0.5])
    found = suggested(a_history(held, won))

    with pytest.raises(ValueError, match="rules that points were suggested for"):
        found.scores(a_history(held[:, :1], won))
