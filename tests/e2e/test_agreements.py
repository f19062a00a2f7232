"""Nothing but a text that both sides signed ever reaches scoring, whatever is killed when."""

import asyncio
import json
import os
import shutil

import aiohttp
import pytest
import pytest_asyncio
from typer.testing import CliRunner

from leadloop.agreement.reader import sha256_of
from services.cli import app
from services.client import Refused
from tests.conftest import PATIENCE_SECONDS, TEST_FOLDER, a_moment
from tests.e2e.loop import AGREEMENT, Loop, NotYet, stack_in

pytestmark = pytest.mark.e2e

SIGNERS = {"marketing": "Ana", "sales": "Ben"}


@pytest_asyncio.fixture(scope="module")
async def loop():
    folder = TEST_FOLDER / f"e2e-agreements-{os.getpid()}"
    stack = stack_in(folder)
    try:
        await asyncio.to_thread(stack.start)
        async with aiohttp.ClientSession() as session:
            running = Loop(stack, session)
            await running.agree()
            yield running
    finally:
        await asyncio.to_thread(stack.stop)
        shutil.rmtree(folder, ignore_errors=True)


def giving(points: int) -> str:
    """Return the agreement with other points: by the score one sees which one is in force."""
    return AGREEMENT.replace("points: 30", f"points: {points}")


async def propose(loop: Loop, text: str) -> None:
    await loop.call("POST", "feedback", "/v1/agreements", {"text": text})


async def sign(loop: Loop, side: str, text: str) -> dict:
    """Sign again and again until there is an answer, as a person does whose tool failed."""
    said = {"side": side, "signer": SIGNERS[side], "text_sha256": sha256_of(text)}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                path = "/v1/agreements/default/sign"
                return await loop.call("POST", "feedback", path, said)
            except (aiohttp.ClientError, NotYet):
                await a_moment()


async def in_force(loop: Loop) -> tuple[int, str]:
    """Return version and text in force, as feedback has it."""
    answer = await loop.call("GET", "feedback", "/v1/agreements/default")
    return answer["version"], answer["text"]


async def scored(loop: Loop) -> tuple[int, int]:
    """Return the version that scoring works by, and what it gives a made-up lead."""
    tried = {"lead": {"email": "a@example.com", "country": "DE"}, "activities": []}
    answer = await loop.call("POST", "scoring", "/v1/scores/try", tried)
    return answer["agreement_version"], answer["total"]


async def eventually_scored(loop: Loop, version: int) -> int:
    """Return the points once scoring works by a version; it must never go past it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                found, points = await scored(loop)
            except (aiohttp.ClientError, AssertionError, NotYet):
                await a_moment()
                continue
            assert found <= version
            if found == version:
                return points
            await a_moment()


async def kill(loop: Loop, room: str) -> None:
    await asyncio.to_thread(loop.stack.kill, room)
    await asyncio.to_thread(loop.stack.restart, room)


async def test_a_half_signed_text_is_not_in_force_after_a_kill_and_is_once_both_signed(loop):
    version, text = await in_force(loop)
    await eventually_scored(loop, version)
    await propose(loop, giving(31))
    await sign(loop, "marketing", giving(31))
    await asyncio.gather(kill(loop, "feedback"), kill(loop, "scoring"))

    assert await in_force(loop) == (version, text)
    assert await scored(loop) == (version, 30)

    signed = await sign(loop, "sales", giving(31))
    assert signed["version"] == version + 1
    assert await eventually_scored(loop, version + 1) == 31
    assert await in_force(loop) == (version + 1, giving(31))


async def test_a_kill_in_the_midst_of_the_second_signature_leaves_all_of_it_or_nothing(loop):
    for points in (32, 33, 34):
        version, _ = await in_force(loop)
        text = giving(points)
        await propose(loop, text)
        await sign(loop, "marketing", text)

        signing = asyncio.create_task(sign(loop, "sales", text))
        await asyncio.sleep(0)
        await kill(loop, "feedback")
        answer = await signing

        assert (answer["state"], answer["version"]) == ("signed", version + 1)
        assert await in_force(loop) == (version + 1, text)
        assert await eventually_scored(loop, version + 1) == points


async def test_a_text_changed_between_the_signatures_needs_both_again_also_after_a_kill(loop):
    version, text = await in_force(loop)
    _, points = await scored(loop)
    await propose(loop, giving(40))
    await sign(loop, "marketing", giving(40))
    await propose(loop, giving(41))
    await kill(loop, "feedback")

    with pytest.raises(AssertionError, match="409"):
        await sign(loop, "sales", giving(40))
    answer = await sign(loop, "sales", giving(41))

    assert (answer["state"], answer["version"]) == ("open", None)
    assert await in_force(loop) == (version, text)
    assert await scored(loop) == (version, points)


async def command(loop: Loop, *arguments: str, answer: str = "") -> str:
    """Run the command line beside the loop; it must succeed."""
    words = ["agreement", *arguments, "--url", loop.stack.address("feedback")]
    ran = await asyncio.to_thread(CliRunner().invoke, app, words, answer)
    if ran.exception and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran.output


async def test_the_life_of_an_agreement_at_the_command_line(loop, tmp_path):
    version, _ = await in_force(loop)
    file = tmp_path / "agreement.yaml"
    file.write_text(giving(50))

    proposed = json.loads(await command(loop, "propose", str(file)))
    signer = ("sign", "default", "--side", "marketing", "--signer", "Ana")
    await command(loop, *signer, "--comment", "more weight on our market", answer="y\n")
    signer = ("sign", "default", "--side", "sales", "--signer", "Ben")
    signed = json.loads(await command(loop, *signer, "--text", str(file)))

    assert proposed["text_sha256"] == signed["text_sha256"] == sha256_of(giving(50))
    assert signed["version"] == version + 1
    told = await command(loop, "history", "default", "--json")
    assert "more weight on our market" in told
    shown = await command(loop, "show", "default", "--version", str(version + 1))
    assert "+50" in shown
    changed = await command(loop, "diff", f"default@{version}", str(file))
    assert "-> +50" in changed

    restored = json.loads(await command(loop, "restore", "default", "--version", "1"))
    assert restored["text_sha256"] == sha256_of(AGREEMENT)
    assert restored["state"] == "open"
    with pytest.raises(Refused, match="409"):
        await command(loop, *signer, "--sha256", "0" * 64)
    with pytest.raises(Refused, match="expected the text's file, or its hash"):
        await command(loop, *signer, "--text", "agreement.yml")


async def test_history_is_a_table_for_people(loop):
    told = await command(loop, "history")

    assert "default" in told
    assert "signed" in told
