import re
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Annotated, Literal
from uuid import UUID

import orjson
import pytest
from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
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


class Card(BaseModel):
    """One field of each kind that requests have."""

    model_config = ConfigDict(extra="forbid")

    id: UUID | None = None
    code: str = Field("EUR", pattern="^[A-Z]{3}$", description="ISO 4217.")
    plain: str = Field("abc", pattern="^[a-z]+$")
    name: str = Field("Ada", min_length=2, max_length=5)
    kind: Literal["call", "mail"] = "call"
    at: datetime | None = None
    ratio: float = Field(0.5, gt=0, lt=1)
    value: Decimal = Field(Decimal(0), le=10, decimal_places=2)
    on: bool = False
    owners: list[Person] = Field([], max_length=2)


router = Router(prefix="/v1")


async def note(work, key: str) -> None:
    await work.connection.execute(text("INSERT INTO seen (key) VALUES (:key)"), {"key": key})


@router.post("/people", status_code=201)
async def create_person(person: Person, work: WorkDep) -> dict[str, str]:
    await note(work, person.email)
    return {"trace": work.traceparent}


@router.post("/cards")
async def create_card(card: Card) -> None:
    pass


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


def _bounds(since: Annotated[int, Query(alias="from")] = 0, until: int = 9) -> list[int]:
    return [since, until]


@router.get("/numbers")
async def list_numbers(
    bounds: Annotated[list[int], Depends(_bounds)], limit: int = 5
) -> list[int]:
    return [*bounds, limit]


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


async def test_a_parameter_that_no_route_reads_is_refused(client):
    taken = await client.get("/v1/numbers", **{"from": 1}, until=3, limit=2)
    refused = await client.get("/v1/numbers", since=1, external_id="777")
    on_its_own = await client.post("/v1/people?dry_run=1", ADA)

    assert taken.json() == [1, 3, 2]
    assert refused.status == 422
    known = "no such parameter; there are limit, from, until"
    assert refused.json()["errors"] == [
        {"pointer": f"query {name}", "expected": known, "found": "a value"}
        for name in ("since", "external_id")
    ]
    (error,) = on_its_own.json()["errors"]
    assert error["expected"] == "no such parameter; there are none"


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


ADA_AGED = {"email": "ada@example.com", "age": 36}


@pytest.mark.parametrize(
    ("wrong", "pointer", "expected"),
    [
        ({"id": "x"}, "/id", "a UUID"),
        ({"id": 7}, "/id", "a UUID"),
        ({"code": "euro"}, "/code", "text that matches ^[A-Z]{3}$ (ISO 4217.)"),
        ({"plain": "7"}, "/plain", "text that matches ^[a-z]+$"),
        ({"name": "A"}, "/name", "text of 2 or more characters"),
        ({"name": "Adalbert"}, "/name", "text of at most 5 characters"),
        ({"name": 7}, "/name", "a string"),
        ({"name": None}, "/name", "a string"),
        ({"kind": "fax"}, "/kind", "'call' or 'mail'"),
        ({"at": "soon"}, "/at", "a date and time by ISO 8601"),
        ({"ratio": 0}, "/ratio", "more than 0.0"),
        ({"ratio": 1}, "/ratio", "less than 1.0"),
        ({"ratio": "half"}, "/ratio", "a number"),
        ({"value": 11}, "/value", "10 or less"),
        ({"value": "1.234"}, "/value", "at most 2 decimal places"),
        ({"value": "NaN"}, "/value", "a finite number"),
        ({"on": "perhaps"}, "/on", "true or false"),
        ({"owners": {}}, "/owners", "an array"),
        ({"owners": [ADA_AGED] * 3}, "/owners", "at most 2 items"),
        ({"owners": ["ada"]}, "/owners/0", "an object"),
        ({"owners": [{**ADA_AGED, "age": 1.5}]}, "/owners/0/age", "a whole number"),
        ({"owners": [{**ADA_AGED, "age": -1}]}, "/owners/0/age", "0 or more"),
        ({"owners": [{"age": 1}]}, "/owners/0/email", "a value"),
    ],
)
async def test_what_was_expected_is_said_in_our_words(client, wrong, pointer, expected):
    answer = await client.post("/v1/cards", wrong)

    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["expected"]) == (pointer, expected)


async def test_an_unknown_field_is_told_beside_the_fields_there_are(client):
    answer = await client.post("/v1/cards", {"nmae": "Ada"})

    (error,) = answer.json()["errors"]
    assert error["expected"] == (
        "no such field; there are id, code, plain, name, kind, at, ratio, value, on, owners"
    )


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

    assert (answer.status, answer.json()["title"]) == (503, "Not available now")
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

    for path in (
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/docs/static/swagger-ui.css",
    ):
        assert (await client.get(path)).status == 200


async def test_the_documentation_is_whole_without_a_third_party(client):
    page = (await client.get("/docs")).body.decode()

    parts = re.findall(r"""(?:src|href)=["']([^"']+)""", page)

    assert len(parts) == 3, page
    for part in parts:
        assert (await client.get(part)).status == 200, part


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


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/docs", "/docs", 200),
        ("/docs/static/swagger-ui.css", "/docs/static", 200),
        ("/docs/static/nothing", "/docs/static", 404),
        ("/openapi.json", "/openapi.json", 200),
        ("/v1/people/17", "/v1/people/{person_id}", 401),
        ("/v1/nothing", "unmatched", 401),
        ("/nothing", "unmatched", 404),
    ],
)
async def test_a_request_is_told_by_its_route_even_when_it_is_refused_before(
    guarded, path, route, status
):
    with capture_logs() as logs:
        await Client(guarded).get(path)

    (line,) = logs
    assert (line["route"], line["status"]) == (route, status)


async def test_a_refused_method_is_told_by_its_route(client):
    with capture_logs() as logs:
        await client.delete("/v1/people")

    assert [(line["route"], line["status"]) for line in logs] == [("/v1/people", 405)]


async def test_it_is_not_ready_while_what_requests_need_is_away(database):
    gone: list[str] = []
    app = make_app(database, checks={"keys": lambda: "can't be read" if gone else None})
    client = Client(app)

    ready = await client.get("/readyz")
    gone.append("keys")
    not_ready = await client.get("/readyz")

    assert ready.status == 200
    assert ready.json() == {
        "status": "ready",
        "checks": {"keys": "answers", "database": "answers"},
        "loops": {},
    }
    assert (not_ready.status, not_ready.json()["status"]) == (503, "not ready")
    assert not_ready.json()["checks"]["keys"] == "can't be read"


async def test_a_loop_that_stands_still_is_told_and_requests_still_come(
    database, client, clock
):
    database.note_moved("relay")
    clock.advance_to(clock.now() + timedelta(minutes=1))
    database.note_moved("timers")

    answer = await client.get("/readyz")

    assert (answer.status, answer.json()["status"]) == (200, "ready")
    assert answer.json()["loops"] == {
        "relay": "has made no pass for too long",
        "timers": "moves",
    }


async def test_the_documentation_shows_the_form_of_refusals(client):
    document = (await client.get("/openapi.json")).json()

    refusal = document["paths"]["/v1/people"]["post"]["responses"]["default"]
    assert "application/problem+json" in refusal["content"]
    assert "/metrics" not in document["paths"]
