"""Backtests are asked for, worked out by a process of their own, and shown."""

import pytest

from services.lab.backtest.ledger_run import backtest_ledger
from services.lab.backtest.report import report_of
from services.lab.backtest.run import Options, Proposal
from services.lab.report.shape import shape_of
from tests.integration.scoring.builders import ONE
from tests.integration.scoring.studies import TEXT, body_of, in_thread, studies_of, work_off

pytestmark = pytest.mark.integration


async def ask(client, text=TEXT, **more):
    return await client.post("/v1/backtests", {"text": text, **more})


async def test_a_backtest_is_worked_out_and_tells_what_it_found(
    client, two_leads, database, clock
):
    asked = await ask(client, people=3)
    waiting = asked.json()
    await work_off(studies_of(database), clock)

    done = (await client.get(f"/v1/backtests/{waiting['backtest_id']}")).json()

    assert (asked.status, waiting["state"], waiting["found"]) == (202, "waiting", None)
    assert (done["state"], done["leads_done"], done["leads_total"]) == ("done", 2, 2)
    assert done["found"]["title"] == "Backtest of the agreement default on our own ledger"
    titles = [section["title"] for section in done["found"]["sections"]]
    assert "What changes against the current version" in titles


async def test_it_finds_what_the_command_finds(
    client, two_leads, database, database_url, clock
):
    backtest_id = (await ask(client, people=3)).json()["backtest_id"]
    await work_off(studies_of(database), clock)

    done = (await client.get(f"/v1/backtests/{backtest_id}")).json()
    proposal, options = Proposal(body_of(TEXT, 2)), Options(people=3)
    told = await in_thread(backtest_ledger, database_url, proposal, options)

    assert done["found"] == shape_of(report_of(told))


async def test_a_draft_that_holds_the_definition_alone_is_taken(client, two_leads):
    draft = "qualified_lead: {fit: [], engagement: [], tiers: [{name: A, when: total >= 0}]}"

    assert (await ask(client, draft)).status == 202


async def test_its_page_is_shown_once_it_is_done(client, two_leads, database, clock):
    backtest_id = (await ask(client)).json()["backtest_id"]
    early = await client.get(f"/v1/backtests/{backtest_id}/page")
    await work_off(studies_of(database), clock)

    page = await client.get(f"/v1/backtests/{backtest_id}/page")

    assert early.status == 409
    assert (page.status, page.body[:15]) == (200, b"<!doctype html>")


async def test_a_broken_text_is_refused_with_its_lines(client):
    answer = await ask(client, "agreement: x\n")

    assert answer.status == 422
    assert "line 1" in str(answer.json()["errors"])


async def test_an_unknown_backtest_is_not_found(client):
    assert (await client.get(f"/v1/backtests/{ONE}")).status == 404
    assert (await client.get(f"/v1/backtests/{ONE}/page")).status == 404
