import re
from random import Random
from typing import Annotated

import orjson
import pytest
from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import text
from structlog.testing import capture_logs

from leadloop.errors import Conflict, FieldError
from leadloop.web import Doors, Router, WorkDep, create_app
from tests.asgi import Client

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Person(BaseModel):
    email: str
    age: int = Field(ge=0)
    tags: list[str] = []


router = Router(prefix="/v1")


async def note(work, key: str) -> None:
    await work.connection.execute(text("INSERT INTO seen (key) VALUES (:key)"), {"key": key})


@router.post("/people", status_code=201)
async def create_person(person: Person, work: WorkDep) -> dict[str, str]:
    await note(work, person.email)
    return {"trace": work.traceparent}


@router.post("/people/late")
async def create_too_late(work: WorkDep) -> None:
    await note(work, "too late")
    raise Conflict(
        "It is over.",
        FieldError("/state", "open", "closed"),
        retry_after_seconds=7,
    )


@router.post("/people/broken")
async def create_broken(work: WorkDep) -> None:
    await note(work, "broken")
    raise RuntimeError("ada@example.com broke it")


@router.post("/people/unserialisable")
async def create_unserialisable(work: WorkDep) -> dict[str, int]:
    await note(work, "unserialisable")
    return {"a": "not a number"}  # type: ignore[dict-item]  # on purpose


@router.get("/people/{person_id}")
async def get_person(person_id: int, limit: Annotated[int, Query(le=10)] = 5) -> list[int]:
    return [person_id, limit]


def make_app(database, **options):
    app = create_app(service="kit", title="Kit", database=database, random=Random(7), **options)
    app.include_router(router)
    return app


@pytest.fixture
def database(make_database):
    return make_database("kit")


@pytest.fixture
def client(database):
    return Client(make_app(database))


async def seen(database) -> list[str]:
    async with database.transaction() as work:
        rows = await work.connection.scalars(text("SELECT key FROM seen ORDER BY position"))
        return list(rows)


ADA = {"email": "ada@example.com", "age": 36}


async def test_a_command_is_committed_when_it_is_answered(database, client):
    answer = await client.post("/v1/people", ADA)

    assert answer.status == 201
    assert await seen(database) == ["ada@example.com"]


async def test_the_commit_comes_before_the_answer_starts(database):
    at_start = []

    async def send(message):
        if message["type"] == "http.response.start":
            at_start.extend(await seen(database))

    app = make_app(database)
    scope = Client(app)._scope("POST", "/v1/people", {"content-type": "application/json"})

    async def receive():
        return {"type": "http.request", "body": orjson.dumps(ADA), "more_body": False}

    await app(scope, receive, send)

    assert at_start == ["ada@example.com"]


async def test_a_commit_that_fails_is_never_answered_with_success(database, client):
    async with database.transaction() as work:
        await work.connection.execute(
            text(
                "ALTER TABLE seen ADD CONSTRAINT seen_once UNIQUE (key)"
                " DEFERRABLE INITIALLY DEFERRED"
            )
        )
    assert (await client.post("/v1/people", ADA)).status == 201

    assert (await client.post("/v1/people", ADA)).status == 500
    assert await seen(database) == ["ada@example.com"]


@pytest.mark.parametrize("path", ["late", "broken", "unserialisable"])
async def test_nothing_is_half_done_when_a_command_is_refused_or_breaks(database, client, path):
    answer = await client.post(f"/v1/people/{path}")

    assert answer.status in {409, 500}
    assert await seen(database) == []


async def test_a_refusal_is_a_problem(client):
    answer = await client.post("/v1/people/late")

    assert answer.status == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "7"
    assert answer.json() == {
        "type": "urn:leadloop:problem:conflict",
        "title": "Conflict with the present state",
        "status": 409,
        "detail": "It is over.",
        "errors": [{"pointer": "/state", "expected": "open", "found": "closed"}],
    }


async def test_every_wrong_field_is_named_and_no_value_is_repeated(client):
    answer = await client.post(
        "/v1/people", {"age": "thirty-six of ada@example.com", "tags": ["a", 2, None]}
    )

    assert answer.status == 422
    problem = answer.json()
    assert {error["pointer"]: error["found"] for error in problem["errors"]} == {
        "/email": "nothing",
        "/age": "a string",
        "/tags/1": "a number",
        "/tags/2": "null",
    }
    assert problem["errors"][0]["expected"] == "a value"
    assert "thirty-six" not in answer.body.decode()
    assert "example.com" not in answer.body.decode()


async def test_wrong_parts_of_the_path_and_the_query_are_named(client):
    answer = await client.get("/v1/people/one", limit=11)

    assert answer.status == 422
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == ["path person_id", "query limit"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"nonsense",
        b"\xff\xfe",
        b'{"age": NaN}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=["cut", "none", "text", "not UTF-8", "NaN", "unclosed", "deep arrays", "deep objects"],
)
async def test_broken_json_is_refused(client, body):
    answer = await client.request("POST", "/v1/people", [body])

    assert answer.status == (400 if body else 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.body) < 1_000


async def test_another_form_than_json_is_refused(client):
    answer = await client.request(
        "POST", "/v1/people", [b"email=ada"], {"content-type": "text/plain"}
    )

    assert answer.status == 415
    assert answer.json()["errors"][0]["pointer"] == "header content-type"


async def test_unknown_routes_and_methods_are_problems(client):
    missing = await client.get("/v1/nothing")
    wrong = await client.delete("/v1/people")

    assert (missing.status, missing.json()["title"]) == (404, "Not Found")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert wrong.headers["content-type"] == "application/problem+json"


async def test_a_bug_is_answered_with_an_id_and_logged_with_it(client):
    with capture_logs() as logs:
        answer = await client.post("/v1/people/broken")

    assert answer.status == 500
    assert "ada@example.com" not in answer.body.decode()
    (error_id,) = re.findall("[0-9a-f]{16}", answer.json()["detail"])
    (line,) = [line for line in logs if line["event"] == "request.failed"]
    assert line["error_id"] == error_id
    assert line["log_level"] == "error"


async def test_while_the_database_is_away_callers_are_asked_to_come_back(database):
    away = type(database)(
        "postgresql+asyncpg://postgres@127.0.0.1:9/none",
        "kit",
        clock=database.clock,
        ids=database.ids,
    )
    client = Client(make_app(away))

    answer = await client.post("/v1/people", ADA)

    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert (await client.get("/readyz")).status == 503
    assert (await client.get("/healthz")).status == 200
    assert (await client.get("/metrics")).status == 200
    await away.close()


async def test_text_that_no_column_can_hold_is_refused(client):
    answer = await client.post("/v1/people", {**ADA, "email": "ada\u0000"})

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-length": "2000"}, {"content-length": "-1"}, {"content-length": "many"}],
)
async def test_a_body_over_the_limit_is_refused_declared_or_not(database, headers):
    client = Client(make_app(database, doors=Doors(body_max_bytes=1_000)))
    chunks = [b'{"email": "', *[b"a" * 300] * 5, b'"}']

    answer = await client.request("POST", "/v1/people", chunks, headers)

    assert answer.status == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert await seen(database) == []


async def test_a_body_up_to_the_limit_is_taken(database):
    body = orjson.dumps(ADA)
    client = Client(make_app(database, doors=Doors(body_max_bytes=len(body))))

    answer = await client.request("POST", "/v1/people", [body[:9], body[9:]])

    assert answer.status == 201


@pytest.fixture
def guarded(database):
    return make_app(database, doors=Doors(api_tokens=("first-token", "second-token")))


@pytest.mark.parametrize("token", ["first-token", "second-token"])
async def test_each_configured_token_opens_the_api(guarded, token):
    client = Client(guarded, {"authorization": f"Bearer {token}"}, host="203.0.113.9")

    assert (await client.get("/v1/people/1")).status == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer first-toke", "Basic first-token", "first-token", "é"],
)
async def test_other_callers_are_not_let_in(guarded, authorization):
    client = Client(guarded, {"authorization": authorization})

    answer = await client.get("/v1/people/1")

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert (await client.get("/v1/nothing")).status == 401


async def test_probes_and_documentation_need_no_token(guarded):
    client = Client(guarded, host="203.0.113.9")

    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert (await client.get(path)).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("::1", 200), ("203.0.113.9", 403), ("testclient", 403)],
)
async def test_without_tokens_only_this_machine_is_let_in(database, host, status):
    client = Client(make_app(database), host=host)

    assert (await client.get("/v1/people/1")).status == status


async def test_without_tokens_pages_of_other_sites_are_not_let_in(database):
    client = Client(make_app(database), {"sec-fetch-site": "cross-site"})

    assert (await client.post("/v1/people/late")).status == 403


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-real-ip", "via"])
async def test_without_tokens_clients_of_a_proxy_on_this_machine_are_not_let_in(
    database, header
):
    client = Client(make_app(database), {header: "203.0.113.9"})

    assert (await client.get("/v1/people/1")).status == 403


async def test_with_tokens_clients_of_a_proxy_are_let_in(guarded):
    headers = {"x-forwarded-for": "203.0.113.9", "authorization": "Bearer first-token"}

    assert (await Client(guarded, headers).get("/v1/people/1")).status == 200


async def test_a_trace_is_continued_into_the_transaction(client):
    header = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}

    continued = await client.post("/v1/people", ADA, headers=header)
    began = await client.post("/v1/people", ADA)

    assert continued.json()["trace"].startswith(f"00-{TRACE}-")
    assert not began.json()["trace"].startswith(f"00-{TRACE}-")
    assert len(began.json()["trace"]) == 55


async def test_a_request_is_one_log_line_without_what_it_carried(client):
    with capture_logs() as logs:
        await client.post("/v1/people", ADA)
        await client.get("/healthz")

    (line,) = logs
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "request.answered",
        "route": "/v1/people",
        "method": "POST",
        "status": 201,
        "log_level": "info",
    }


async def test_requests_are_counted_by_route_template(client):
    await client.get("/v1/people/17")
    await client.get("/v1/people/18")
    await client.get("/somewhere/else")
    await client.request("BREW", "/v1/people")

    metrics = (await client.get("/metrics")).body.decode()

    assert 'route="/v1/people/{person_id}"' in metrics
    assert "/v1/people/17" not in metrics
    assert 'route="unmatched",service="kit",status="404"' in metrics
    assert 'method="other"' in metrics
    assert 'leadloop_outbox_rows{service="kit"} 0.0' in metrics
    assert 'leadloop_deliveries_due_oldest_seconds{service="kit"} 0.0' in metrics


async def test_it_is_ready_when_every_part_moves(database):
    stuck: list[str] = []
    app = make_app(database, checks={"relay": lambda: "stands still" if stuck else None})
    client = Client(app)

    ready = await client.get("/readyz")
    stuck.append("relay")
    not_ready = await client.get("/readyz")

    assert (ready.status, ready.json()["checks"]) == (
        200,
        {"relay": "moves", "database": "moves"},
    )
    assert not_ready.status == 503
    assert not_ready.json()["checks"]["relay"] == "stands still"


async def test_the_documentation_shows_the_form_of_refusals(client):
    document = (await client.get("/openapi.json")).json()

    refusal = document["paths"]["/v1/people"]["post"]["responses"]["default"]
    assert "application/problem+json" in refusal["content"]
    assert "/metrics" not in document["paths"]
