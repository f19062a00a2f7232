"""A suggestion changes what it has to in the text, and nothing else."""

from pathlib import Path

import pytest

from leadloop.agreement.reader import read_agreement
from leadloop.errors import Rejected
from services.lab.lessons.wording import (
    Added,
    Changes,
    can_be_added,
    fresh_name,
    reworded,
)

EXAMPLE = (Path(__file__).parents[4] / "deploy" / "agreement.example.yaml").read_text()
BUDGET = Added("has a budget", "lead.budget >= 5", 7)
PLACES = Added('says "it\'s"', """lead["it's"] == 'x'""", -3)

HEAD = "agreement: sales\nsigners: {marketing: Mara Lindt, sales: Tom Berger}\n"
TAIL = """service_levels:
  calendar: office
  tiers:
    A: {accept: 1h, first_attempt: 2h}
calendars:
  office:
    time_zone: Europe/Berlin
    open: {mon-fri: ["09:00-17:00"]}
reasons:
  no_need: {label: No need now, then: return, cool_down: 90d}
"""


def a_text(fit, tier="{name: A, when: total >= 50}"):
    return f"{HEAD}qualified_lead:\n{fit}  tiers: [{tier}]\n{TAIL}"


def changed_lines(before, after):
    old, new = before.splitlines(), after.splitlines()
    return [line for line in new if line not in old]


def fit_of(text):
    return {r.name: r.points for r in read_agreement(text).definition.rules}


def test_only_the_points_that_change_are_touched():
    after = reworded(EXAMPLE, Changes(points={"our market": 7, "looked at prices": -2}))

    assert changed_lines(EXAMPLE, after) == [
        """    - {name: our market, when: 'lead.country in ["DE", "AT", "CH"]', points: 7}""",
        "      points: -2",
    ]


def test_comments_behind_points_stay():
    before = a_text(
        "  fit:\n    - name: a # who\n      when: 'true'\n      points: 5 # guess\n"
    )

    after = reworded(before, Changes({"a": 12}, [BUDGET]))

    assert "      points: 12 # guess\n" in after
    assert "# who" in after
    assert fit_of(after) == {"a": 12, "has a budget": 7}


def test_nothing_to_change_leaves_the_text_as_it_is():
    same = {rule.name: rule.points for rule in read_agreement(EXAMPLE).definition.rules}

    assert reworded(EXAMPLE, Changes(points=same)) == EXAMPLE


def test_rules_are_added_behind_the_last_fit_rule():
    after = reworded(EXAMPLE, Changes(added=[BUDGET, PLACES]))

    lines = after.splitlines()
    last = next(n for n, line in enumerate(lines) if "private mailbox" in line)
    assert lines[last + 1] == (
        """    - {name: "has a budget", when: 'lead.budget >= 5', points: 7}"""
    )
    assert "# What they did." in after
    assert fit_of(after)['says "it\'s"'] == -3


@pytest.mark.parametrize(
    "fit",
    [
        "",
        "  fit: []\n",
        "  fit: [{name: a, when: 'true', points: 5}]\n",
        "  fit: [{name: a, when: 'true', points: 5},]\n",
        "  fit: [\n    {name: a, when: 'true', points: 5} # why\n  ]\n",
        "  fit:\n  - {name: a, when: 'true', points: 5}\n",
        "  fit:\n  - {name: a, when: 'true', points: 5}   # last\n\n  # more\n",
        "  fit:\n    - name: a\n      points: 5\n      when: 'true'\n\n",
        "  fit:\n    - name: a\n      points: 5\n      when: |\n        true\n\n",
        "  fit:\n    - name: a\n      points: 5\n      when: >-\n        true\n",
        "  fit:\n    - points: 5\n      name: a\n      when:\n        true\n        && true\n",
        '  "fit":\n    - {"name": "a", "when": "true", "points": 5}\n',
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_rules_find_their_place_however_the_list_is_laid_out(fit, newline):
    before = a_text(fit).replace("\n", newline)

    after = reworded(before, Changes(added=[BUDGET, PLACES]))

    assert fit_of(after) == {**fit_of(before), BUDGET.name: 7, PLACES.name: -3}
    assert after.count("\n") == after.count(newline)


def test_a_text_in_one_line_gets_its_rules_too():
    before = f"{HEAD}qualified_lead: {{tiers: [{{name: A, when: total >= 5}}]}}\n{TAIL}"

    assert fit_of(reworded(before, Changes(added=[BUDGET]))) == {"has a budget": 7}


@pytest.mark.parametrize(
    ("tier", "there"),
    [
        ("{name: A, when: total >= 50}", "when: total >= 4}"),
        ("{name: A, when: 'total >= 50'}", "when: 'total >= 4'}"),
        ('{name: A, when: "total >= 50"}', 'when: "total >= 4"}'),
        ('{name: A, when: "total\\u0020>= 50"}', "when: 'total >= 4'}"),
        ("{name: A, when: total\n    >= 50}", "when: 'total >= 4'}"),
    ],
)
def test_a_condition_is_changed_as_it_is_quoted(tier, there):
    after = reworded(a_text("", tier), Changes(conditions={"A": "total >= 4"}))

    assert there in after
    assert read_agreement(after).definition.tiers[0].condition == "total >= 4"


def test_a_condition_in_lines_of_its_own_is_changed():
    text = f"{HEAD}qualified_lead:\n  tiers:\n    - name: A\n      when: >\n        total\n"
    text += f"        >= 50\n\n  cycles_at_most: 3\n{TAIL}"

    after = reworded(text, Changes(conditions={"A": "total >= 4"}))

    assert read_agreement(after).definition.tiers[0].condition == "total >= 4"
    assert read_agreement(after).definition.cycles_max == 3


def test_what_would_not_be_sound_is_refused():
    with pytest.raises(Rejected):
        reworded(EXAMPLE, Changes(added=[Added("broken", "lead.", 5)]))
    with pytest.raises(Rejected):
        reworded(EXAMPLE, Changes(added=[Added("our market", "true", 5)]))
    with pytest.raises(Rejected):
        reworded("agreement: [", Changes())


def test_names_are_short_and_new():
    assert fresh_name("x", ["a"]) == "x"
    assert fresh_name("x", ["x", "x (2)"]) == "x (3)"
    long = fresh_name("y" * 200, ["y" * 80])
    assert len(long) == 80
    assert long.endswith(" (2)")


def test_what_can_not_be_seen_or_is_too_long_is_not_added():
    assert can_be_added("a", 'lead.x == "ä"')
    assert not can_be_added("a", 'lead.x == "\u200b"')
    assert not can_be_added(" ", "true")
    assert not can_be_added("a", "x" * 1_001)
