"""What a simulation tells, as a page and as a text: the same form as every report."""

from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

from services.lab.report import charts
from services.lab.report.charts import Bar, Part
from services.lab.report.markdown import markdown
from services.lab.report.page import page
from services.lab.simulation.asked import MadeUp, stream_from, team_of
from services.lab.simulation.pattern import Pattern
from services.lab.simulation.report import ASSUMED, CLOCKS
from services.lab.simulation.trial import read_trial
from services.lab.simulation.whole import Question, answer

EXAMPLE = Path(__file__).parents[4] / "deploy" / "agreement.example.yaml"
MONDAY = date(2026, 3, 2)


class Heard:
    """Keeps what it is told of how far a simulation is."""

    def __init__(self):
        self.steps, self.shares = [], []

    def begin(self, what):
        self.steps.append(what)

    def show(self, share):
        self.shares.append(share)


def question(trial, **changed):
    made_up = MadeUp(
        per_week=20, pattern=Pattern.OFFICE, weeks=2, first_day=MONDAY, tiers="", seed=1
    )
    coming, words = stream_from(made_up, trial)
    parts = {
        "trial": trial,
        "other": None,
        "other_name": "",
        "team": team_of(3, None, trial, MONDAY),
        "coming": coming,
        "words": words,
        "kept": 95,
        "seed": 1,
        "mend": False,
    }
    return Question(**parts | changed)


@pytest.fixture(scope="module")
def trial():
    return read_trial(EXAMPLE.read_text(), MONDAY)


@pytest.fixture(scope="module")
def report(trial):
    return answer(question(trial), Heard()).report


def test_the_page_needs_nothing_else_and_draws_a_bar_for_each_service_level(report):
    shown = page(report)

    drawing = ElementTree.fromstring(shown[shown.index("<svg") : shown.index("</svg>") + 6])
    [clocks] = next(one.tables for one in report.sections if one.title == CLOCKS)
    assert len(drawing.findall("g")) == len(clocks.rows)
    assert "http" not in shown
    assert "src=" not in shown


def test_the_text_ends_with_what_was_assumed(report):
    told = markdown(report)

    assert told.startswith("# Agreement default, simulated\n")
    assert told[told.index(f"## {ASSUMED}") :].count("Leads: made up, 20.0 qualified") == 1


def test_whoever_watches_hears_of_each_run(trial):
    heard = Heard()

    answer(question(trial, other=trial, other_name="now", mend=True), heard)

    assert heard.steps[:2] == ["living through the proposal", "living through the other"]
    assert heard.steps[2].startswith("trying 4 people on 40 leads")
    assert heard.shares.count(1.0) == 2


def test_an_agreement_beside_another_is_told_first(trial):
    found = answer(question(trial, other=trial, other_name="now"), Heard())

    assert found.report.sections[0].title == "Against now: the same leads, the same chances"


def test_a_bar_of_shares_is_drawn_to_scale_and_its_name_is_no_markup():
    drawn = charts.shares("What <became>", [Bar("<tier>", (0.5, 0.3, 0.2))], PARTS)

    drawing = ElementTree.fromstring(drawn[drawn.index("<svg") : drawn.index("</svg>") + 6])
    widths = [float(one.attrib["width"]) for one in drawing.findall("g/rect")]
    assert [round(width / sum(widths), 3) for width in widths] == [0.5, 0.3, 0.2]
    assert "&lt;tier&gt;" in drawn
    assert "<became>" not in drawn


PARTS = (Part("kept", 2), Part("late", 1), Part("never", 4))
