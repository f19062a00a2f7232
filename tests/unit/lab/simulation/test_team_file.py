"""The file of people: what it says, and what is wrong with it, by line."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from leadloop.errors import Rejected
from services.lab.simulation.team import Absence, Market, Pace, known_away
from services.lab.simulation.team_file import read_team
from tests.unit.lab.simulation.builders import HOUR, MINUTE, MONDAY, a_trial

WHOLE = """
calendars:
  mornings: {time_zone: Europe/Berlin, open: {mon-fri: ["09:00-13:00"]}}
everyone:
  accepts_after: {half_within: 20m, nine_of_ten_within: 2h}
  minutes_per_lead: 30
people:
  - {name: Jonas Keller}
  - name: Clara Vogel
    calendar: mornings
    leads_at_once: 5
    forgets: 10%
    attempts: 2
    away:
      - {from: 2026-03-09, to: 2026-03-10}
      - {from: 2026-04-01, to: 2026-04-01, told: never}
leads:
  accepted: 70%
  reasons: {no_budget: 3, rival: 0}
"""


def read(text: str):
    return read_team(text, a_trial().terms.calendar, Market(), MONDAY)


def test_each_person_works_as_everyone_does_unless_said_otherwise():
    jonas, clara = read(WHOLE).workers

    assert jonas.pace == Pace(20 * MINUTE, 2 * HOUR, 30)
    assert clara.pace == Pace(20 * MINUTE, 2 * HOUR, 30, 10, 5, 0.1, 2)
    assert (jonas.calendar.name, clara.calendar.name) == ("office", "mornings")


def test_who_is_away_has_no_working_hours_then():
    clara = read(WHOLE).workers[1]

    assert clara.calendar.closed_days == {
        date(2026, 3, 9),
        date(2026, 3, 10),
        date(2026, 4, 1),
    }
    assert clara.absences[1] == Absence(date(2026, 4, 1), date(2026, 4, 1), None)


def test_handoff_knows_of_an_absence_from_its_first_day_to_their_next_morning():
    clara = read(WHOLE).workers[1]

    known = known_away(clara.absences[0], clara)

    assert known is not None
    assert [one.isoformat() for one in known] == [
        "2026-03-08T23:00:00+00:00",
        "2026-03-11T08:00:00+00:00",
    ]
    assert known_away(clara.absences[1], clara) is None


def test_what_is_assumed_of_leads_holds_where_the_file_says_nothing():
    market = read(WHOLE).market

    assert market.accepted == 0.7
    assert market.reached == Market().reached
    assert market.weights == {"no_budget": 3, "rival": 0}


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("", 1, "a list of people"),
        ("people: []", 1, "at least one person"),
        ("people:\n  - {nam: Ann}", 2, "one of the keys name"),
        ("people:\n  - {name: Ann}\n  - {name: Ann}", 3, "a name that no other has"),
        ("people:\n  - {name: Ann, calendar: nights}", 2, "one of "),
        ("people:\n  - {name: Ann, forgets: 0.5}", 2, "a percentage"),
        ("people:\n  - {name: Ann, minutes_per_lead: 0}", 2, "a whole number"),
        (
            "people:\n  - name: Ann\n    accepts_after: {half_within: 2h,"
            " nine_of_ten_within: 1h}",
            3,
            "a longer time than half_within",
        ),
        (
            "people:\n  - name: Ann\n    away: [{from: 2026-03-09, to: 2026-03-01}]",
            3,
            "a day from 2026-03-09 on",
        ),
        ("people:\n  - name: Ann\n    away: [{from: monday, to: 2026-03-01}]", 3, "a date"),
    ],
)
def test_a_fault_names_its_line_and_what_was_expected(text, line, expected):
    with pytest.raises(Rejected) as refused:
        read(text)

    faults = [(one.pointer, one.expected) for one in refused.value.errors]
    assert any(p == f"line {line}" and e.startswith(expected) for p, e in faults), faults


def test_the_example_of_the_documentation_is_sound():
    text = (Path(__file__).parents[4] / "docs" / "simulations.md").read_text()
    example = text[text.index("```yaml\n") + 8 :].split("```")[0]

    jonas, clara = read(example).workers

    assert jonas.pace == Pace()
    assert clara.pace == Pace(minutes_per_lead=40)
    assert clara.absences[1].told_on is None


def test_a_larger_team_has_the_same_people_and_more_who_work_alike():
    team = read(WHOLE)

    larger = team.with_people(5)

    assert larger.workers[:2] == team.workers
    assert [one.pace for one in larger.workers[2:]] == [
        team.workers[0].pace,
        team.workers[1].pace,
        team.workers[0].pace,
    ]
    assert len({one.person.id for one in larger.workers}) == 5
    assert team.with_people(1).workers == team.workers[:1]
    assert timedelta() < larger.workers[2].pace.half_within
