import asyncio
from datetime import timedelta

import pytest
from fastapi import APIRouter, Depends
from pydantic import BaseModel
from sqlalchemy import text

from leadloop import idempotency
from leadloop.errors import Conflict, Malformed
from leadloop.web import Router, WorkDep, create_app, idempotent
from tests.asgi import Client

KEY = {"idempotency-key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}


class Note(BaseModel):
    text: str


router = Router(prefix="/v1")


@router.post("/notes", status_code=201, dependencies=[Depends(idempotent)])
async def create_note(note: Note, work: WorkDep) -> dict[str, str]:
    if note.text == "refused":
        raise Conflict("Not now.")
    await work.connection.execute(
        text("INSERT INTO seen (key) VALUES (:key)"), {"key": note.text}
    )
    return {"id": work.ids.new(work.now)}


@router.post("/notes/{name}/pin", status_code=204, dependencies=[Depends(idempotent)])
async def pin_note(name: str, work: WorkDep) -> None:
    await work.connection.execute(text("INSERT INTO seen (key) VALUES (:key)"), {"key": name})


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def client(database):
    app = create_app(service="kit", title="Kit", database=database)
    app.include_router(router)
    return Client(app)


async def seen(database) -> list[str]:
    async with database.transaction() as work:
        rows = await work.connection.scalars(text("SELECT key FROM seen ORDER BY position"))
        return list(rows)


async def test_a_repeated_command_gets_the_first_answer_and_no_second_effect(database, client):
    first = await client.post("/v1/notes", {"text": "a"}, KEY)
    second = await client.post("/v1/notes", {"text": "a"}, KEY)

    assert (second.status, second.body) == (201, first.body)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await seen(database) == ["a"]


async def test_an_answer_without_a_body_is_replayed_too(database, client):
    await client.post("/v1/notes/a/pin", None, KEY)
    again = await client.post("/v1/notes/a/pin", None, KEY)

    assert (again.status, again.body) == (204, b"")
    assert await seen(database) == ["a"]


async def test_commands_without_a_key_or_with_another_one_take_effect_each(database, client):
    for headers in ({}, {}, KEY, {"idempotency-key": "another"}):
        assert (await client.post("/v1/notes", {"text": "a"}, headers)).status == 201

    assert len(await seen(database)) == 4


async def test_quoted_and_bare_keys_are_the_same(database, client):
    await client.post("/v1/notes", {"text": "a"}, {"idempotency-key": '"k-1"'})
    again = await client.post("/v1/notes", {"text": "a"}, {"idempotency-key": "k-1"})

    assert again.headers["idempotency-replayed"] == "true"


async def test_the_same_key_for_another_command_is_refused(database, client):
    await client.post("/v1/notes", {"text": "a"}, KEY)
    other = await client.post("/v1/notes", {"text": "b"}, KEY)

    assert other.status == 422
    assert other.json()["errors"][0]["pointer"] == "header idempotency-key"
    assert await seen(database) == ["a"]


async def test_the_same_key_for_another_subject_is_refused(database, client):
    await client.post("/v1/notes/a/pin", None, KEY)

    assert (await client.post("/v1/notes/b/pin", None, KEY)).status == 422


async def test_a_key_belongs_to_its_route(database, client):
    await client.post("/v1/notes", {"text": "a"}, KEY)

    assert (await client.post("/v1/notes/a/pin", None, KEY)).status == 204


async def test_duplicates_that_race_wait_and_get_one_answer(database, client):
    answers = await asyncio.gather(
        *(client.post("/v1/notes", {"text": "a"}, KEY) for _ in range(8))
    )

    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    replayed = [answer for answer in answers if "idempotency-replayed" in answer.headers]
    assert len(replayed) == 7
    assert await seen(database) == ["a"]


async def test_a_refused_command_does_not_use_its_key_up(database, client):
    refused = await client.post("/v1/notes", {"text": "refused"}, KEY)
    wrong = await client.post("/v1/notes", {"text": 1}, KEY)
    mended = await client.post("/v1/notes", {"text": "a"}, KEY)

    assert (refused.status, wrong.status, mended.status) == (409, 422, 201)
    assert "idempotency-replayed" not in mended.headers


async def test_an_answer_is_kept_for_a_day(database, client, clock):
    await client.post("/v1/notes", {"text": "a"}, KEY)
    clock.advance_to(clock.now() + timedelta(hours=24))
    within = await client.post("/v1/notes", {"text": "a"}, KEY)
    clock.advance_to(clock.now() + timedelta(seconds=1))
    after = await client.post("/v1/notes", {"text": "b"}, KEY)

    assert within.headers["idempotency-replayed"] == "true"
    assert after.status == 201
    assert await seen(database) == ["a", "b"]


async def test_answers_past_their_time_are_pruned(database, client, clock):
    await client.post("/v1/notes", {"text": "a"}, KEY)
    clock.advance_to(clock.now() + timedelta(hours=25))
    await client.post("/v1/notes", {"text": "b"}, {"idempotency-key": "another"})

    async with database.transaction() as work:
        pruned = await idempotency.prune(work.connection, work.now)
        left = await work.connection.scalar(text("SELECT count(*) FROM idempotency"))

    assert (pruned, left) == (1, 1)


@pytest.mark.parametrize("key", ["", '""', "k" * 256, "k\u00e9y"])
async def test_a_key_that_can_not_be_used_is_refused(client, key):
    answer = await client.post("/v1/notes", {"text": "a"}, {"idempotency-key": key})

    assert answer.status == 400
    assert answer.json()["errors"][0]["pointer"] == "header idempotency-key"


async def test_a_key_may_have_255_characters(client):
    headers = {"idempotency-key": '"' + "k" * 255 + '"'}

    assert (await client.post("/v1/notes", {"text": "a"}, headers)).status == 201


def test_escapes_in_a_quoted_key_are_read():
    assert idempotency.parse_key(r'"a\"b\\c"') == r'a"b\c'
    with pytest.raises(Malformed):
        idempotency.parse_key('"a\nb"')


async def test_a_route_that_could_not_keep_its_answer_says_so(database):
    forgetful = APIRouter()
    forgetful.post("/v1/forgetful", dependencies=[Depends(idempotent)])(pin_note)
    app = create_app(service="kit", title="Kit", database=database)
    app.include_router(forgetful)

    assert (await Client(app).post("/v1/forgetful?name=a")).status == 500
    assert await seen(database) == []
