"""The group commit: batches, one poison request alone, a database that is away."""

import asyncio

from sqlalchemy import text

from services.intake.app import build
from services.intake.settings import Settings
from services.intake.sources import parse_sources
from tests.intake_builders import ENVIRON, SOURCES, a_form, by_site, call, post
from tests.intake_promises import count, execute, promised

POISON = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'planted'; END $$
"""
ON_POISON = """
CREATE TRIGGER refuse BEFORE INSERT ON leads FOR EACH ROW
WHEN (NEW.email = 'poison@example.com') EXECUTE FUNCTION refuse()
"""


async def plant(database):
    await execute(database, POISON)
    await execute(database, ON_POISON)


async def test_requests_that_come_together_are_committed_together(intake):
    forms = [by_site(a_form(f"p{n}@example.com")) for n in range(50)]

    answers = await asyncio.gather(*(post(intake.app, form) for form in forms))

    assert {answer.status for answer in answers} == {202}
    transactions = await count(intake.database, "(SELECT DISTINCT xid FROM outbox) AS found")
    assert transactions <= 2
    assert len(await promised(intake.database)) == 50


async def test_a_poison_request_fails_alone(intake):
    await plant(intake.database)
    people = [f"p{n}@example.com" for n in range(20)] + ["poison@example.com"]
    forms = [by_site(a_form(email)) for email in people]

    *good, bad = await asyncio.gather(*(post(intake.app, form) for form in forms))

    assert {answer.status for answer in good} == {202}
    assert bad.status == 500
    assert bad.headers["content-type"] == "application/problem+json"
    assert b"planted" not in bad.body
    assert await count(intake.database, "leads") == 20
    assert await count(intake.database, "captures") == 20


async def test_requests_over_the_bound_are_turned_away(make_intake):
    intake = make_intake(waiting_requests_max=5)
    forms = [by_site(a_form(f"p{n}@example.com")) for n in range(20)]

    answers = await asyncio.gather(*(post(intake.app, form) for form in forms))

    away = [answer for answer in answers if answer.status == 503]
    taken = [answer for answer in answers if answer.status == 202]
    assert len(away) + len(taken) == 20
    assert away
    assert all(answer.headers["retry-after"] == "1" for answer in away)
    assert await count(intake.database, "captures") == len(taken)


async def test_a_database_that_is_away_is_a_503_and_nothing_is_lost(intake):
    ends = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'leadloop-intake' AND pid <> pg_backend_pid()
    """
    await asyncio.gather(*(post(intake.app, by_site(a_form(f"{n}@x.de"))) for n in range(5)))
    await execute(intake.database, "SELECT 1")
    async with intake.database.transaction() as other:
        await other.connection.execute(text(ends))

    first = await post(intake.app, by_site(a_form("after@example.com")))
    second = await post(intake.app, by_site(a_form("after@example.com")))

    assert first.status in {202, 503}
    assert second.status == 202
    assert await count(intake.database, "leads WHERE email = 'after@example.com'") == 1


async def test_a_database_that_never_was_there_is_told_as_away(make_intake, clock, ids):
    settings = Settings(database_url="postgresql+asyncpg://postgres@127.0.0.1:9/none")
    sources = parse_sources(SOURCES, ENVIRON)
    intake = build(settings, clock=clock, ids=ids, sources=sources)

    answer = await post(intake.app, by_site(a_form(at=clock.now().isoformat())))
    ready = await call(intake.app, "GET", "/readyz")
    await intake.close()

    assert (answer.status, answer.json["title"]) == (503, "Not available now")
    assert answer.headers["retry-after"] == "1"
    assert (ready.status, list(ready.json["checks"])) == (503, ["database"])


async def test_closing_waits_for_what_is_under_way(make_intake):
    intake = make_intake()
    posting = asyncio.ensure_future(post(intake.app, by_site(a_form())))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    for close in intake.closers:
        await close()

    assert (await posting).status == 202
