"""Four processes, a real broker, a real PostgreSQL: the loop as its users see it."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from contextlib import suppress

import aiohttp
import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from leadloop import signing
from leadloop.clock import SystemClock
from leadloop.signing import SignedMessage, Verdict
from tests.conftest import PATIENCE_SECONDS, TEST_FOLDER, a_moment, until
from tests.e2e.loop import Loop, stack_in
from tests.receivers import Receiver, listening

pytestmark = pytest.mark.e2e

PAUSE_SECONDS = 31


@pytest_asyncio.fixture(scope="module")
async def loop():
    folder = TEST_FOLDER / f"e2e-{os.getpid()}"
    stack = stack_in(folder)
    try:
        await asyncio.to_thread(stack.start)
        async with aiohttp.ClientSession() as session:
            running = Loop(stack, session)
            await running.agree()
            await running.hire("kim")
            yield running
    finally:
        await asyncio.to_thread(stack.stop)
        shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="module")
async def crm():
    async with listening() as receiver:
        yield receiver


@pytest_asyncio.fixture(scope="module")
async def crm_secret(loop, crm):
    return await loop.subscribe("handoff", "/v1/endpoints", crm.url)


@pytest_asyncio.fixture(scope="module")
async def marketing(loop):
    async with listening() as receiver:
        await loop.subscribe("feedback", "/v1/outcomes/endpoints", receiver.url)
        yield receiver


def events(receiver: Receiver, kind: str, **fields: object) -> list[dict]:
    """Return what a receiver got of one event type, with these values."""
    bodies = [json.loads(one.body) for one in receiver.received]
    return [
        body["data"]
        for body in bodies
        if body["type"].endswith(f".{kind}")
        and all(body["data"].get(name) == value for name, value in fields.items())
    ]


def routed(receiver: Receiver, prefix: str) -> list[dict]:
    return [
        event
        for event in events(receiver, "HandoffRouted")
        if event["lead"]["email"].startswith(prefix)
    ]


async def post(loop: Loop, prefix: str, number: int) -> None:
    """Post a lead again and again until it is taken, as a sender does."""
    fields = {
        "id": f"{prefix}-{number}",
        "email": f"{prefix}-{number}@example.com",
        "country": "DE",
        "activity": "demo_request",
        "campaign": "spring",
    }
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                if await loop.post_lead(**fields) == 202:
                    return
            except aiohttp.ClientError:
                await a_moment()


async def remembered(loop: Loop, lead_id: str) -> None:
    """Wait until feedback knows the lead: it reads patiently, and tests work in no time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(AssertionError):
                timeline = await loop.call("GET", "feedback", f"/v1/timelines/{lead_id}")
                assert "LeadCaptured" in str(timeline)
                return
            await a_moment()


async def test_a_lead_goes_round_the_loop(loop, crm, crm_secret, marketing):
    await post(loop, "ada", 1)
    handoff = (await until(lambda: routed(crm, "ada-1")))[0]
    await remembered(loop, handoff["lead_id"])
    path = f"/v1/handoffs/{handoff['handoff_id']}"
    await loop.call("POST", "handoff", f"{path}/accept", {"actor": "kim"})
    attempt = {"actor": "kim", "channel": "call", "result": "connected"}
    await loop.call("POST", "handoff", f"{path}/attempt", attempt)
    given_back = {"actor": "kim", "reason": "no_budget", "note": "next year"}
    await loop.call("POST", "handoff", f"{path}/recycle", given_back)

    returned = (await until(lambda: events(marketing, "LeadReturned")))[0]

    assert handoff["owner"]["name"] == "kim"
    assert handoff["score"]["total"] == sum(p["points"] for p in handoff["score"]["parts"])
    assert returned["reason"] == "no_budget"
    assert returned["touch"]["campaign"] == "spring"
    met = await until(lambda: events(crm, "ClockMet", handoff_id=handoff["handoff_id"]))
    assert met[0]["clock"]["kind"] == "CLOCK_KIND_ACCEPT"


async def test_every_webhook_is_signed_and_carries_an_id_of_its_own(loop, crm, crm_secret):
    await post(loop, "signed", 1)
    await until(lambda: routed(crm, "signed-1"))

    key = signing.decode_secret(crm_secret)
    for one in crm.received:
        message = SignedMessage(
            one.headers["webhook-id"],
            one.headers["webhook-timestamp"],
            one.headers["webhook-signature"],
            one.body,
        )
        assert signing.verify([key], message, now=SystemClock().now()) is Verdict.VALID


@pytest.mark.parametrize("room", ["intake", "scoring", "handoff", "feedback"])
async def test_nothing_is_lost_or_doubled_when_a_service_is_killed(loop, crm, crm_secret, room):
    posting = asyncio.gather(*(post(loop, f"killed-{room}", n) for n in range(60)))
    await asyncio.sleep(0)
    await asyncio.to_thread(loop.stack.kill, room)
    await asyncio.to_thread(loop.stack.restart, room)
    await posting
    await until(lambda: len({e["lead_id"] for e in routed(crm, f"killed-{room}")}) == 60)

    handoffs = {(e["lead_id"], e["handoff_id"]) for e in routed(crm, f"killed-{room}")}
    assert len(handoffs) == 60
    ids = {
        (body["data"]["handoff_id"], one.headers["webhook-id"])
        for one in crm.received
        if (body := json.loads(one.body))["type"].endswith("HandoffRouted")
    }
    assert max(Counter(handoff for handoff, _ in ids).values()) == 1


async def test_a_service_that_stands_still_for_half_a_minute_keeps_its_place(
    loop, crm, crm_secret
):
    before = await members(loop, "scoring")
    process = loop.stack.services["scoring"].pid
    os.kill(process, signal.SIGSTOP)
    await post(loop, "paused", 1)
    # The claim is about time that passes outside; nothing in here could tell when it is over.
    await asyncio.to_thread(subprocess.run, ["sleep", str(PAUSE_SECONDS)], check=True)
    os.kill(process, signal.SIGCONT)

    assert await until(lambda: routed(crm, "paused-1"))
    assert await members(loop, "scoring") == before


async def members(loop: Loop, group: str) -> list[str]:
    """Return the ids of a group's members; a member that lost its place gets a new one."""
    admin = AIOKafkaAdminClient(bootstrap_servers=loop.stack.broker.bootstrap)
    await admin.start()
    try:
        answer = (await admin.describe_consumer_groups([group]))[0]
    finally:
        await admin.close()
    return sorted(member[0] for member in answer.groups[0][5])
