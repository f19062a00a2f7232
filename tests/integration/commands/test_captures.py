"""The command for captures, against a running intake."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from services import cli
from services.client import Refused
from services.intake.app import build
from services.intake.settings import Settings
from services.intake.sources import parse_sources
from tests.intake_builders import ENVIRON, SOURCES, a_form, by_site, by_standard, post
from tests.integration.test_cli import served

pytestmark = pytest.mark.integration


@pytest.fixture
async def command(database_url, clock, ids, monkeypatch):
    """Serve an intake at which nine wait parked since a mapping was wrong."""
    monkeypatch.delenv("LEADLOOP_API_TOKEN", raising=False)
    wrong = json.loads(json.dumps(SOURCES))
    wrong["sources"]["site"]["mapping"]["email"] = "person.email_adress"
    settings = Settings(database_url=database_url)
    made = [
        build(settings, clock=clock, ids=ids, sources=parse_sources(content, ENVIRON))
        for content in (wrong, SOURCES)
    ]
    for n in range(8):
        await post(made[0].app, by_site(a_form(f"p{n}@example.com")))
    await post(made[0].app, by_standard({"junk": 1}, at=clock.now()))
    async with served(made[1].app) as url:

        async def run(*arguments):
            line = ["captures", *arguments, "--url", url]
            return await asyncio.to_thread(CliRunner().invoke, cli.app, line)

        yield run
    for service in made:
        await service.close()


async def told(command, *arguments):
    result = await command(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


async def test_what_is_parked_is_listed_with_the_field_at_fault(command):
    lines = (await told(command, "list", "--state", "parked")).splitlines()
    few = (await told(command, "list", "--limit", "2")).splitlines()
    of_site = json.loads(await told(command, "list", "--source", "site", "--json"))

    assert len(lines) == 9
    assert (
        "standard  parked  /data/email: expected an e-mail address, found nothing" in lines[0]
    )
    assert few[2:] == ["... and more: --limit is 2."]
    assert len(of_site) == 8


async def test_a_capture_is_shown_with_what_came(command):
    (newest,) = json.loads(await told(command, "list", "--limit", "1", "--json"))

    shown = await told(command, "show", newest["id"])
    as_json = json.loads(await told(command, "show", newest["id"], "--json"))

    assert "webhook-id: msg_1" in shown
    assert shown.endswith('{"junk": 1}\n')
    assert as_json["body"] == '{"junk": 1}'


async def test_all_of_a_source_are_read_again_up_to_a_bound(command):
    first = await told(command, "retry", "--source", "site", "--limit", "5")
    rest = await told(command, "retry", "--source", "site")
    none = await told(command, "retry", "--source", "site")
    parked = await told(command, "retry", "--state", "parked")

    assert first == "Read 5 again: 5 recorded.\nThere may be more: --limit is 5.\n"
    assert rest == "Read 3 again: 3 recorded.\n"
    assert none == "Read 0 again.\n"
    assert parked == "Read 1 again: 1 parked.\n"


async def test_those_that_are_named_are_read_again_or_dismissed(command):
    found = json.loads(await told(command, "list", "--json"))

    retried = await told(command, "retry", found[-1]["id"], found[-2]["id"])
    dismissed = await told(command, "dismiss", found[0]["id"])

    assert retried.endswith("Read 2 again: 2 recorded.\n")
    assert "standard  ignored" in dismissed
    assert "There is no such capture" in await told(command, "list", "--source", "nobody")


@pytest.mark.parametrize("arguments", [[], ["1", "--state", "parked"]])
async def test_what_to_read_again_is_named_in_one_way(command, arguments):
    result = await command("retry", *arguments)

    assert isinstance(result.exception, Refused)
    assert "Name captures, or else --source or --state." in str(result.exception)
