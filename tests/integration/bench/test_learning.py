import csv
from dataclasses import asdict
from datetime import date, timedelta
from random import Random

import pytest
from typer.testing import CliRunner

from bench.funnel import DEALS, FOLDER, LEADS, NoFunnel, history_of, read_funnel
from bench.learning import TooFew, app, figures_of, learn

KEYS = {"auc_points", "auc_suggested", "auc_predictive", "brier", "calibration_error"}


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def make_funnel(folder, days=150, a_day=25):
    """A funnel in which two pages sell and origins mean nothing."""
    random = Random(4)
    leads, deals = [], []
    for number in range(days * a_day):
        came_on = date(2018, 1, 1) + timedelta(days=number // a_day)
        page = random.choice(["good", "better", "bad", "worse", f"rare {number % 97}"])
        row = {
            "mql_id": f"{number:05}",
            "first_contact_date": came_on.isoformat(),
            "landing_page_id": page,
            "origin": random.choice(["paid_search", "social", "email", ""]),
        }
        leads.append(row)
        if random.random() < {"good": 0.3, "better": 0.4}.get(page, 0.08):
            won_on = came_on + timedelta(days=random.randrange(30))
            deals.append({"mql_id": row["mql_id"], "won_date": f"{won_on} 10:00:00"})
    folder.mkdir()
    write(folder / LEADS, leads)
    write(folder / DEALS, deals)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_funnel(folder / FOLDER)
    return folder


def test_a_planted_funnel_is_learned(data):
    found = learn(read_funnel(data))

    figures = figures_of(found)
    assert asdict(figures).keys() >= KEYS
    assert figures.auc_points < 0.56
    assert min(figures.auc_suggested, figures.auc_predictive) > 0.66
    points = {p.candidate.value: p.points for p in found.suggestion.proposals}
    assert points["better"] >= points["good"] > 0


def test_the_outcomes_of_later_leads_change_nothing_that_is_learned(data):
    leads = read_funnel(data)
    later = tuple(lead for lead in leads if lead.came_on >= date(2018, 4, 15))
    turned = tuple(
        type(lead)(lead.fields, lead.came_on, None if lead.won_on else lead.came_on)
        if lead in later
        else lead
        for lead in leads
    )

    first, second = learn(leads), learn(turned)
    assert first.suggestion.rules == second.suggestion.rules
    assert first.suggestion.proposals == second.suggestion.proposals
    assert first.model == second.model


def test_outcomes_that_came_after_a_day_are_not_known_on_it(data):
    leads = read_funnel(data)

    known, later = history_of(leads, known_on=date(2018, 2, 1)), history_of(leads)
    assert 0 < known.won.sum() < later.won.sum()


def test_a_folder_without_the_files_is_named(tmp_path):
    with pytest.raises(NoFunnel, match=LEADS):
        read_funnel(tmp_path)


def test_too_small_a_funnel_is_said_to_be_so(tmp_path):
    make_funnel(tmp_path / "few", a_day=2)

    with pytest.raises(TooFew, match="Not enough data"):
        learn(read_funnel(tmp_path / "few"))


def test_without_a_folder_the_command_says_what_to_name(monkeypatch):
    monkeypatch.delenv("LEADLOOP_DATA", raising=False)

    done = CliRunner().invoke(app, [])
    assert (done.exit_code, "LEADLOOP_DATA" in done.output) == (2, True)
