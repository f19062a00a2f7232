"""What suits a lead to read depends on who they are, where they stand, and what they ask."""

from datetime import date

import pytest

from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_agreement
from leadloop.events import timestamp
from leadloop.v1.agreement_pb2 import AgreementSigned
from services.scoring.app import build
from services.scoring.settings import Settings
from tests.asgi import Client
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import ONE, TWO, captured, visit, won
from tests.integration.scoring.proposals import a_text

pytestmark = pytest.mark.integration

ASSETS = (
    """{name: guide, url: 'https://x.example/guide', when: stage == "captured"}""",
    """{name: prices, url: 'https://x.example/prices', when: question.contains("cost")}""",
    """{name: cases, url: 'https://x.example/c', when: stage == "won" && has(lead.company)}""",
    """{name: large, url: 'https://x.example/large', when: lead.employees > 500}""",
    """{name: odd, url: 'https://x.example/odd', when: stage > 5}""",
)


@pytest.fixture
async def client(database_url, clock, ids):
    service = build(Settings(database_url=database_url), clock=clock, ids=ids)
    yield Client(service.app)
    await service.close()


@pytest.fixture
async def agreed(handle):
    agreement = read_agreement(a_text(content=ASSETS), date(2026, 3, 2))
    contract = to_contract(agreement, 1, ())
    await handle(
        AgreementSigned(name="sales", agreement=contract, signed_at=timestamp(MONDAY_MORNING))
    )


async def offered(client, lead_id=ONE, **asked):
    shown = (await client.get(f"/v1/scores/{lead_id}/content", **asked)).json()
    return shown["stage"], [asset["name"] for asset in shown["assets"]]


async def test_assets_suit_the_stage_the_question_and_the_lead(client, handle, agreed, clock):
    await handle(captured(ONE, activity=visit(1)), captured(TWO, country="US"))

    assert await offered(client, TWO) == ("captured", ["guide"])
    assert await offered(client, TWO, question="what does it cost?") == (
        "captured",
        ["guide", "prices"],
    )
    assert await offered(client, ONE) == ("qualified", [])
    await handle(won(clock.now()))
    assert await offered(client, ONE) == ("won", ["cases"])


async def test_an_asset_comes_with_the_condition_that_chose_it(client, handle, agreed):
    await handle(captured(ONE, country="US", employees="501"))

    shown = (await client.get(f"/v1/scores/{ONE}/content")).json()

    assert shown["agreement_version"] == 1
    assert shown["assets"][1] == {
        "name": "large",
        "url": "https://x.example/large",
        "condition": "lead.employees > 500",
    }


async def test_before_the_first_agreement_nothing_is_offered(client, handle):
    await handle(captured(ONE))

    assert await offered(client) == ("captured", [])
    assert (await client.get(f"/v1/scores/{TWO}/content")).status == 404
