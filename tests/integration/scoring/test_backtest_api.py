"""Backtests are asked for, worked through in the background, and shown."""

from datetime import timedelta
from pathlib import Path

import pytest

from services.scoring.app import build
from services.scoring.backtest_loop import UNSEEN_FOR, BacktestLoop
from services.scoring.settings import Settings
from tests.asgi import Client
from tests.integration.scoring.builders import ONE, TWO, captured, lost, signed, visit, won

pytestmark = pytest.mark.integration

TEXT = (Path(__file__).parents[3] / "deploy" / "agreement.example.yaml").read_text()


@pytest.fixture
async def client(database_url, clock, ids):
    service = build(Settings(database_url=database_url), clock=clock, ids=ids)
    yield Client(service.app)
    await service.close()


@pytest.fixture
async def two_leads(handle, clock):
    await handle(signed())
    await handle(captured(ONE, activity=visit(1)), captured(TWO, activity=visit(2)))
    clock.advance_to(clock.now() + timedelta(days=1))
    await handle(won(clock.now(), ONE))
    await handle(lost(clock.now(), TWO))


async def ask(client, text=TEXT, **more):
    return await client.post("/v1/backtests", {"text": text, **more})


async def work_off(loop, clock):
    passes = 0
    while await loop.run_once(clock.now()):
        passes += 1
        assert passes < 20
    return passes


async def test_a_backtest_is_worked_through_and_tells_what_it_found(
    client, two_leads, database, clock
):
    asked = await ask(client, people=3)
    waiting = asked.json()
    await work_off(BacktestLoop(database), clock)

    done = (await client.get(f"/v1/backtests/{waiting['backtest_id']}")).json()

    assert (asked.status, waiting["state"], waiting["found"]) == (202, "waiting", None)
    assert (done["state"], done["leads_done"], done["leads_total"]) == ("done", 2, 2)
    assert done["found"]["title"] == "Backtest of the agreement default on our own ledger"
    titles = [section["title"] for section in done["found"]["sections"]]
    assert "What changes against the current version" in titles


async def test_its_page_is_shown_once_it_is_done(client, two_leads, database, clock):
    backtest_id = (await ask(client)).json()["backtest_id"]
    early = await client.get(f"/v1/backtests/{backtest_id}/page")
    await work_off(BacktestLoop(database), clock)

    page = await client.get(f"/v1/backtests/{backtest_id}/page")

    assert early.status == 409
    assert (page.status, page.body[:15]) == (200, b"<!doctype html>")


async def test_a_text_that_is_being_tried_is_not_tried_twice_at_once(
    client, two_leads, database, clock
):
    first, again = await ask(client), await ask(client)
    await work_off(BacktestLoop(database), clock)
    later = await ask(client)

    assert first.json()["backtest_id"] == again.json()["backtest_id"]
    assert later.json()["backtest_id"] != first.json()["backtest_id"]


async def test_what_a_dead_process_began_is_begun_anew(client, two_leads, database, clock):
    backtest_id = (await ask(client)).json()["backtest_id"]
    dead, other = BacktestLoop(database), BacktestLoop(database)
    await dead.run_once(clock.now())

    assert await other.run_once(clock.now()) == 0
    clock.advance_to(clock.now() + UNSEEN_FOR + timedelta(seconds=1))
    await work_off(other, clock)

    done = (await client.get(f"/v1/backtests/{backtest_id}")).json()
    assert (done["state"], done["leads_done"]) == ("done", 2)
    assert await dead.run_once(clock.now()) == 0


async def test_a_backtest_that_fails_stops_nothing_else(
    client, two_leads, database, clock, monkeypatch
):
    def fail(task):
        raise ZeroDivisionError

    backtest_id = (await ask(client)).json()["backtest_id"]
    monkeypatch.setattr("services.scoring.backtest_loop.replay_page", fail)
    await work_off(BacktestLoop(database), clock)

    shown = (await client.get(f"/v1/backtests/{backtest_id}")).json()
    assert (shown["state"], shown["found"]) == ("failed", None)


async def test_a_broken_text_is_refused_with_its_lines(client):
    answer = await ask(client, "agreement: x\n")

    assert answer.status == 422
    assert "line 1" in str(answer.json()["errors"])


async def test_an_unknown_backtest_is_not_found(client):
    assert (await client.get(f"/v1/backtests/{ONE}")).status == 404
    assert (await client.get(f"/v1/backtests/{ONE}/page")).status == 404
