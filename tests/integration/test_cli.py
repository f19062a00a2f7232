"""The command line asks a running Leadloop over HTTP, and tells people what it answers."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from starlette.types import ASGIApp
from typer import Typer
from typer.testing import CliRunner, Result

from leadloop.records import Record
from leadloop.service import Service
from leadloop.stepper import Stepper
from services import cli
from services.client import Refused
from services.embedded import assemble
from tests.asgi import Client
from tests.conftest import until
from tests.integration.scoring.proposals import a_text
from tests.unit.scoring.model_builders import VERSION, a_predictor

pytestmark = pytest.mark.integration

SHADOW = (cli.app, "agreement", "shadow")
SIGNED = a_text()
PROPOSED = a_text(engagement=("{name: visit, on: page_view, points: 30}",))
ADA = {
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "country": "DE",
    "activity": {"kind": "page_view", "attributes": {"url": "/pricing"}},
}


@dataclass
class Loop:
    """A running Leadloop with an agreement in force.

    Attributes:
        services: Its four services.
        settle: Has its services do what is due.
    """

    url: str
    client: Client
    services: Sequence[Service]
    settle: Callable[[], Awaitable[int]]

    async def command(self, app: Typer, *arguments: str) -> Result:
        """Run a command against it."""
        line = [*arguments, "--url", self.url]
        return await asyncio.to_thread(CliRunner().invoke, app, line)

    async def told(self, app: Typer, *arguments: str) -> str:
        """Return what a command that succeeds prints."""
        result = await self.command(app, *arguments)
        assert result.exit_code == 0, result.output
        return result.output


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Answer requests on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        config = uvicorn.Config(app, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[door]))
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest.fixture
async def loop(database_url, clock, ids, monkeypatch):
    monkeypatch.delenv("LEADLOOP_API_TOKEN", raising=False)
    embedded = await assemble(
        database_url, clock=clock, ids=ids, parts={"intake": {"sources": {}}}
    )
    stepper = Stepper(embedded.services, embedded.transport, clock)
    client = Client(embedded.app)
    proposed = (await client.post("/v1/agreements", {"text": SIGNED})).json()
    for side, signer in (("marketing", "Mara Lindt"), ("sales", "Tom Berger")):
        signature = {"side": side, "signer": signer, "text_sha256": proposed["text_sha256"]}
        answer = await client.post("/v1/agreements/sales/sign", signature)
        assert answer.status == 200, answer.body
    async with served(embedded.app) as url:
        yield Loop(url, client, embedded.services, stepper.settle)
    await stepper.close()
    for service in embedded.services:
        await service.close()


async def test_a_score_is_explained_by_e_mail_address_by_id_and_as_of_a_day(loop):
    taken = (await loop.client.post("/v1/leads", ADA)).json()
    await loop.settle()

    page = await loop.told(cli.app, "explain", "Ada@Example.com")
    same = await loop.told(cli.app, "explain", taken["lead_id"])
    today = await loop.told(cli.app, "explain", taken["lead_id"], "--at", "2026-03-02")
    shown = json.loads(await loop.told(cli.app, "explain", "ada@example.com", "--json"))

    assert page == same
    assert page.startswith(f"Ada Lovelace (lead {taken['lead_id']})\nTier B, 30 points")
    assert "As of 2026-03-03 00:59 CET" in today
    assert (shown["lead_id"], shown["total"]) == (taken["lead_id"], 30)


async def test_a_story_is_told_by_e_mail_address_too_and_in_any_zone(loop):
    taken = (await loop.client.post("/v1/leads", ADA)).json()
    await loop.settle()

    told = await loop.told(cli.app, "timeline", "Ada@Example.com")
    elsewhere = await loop.told(cli.app, "timeline", taken["lead_id"], "--zone", "Asia/Tokyo")
    page = await loop.told(cli.app, "explain", taken["lead_id"], "--zone", "Asia/Tokyo")

    assert told.startswith(f"Lead {taken['lead_id']}, times in Europe/Berlin\n")
    assert "  10:00:00  intake" in told
    assert "  18:00:00  intake" in elsewhere
    assert "last on 2026-03-02 18:00 JST" in page


@pytest.mark.parametrize("command", ["explain", "timeline"])
async def test_an_address_of_nobody_is_refused_without_repeating_it(loop, command):
    result = await loop.command(cli.app, command, "nobody@example.com")

    assert isinstance(result.exception, Refused)
    assert str(result.exception) == "no lead has this e-mail address"


async def test_a_shadow_is_started_shown_and_stopped(loop, tmp_path):
    text = tmp_path / "proposed.yaml"
    text.write_text(PROPOSED)
    started = await loop.told(*SHADOW, "start", str(text), "--days", "7")
    shadow_id = started.split()[1]
    await loop.client.post("/v1/leads", ADA)
    await loop.settle()

    listed = await loop.told(*SHADOW, "list")
    page = await loop.told(*SHADOW, "show", shadow_id)
    shown = json.loads(await loop.told(*SHADOW, "show", shadow_id, "--json"))
    stopped = await loop.told(*SHADOW, "stop", shadow_id)

    assert started == f"Shadow {shadow_id} runs until 2026-03-09.\n"
    assert f"Shadow {shadow_id} of 'sales'" in listed
    assert "        1  qualified by both" in page
    assert "        1  tier B -> tier A" in page
    assert "      visit: +10 -> +30" in page
    assert shown["differences"][0]["shadow"]["tier"] == "A"
    assert "ended on 2026-03-02" in stopped


async def test_before_the_first_shadow_the_list_says_so(loop):
    assert await loop.told(*SHADOW, "list") == "No shadow was ever started.\n"


async def test_a_model_is_added_shown_and_removed(loop, tmp_path):
    file = tmp_path / "model.json"
    file.write_text(a_predictor().to_json())

    assert "No model was added." in await loop.told(cli.app, "model", "list")
    added = await loop.told(cli.app, "model", "add", str(file), "--note", "by hand")
    listed = await loop.told(cli.app, "model", "list")
    shown = await loop.told(cli.app, "model", "show", VERSION)
    removed = await loop.told(cli.app, "model", "remove", VERSION)

    assert f"predictive_model: {VERSION}" in added
    assert listed == f"{shown.splitlines()[0]}\n"
    assert "from 1,000 leads until 2026-01-05, 100 won" in listed
    assert "by hand" in listed
    assert "reads the fields: employees" in shown
    assert removed == f"Model {VERSION} is forgotten.\n"


async def test_a_check_at_a_leadloop_warns_of_a_model_that_it_lacks(loop, tmp_path):
    file, model = tmp_path / "agreement.yaml", tmp_path / "model.json"
    whole = f"qualified_lead:\n  predictive_model: {VERSION}\n"
    file.write_text(SIGNED.replace("qualified_lead:\n", whole))
    model.write_text(a_predictor().to_json())

    before = await loop.told(cli.app, "agreement", "check", str(file))
    await loop.told(cli.app, "model", "add", str(model))
    after = await loop.told(cli.app, "agreement", "check", str(file))

    assert f"the model {VERSION} was not added" in before
    assert "was not added" not in after


async def test_a_parked_event_is_listed_retried_and_given_up(loop):
    scoring = next(one for one in loop.services if one.name == "scoring")
    headers = {
        "ce_id": b"0195530e-0000-7000-8000-00000000dead",
        "ce_time": b"2026-03-02T09:00:00+00:00",
        "ce_type": b"leadloop.v1.LeadCaptured",
    }
    broken = Record("leads.v1", "lead-1", b"\xff", headers)
    await scoring.inbox.handle([broken])
    parked = (cli.app, "parked")

    (event,) = json.loads(await loop.told(*parked, "list", "scoring"))
    retried = await loop.command(*parked, "retry", "scoring", event["event_id"])
    who_and_why = ("--by", "Mara", "--reason", "sent again")
    command = (*parked, "discard", "scoring", event["event_id"])
    given_up = json.loads(await loop.told(*command, *who_and_why))

    assert isinstance(retried.exception, Refused)
    assert event["error"] in str(retried.exception)
    assert given_up == {"discarded": 1}
    assert json.loads(await loop.told(*parked, "list", "scoring")) == []


@pytest.mark.parametrize("text", ["no json", "[]", '{"sha256": "0", "model": "{}"}'])
async def test_a_file_that_is_no_model_is_refused(loop, tmp_path, text):
    file = tmp_path / "model.json"
    file.write_text(text)

    result = await loop.command(cli.app, "model", "add", str(file))

    assert isinstance(result.exception, Refused)
    assert "expected" in str(result.exception)
