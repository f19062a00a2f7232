"""Simulations are asked for by API, and find what the command finds."""

import json

import pytest

from services.lab.simulation.team import PEOPLE_MAX
from services.scoring.studies.requests import SIMULATED_PEOPLE_MAX
from tests.integration.scoring.studies import TEXT, leadloop, studies_of, work_off

pytestmark = pytest.mark.integration

STREAM = {"leads_per_week": 20, "weeks": 2, "first_day": "2026-03-02"}
TEAM = "people: [{name: Ann}, {name: Ben, forgets: 5%}]\n"
# Whoever is large enough comes to sales; nothing is owed.
SMALL = """
agreement: default
signers: {marketing: Mara, sales: Tom}
qualified_lead:
  fit: [{name: german, when: lead.country == "DE", points: 10}]
  tiers: [{name: A, when: total >= 10}]
service_levels: {calendar: office, tiers: {A: {accept: 1h, first_attempt: 2h}}}
calendars: {office: {time_zone: Europe/Berlin, open: {mon-fri: ["09:00-17:00"]}}}
reasons: {no_budget: {label: No budget, then: return, cool_down: 7d}}
"""


async def ask(client, text=TEXT, **more):
    return await client.post("/v1/simulations", {"text": text, **more})


async def found(client, database, clock, **asked):
    """Ask for a simulation, work it off, and return it."""
    simulation_id = (await ask(client, **asked)).json()["simulation_id"]
    await work_off(studies_of(database), clock)
    return (await client.get(f"/v1/simulations/{simulation_id}")).json()


async def by_command(folder, arguments, text=TEXT):
    """Simulate at the command line; return the figures and the text."""
    (folder / "agreement.yaml").write_text(text)
    (folder / "team.yaml").write_text(TEAM)
    told = ["agreement", "simulate", str(folder / "agreement.yaml"), *arguments.split()]
    printed = await leadloop(*told, "--json", "--markdown", str(folder / "out.md"))
    figures = json.loads(printed.splitlines()[-1])
    figures.pop("seconds")
    return figures, (folder / "out.md").read_text()


async def test_it_finds_what_the_command_finds(client, database, clock, tmp_path):
    figures, text = await by_command(
        tmp_path,
        "--leads-per-week 20 --weeks 2 --start 2026-03-02 --people 3 --seed 7"
        " --tiers A=30,B=70",
    )

    asked = {"people": 3, "seed": 7, "tiers": {"A": 30, "B": 70}}
    done = await found(client, database, clock, **STREAM, **asked)

    assert done["state"] == "done"
    assert done["figures"] == figures
    assert done["progress"]["step"].startswith("trying ")
    summary = done["found"]["summary"][0]
    assert summary in text
    [clocks] = [one for one in done["found"]["sections"] if one["title"].startswith("Clocks")]
    for row in clocks["tables"][0]["rows"]:
        assert f"| {' | '.join(row)} |" in text


async def test_a_team_and_another_agreement_count_as_at_the_command(
    client, database, clock, tmp_path
):
    figures, _ = await by_command(
        tmp_path,
        "--leads-per-week 20 --weeks 2 --start 2026-03-02 --no-mend"
        f" --team {tmp_path / 'team.yaml'} --against {tmp_path / 'agreement.yaml'}",
    )

    done = await found(client, database, clock, **STREAM, team=TEAM, against=TEXT, mend=False)

    assert done["figures"] == figures
    assert done["found"]["sections"][0]["title"].startswith("Against the other agreement")


async def test_leads_of_our_own_ledger_go_through_the_rules(
    client, two_leads, database, database_url, clock, tmp_path
):
    figures, _ = await by_command(tmp_path, f"--database {database_url} --people 2", SMALL)

    done = await found(client, database, clock, text=SMALL, history=True, people=2)

    assert done["state"] == "done", done["problem"]
    assert (figures["leads"], figures["handed_over"]) == (2, 2)
    assert done["figures"] == figures


async def test_its_page_is_shown_once_it_is_done(client, database, clock):
    asked = {"people": 3, "mend": False}
    simulation_id = (await ask(client, **STREAM, **asked)).json()["simulation_id"]
    early = await client.get(f"/v1/simulations/{simulation_id}/page")
    await work_off(studies_of(database), clock)

    page = await client.get(f"/v1/simulations/{simulation_id}/page")

    assert early.status == 409
    assert (page.status, page.body[:15]) == (200, b"<!doctype html>")
    assert (await client.get(f"/v1/backtests/{simulation_id}")).status == 404


async def test_without_a_day_leads_come_from_next_monday_on(client, database, clock):
    done = await found(client, database, clock, people=3, leads_per_week=5, weeks=1, mend=False)

    assert "from 2026-03-09" in str(done["found"]["sections"][-1]["text"])


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({}, "/people"),
        ({"people": 2, "team": TEAM}, "/people"),
        ({"people": 2, "history": True, "leads_per_week": 3}, "/leads_per_week"),
        ({"people": 2, "text": SMALL}, "/leads_per_week"),
        ({"people": 2, "leads_per_week": 2_000, "weeks": 60}, "/leads_per_week"),
        ({"people": 2, "leads_per_week": 0.01, "weeks": 1}, "/leads_per_week"),
        ({"people": 2, "leads_per_week": "many"}, "/leads_per_week"),
        ({"people": 2_001}, "/people"),
        ({"people": 2, "tiers": {"gold": 3}}, "/tiers"),
        ({"people": 2, "tiers": {"A": 0}}, "/tiers"),
        ({"people": 2, "weeks": 0}, "/weeks"),
        ({"people": 2, "first_day": "tomorrow"}, "/first_day"),
        ({"people": 2, "first_day": "9999-12-31"}, "/first_day"),
        ({"people": 2, "kept": 101}, "/kept"),
        ({"people": 2, "pattern": "night"}, "/pattern"),
        ({"people": 2, "text": "agreement: x\n"}, "line 1"),
        ({"people": 2, "against": "agreement: x\n"}, "line 1"),
        ({"people": 2, "text": "x" * 600_001}, "/text"),
        ({"people": 2, "speed": 3}, "/speed"),
    ],
)
async def test_what_can_be_told_at_once_is_refused_at_once(client, asked, pointer):
    answer = await ask(client, **asked)

    assert answer.status == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_what_shows_only_in_the_work_is_told_as_refused(client, database, clock):
    done = await found(client, database, clock, team="people: [{nme: Ann}]")

    assert (done["state"], done["found"], done["figures"]) == ("refused", None, None)
    assert done["problem"]["detail"].startswith("/team: The file of people has")
    assert {error["pointer"] for error in done["problem"]["errors"]} == {"line 1"}


async def test_a_ledger_of_which_nobody_qualifies_is_told_as_refused(client, database, clock):
    done = await found(client, database, clock, history=True, people=2)

    assert done["state"] == "refused"
    assert "None of the 0 leads" in done["problem"]["detail"]


def test_as_many_people_may_be_asked_for_as_a_simulation_holds():
    assert SIMULATED_PEOPLE_MAX == PEOPLE_MAX
