"""What outcomes teach is asked for by API, and is what the command finds."""

import json
from datetime import timedelta
from random import Random

import pytest

from leadloop.agreement.reader import read_agreement
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import captured, lost, signed, visit, won
from tests.integration.scoring.studies import leadloop, studies_of, work_off

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
DAYS, A_DAY = 12, 120
AGREEMENT = """
agreement: sales
signers: {marketing: Mara, sales: Tom}
qualified_lead:
  fit:
    - {name: german, when: lead.country == "DE", points: 20}
    - {name: large, when: lead.employees >= 50, points: 5}
  engagement: [{name: visit, on: page_view, points: 10}]
  tiers: [{name: B, when: total >= 30}]
service_levels: {calendar: office, tiers: {B: {accept: 1h, first_attempt: 2h}}}
calendars: {office: {time_zone: Europe/Berlin, open: {mon-fri: ["09:00-17:00"]}}}
reasons: {no_need: {label: No need, then: return, cool_down: 7d}}
"""


@pytest.fixture
async def outcomes(handle, clock):
    """Leads of which the large ones are won more often."""
    random = Random(3)
    await handle(signed())
    for day in range(DAYS):
        clock.advance_to(MONDAY_MORNING + day * DAY)
        drawn = [random.random() for _ in range(2 * A_DAY)]
        names = [f"00000000-0000-7000-8000-{day * A_DAY + n:012}" for n in range(A_DAY)]
        large = [one < 0.4 for one in drawn[:A_DAY]]
        await handle(
            *(
                captured(name, activity=visit(1), employees="80" if is_large else "10")
                for name, is_large in zip(names, large, strict=True)
            )
        )
        clock.advance_to(clock.now() + DAY / 2)
        chances = zip(names, large, drawn[A_DAY:], strict=True)
        is_won = {name: one < (0.5 if big else 0.1) for name, big, one in chances}
        await handle(*(won(clock.now(), name) for name in names if is_won[name]))
        await handle(*(lost(clock.now(), name) for name in names if not is_won[name]))


async def ask(client, text=AGREEMENT, **more):
    return await client.post("/v1/lessons", {"text": text, **more})


async def learned(client, database, clock, **asked):
    lessons_id = (await ask(client, **asked)).json()["lessons_id"]
    await work_off(studies_of(database), clock)
    return (await client.get(f"/v1/lessons/{lessons_id}")).json()


async def test_it_suggests_and_finds_what_the_command_does(
    client, outcomes, database, database_url, clock, tmp_path
):
    files = {name: tmp_path / name for name in ("now.yaml", "new.yaml", "out.md", "model")}
    files["now.yaml"].write_text(AGREEMENT)
    await leadloop(
        *("agreement", "learn", str(files["now.yaml"]), "--database", database_url),
        *("--split", "2026-03-11", "--write", str(files["new.yaml"])),
        *("--predictive", str(files["model"]), "--markdown", str(files["out.md"])),
    )

    done = await learned(client, database, clock, split="2026-03-11", predictive=True)

    assert done["state"] == "done", done["problem"]
    assert done["progress"] == {"step": "learns", "done": 0, "total": 0}
    assert done["suggested"] == files["new.yaml"].read_text()
    assert done["model"] == json.loads(files["model"].read_text())
    rules = read_agreement(done["suggested"]).definition.rules
    assert {rule.name: rule.points for rule in rules}["large"] > 5
    text = files["out.md"].read_text()
    for section in done["found"]["sections"]:
        for table in section["tables"]:
            assert all(row[0] in text.replace("\\", "") for row in table["rows"])
    added = await client.post("/v1/models", done["model"])
    assert added.status in {200, 201}
    page = await client.get(f"/v1/lessons/{done['lessons_id']}/page")
    assert (page.status, page.body[:15]) == (200, b"<!doctype html>")


async def test_too_little_is_said_as_such(client, handle, database, clock):
    await handle(signed())
    await handle(captured(activity=visit(1)))

    done = await learned(client, database, clock, predictive=True)

    assert (done["state"], done["suggested"], done["model"]) == ("done", None, None)
    assert "Not enough data" in str(done["found"]["summary"])


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"split": "yesterday"}, "/split"),
        ({"split": "0001-01-01"}, "/split"),
        ({"text": "agreement: x\n"}, "line 1"),
        ({"source": "utm"}, "/source"),
    ],
)
async def test_what_can_be_told_at_once_is_refused_at_once(client, asked, pointer):
    answer = await ask(client, **asked)

    assert answer.status == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
