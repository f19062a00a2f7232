"""Handoffs as people and CRMs ask for them: answers, refusals, repeats, pages."""

from datetime import timedelta

import pytest

from leadloop.v1 import handoff_pb2
from tests.conftest import MONDAY_MORNING
from tests.integration.handoff.floor import only, qualified
from tests.receivers import listening

NOBODY = "00000000-0000-4000-8000-000000000000"
NOBODY_CALLS = {"actor": "nobody", "channel": "call", "result": "connected"}
AN_ACTOR = "the id of a person in sales (GET /v1/people), or program: and a name"
MINUTE = timedelta(minutes=1)


async def test_a_handoff_shows_everything_about_it(floor):
    await floor.staffed("ann", "ben")
    handoff = await floor.hand_over()
    floor.clock.advance_to(MONDAY_MORNING + 2 * MINUTE)
    await floor.command(handoff["id"], "accept")

    found = await floor.get(handoff["id"])

    assert (found["state"], found["actor"], found["possible"]) == (
        "accepted",
        "ann",
        ["attempt", "recycle", "convert"],
    )
    assert found["lead"]["email"] == "ada@example.com"
    assert found["touch"]["campaign"] == "spring"
    assert sum(part["points"] for part in found["score"]["parts"]) == found["score"]["total"]
    accept, attempt = found["clocks"]
    assert (accept["kind"], accept["state"], accept["used_seconds"]) == ("accept", "met", 120)
    assert (attempt["kind"], attempt["state"]) == ("first_attempt", "running")
    assert found["due_at"] == attempt["due_at"]
    assert [one["passed_over_because"] for one in found["candidates"]] == [""]
    assert found["behind"] == 1
    assert [one["type"] for one in found["history"]] == [
        "HandoffRouted",
        "HandoffAccepted",
        "ClockMet",
    ]


async def test_a_lead_is_worked_from_assigned_to_a_deal(floor):
    await floor.staffed("ann")
    handoff = await floor.hand_over()
    await floor.published()

    attempt = await floor.command(
        handoff["id"], "attempt", channel="call", result="connected", note="wants an offer"
    )
    convert = await floor.command(handoff["id"], "convert", deal_id="D-7")

    assert (attempt.json["state"], attempt.json["attempts"]) == ("accepted", 1)
    assert (convert.json["state"], convert.json["deal_id"]) == ("converted", "D-7")
    events = await floor.published()
    assert [type(event).__name__ for event in events] == [
        "HandoffAccepted",
        "ClockMet",
        "ContactAttempted",
        "ClockMet",
        "HandoffConverted",
    ]
    assert [event.sequence for event in events] == [2, 3, 4, 5, 6]
    tried = only(handoff_pb2.ContactAttempted, events)
    assert (tried.channel, tried.result) == (
        handoff_pb2.CHANNEL_CALL,
        handoff_pb2.ATTEMPT_RESULT_CONNECTED,
    )


async def test_a_refusal_that_reroutes_is_with_somebody_else_at_once(floor):
    await floor.staffed("ann", "ben")
    handoff = await floor.hand_over()
    await floor.published()

    answer = await floor.command(handoff["id"], "reject", reason="wrong_territory")

    assert (answer.json["state"], answer.json["owner"]["person_id"]) == ("assigned", "ben")
    assert await floor.names() == ["HandoffRejected", "ClockMet", "HandoffReassigned"]
    again = await floor.command(handoff["id"], "reject", reason="wrong_territory")
    assert again.json == answer.json
    assert await floor.published() == []


async def test_a_refusal_that_reroutes_waits_when_there_is_nobody_else(floor):
    await floor.staffed("ann")
    handoff = await floor.hand_over()

    answer = await floor.command(handoff["id"], "reject", reason="wrong_territory")

    assert answer.json["state"] == "queued"
    assert answer.json["reason"] == "everyone available had this handoff before"
    await floor.hire("ben")
    await floor.fire_timers()
    assert (await floor.get(handoff["id"]))["owner"]["person_id"] == "ben"


COMMANDS = [
    ("accept", {}),
    ("reject", {"reason": "no_budget", "note": "none left"}),
    ("recycle", {"reason": "no_budget", "not_before": "2026-06-01T00:00:00+02:00"}),
    ("convert", {"deal_id": "D-1"}),
]


@pytest.mark.parametrize(("command", "told"), COMMANDS)
async def test_a_repeated_command_has_the_same_answer_and_no_new_event(floor, command, told):
    await floor.staffed("ann")
    handoff = await floor.hand_over()
    if command in {"recycle", "convert"}:
        await floor.command(handoff["id"], "accept")

    first = await floor.command(handoff["id"], command, **told)
    await floor.published()
    floor.clock.advance_to(MONDAY_MORNING + MINUTE)
    second = await floor.command(handoff["id"], command, **told)

    assert (first.status, second.status) == (200, 200)
    assert first.json == second.json
    assert await floor.published() == []


async def test_an_attempt_repeated_under_its_key_is_one_attempt(floor):
    await floor.staffed("ann")
    handoff = await floor.hand_over()
    path = f"/v1/handoffs/{handoff['id']}/attempt"
    told = {"actor": "ann", "channel": "call", "result": "no_answer"}

    first = await floor.ask("POST", path, told, idempotency_key="one")
    second = await floor.ask("POST", path, told, idempotency_key="one")
    other = await floor.ask("POST", path, told, idempotency_key="two")

    assert second.json == first.json
    assert [one.json["attempts"] for one in (first, second, other)] == [1, 1, 2]


async def test_a_command_that_comes_too_late_says_how_things_stand(floor):
    await floor.staffed("ann", "ben")
    handoff = await floor.hand_over()
    await floor.wait(15 * MINUTE)

    late = await floor.command(handoff["id"], "accept", "ann")

    assert late.status == 409
    assert late.json["detail"] == (
        "Can't accept: it was taken from ann; it is assigned, with ben since "
        "2026-03-02T09:15:00+00:00; still possible: accept, reject, attempt."
    )


async def test_after_the_end_nothing_is_possible(floor):
    await floor.staffed("ann", "ben")
    handoff = await floor.hand_over()
    await floor.command(handoff["id"], "reject", reason="competitor")

    for command, told in [*COMMANDS, ("attempt", {"channel": "call", "result": "connected"})]:
        answer = await floor.command(handoff["id"], command, "ben", **told)

        assert answer.status == 409
        assert "it is rejected by ann since" in answer.json["detail"]
        assert answer.json["detail"].endswith("still possible: nothing.")


@pytest.mark.parametrize(
    ("command", "told", "pointer", "expected"),
    [
        ("accept", {"actor": ""}, "/actor", AN_ACTOR),
        ("accept", {"actor": 7}, "/actor", ""),
        ("accept", {"actor": "a" * 101}, "/actor", AN_ACTOR),
        ("accept", {"actor": "a\x00b"}, "/actor", AN_ACTOR),
        ("accept", {"actor": "Ann Lee"}, "/actor", AN_ACTOR),
        ("accept", {"actor": "nobody"}, "/actor", AN_ACTOR),
        ("accept", {"actor": "Ann"}, "/actor", AN_ACTOR),
        ("accept", {"actor": "program:"}, "/actor", AN_ACTOR),
        ("attempt", NOBODY_CALLS, "/actor", AN_ACTOR),
        ("reject", {"actor": "nobody", "reason": "no_budget"}, "/actor", AN_ACTOR),
        ("recycle", {"actor": "nobody", "reason": "no_budget"}, "/actor", AN_ACTOR),
        ("convert", {"actor": "nobody"}, "/actor", AN_ACTOR),
        ("accept", {"actor": "ann", "colour": "red"}, "/colour", ""),
        ("reject", {"actor": "ann"}, "/reason", ""),
        (
            "reject",
            {"actor": "ann", "reason": "boredom"},
            "/reason",
            "one of no_budget, competitor, wrong_territory",
        ),
        ("reject", {"actor": "ann", "reason": "no_budget", "note": "x" * 2_001}, "/note", ""),
        (
            "attempt",
            {"actor": "ann", "channel": "pigeon", "result": "connected"},
            "/channel",
            "",
        ),
        ("attempt", {"actor": "ann", "channel": "call"}, "/result", ""),
        ("convert", {"actor": "ann", "deal_id": ["D"]}, "/deal_id", ""),
        (
            "recycle",
            {"actor": "ann", "reason": "no_budget", "not_before": "2026-06-01T00:00:00"},
            "/not_before",
            "",
        ),
    ],
)
async def test_a_command_that_makes_no_sense_names_the_field(
    floor, command, told, pointer, expected
):
    await floor.staffed("ann")
    handoff = await floor.hand_over()
    await floor.published()

    answer = await floor.ask("POST", f"/v1/handoffs/{handoff['id']}/{command}", told)

    assert answer.status == 422
    (error,) = answer.json["errors"]
    assert error["pointer"] == pointer
    assert expected in error["expected"]
    assert await floor.published() == []


@pytest.mark.parametrize(
    ("reason", "not_before", "pointer"),
    [
        ("wrong_territory", None, "/reason"),
        ("no_budget", "2026-03-01T00:00:00Z", "/not_before"),
    ],
)
async def test_a_recycling_that_does_not_fit_names_the_field(
    floor, reason, not_before, pointer
):
    await floor.staffed("ann")
    handoff = await floor.hand_over()
    await floor.command(handoff["id"], "accept")

    answer = await floor.command(handoff["id"], "recycle", reason=reason, not_before=not_before)

    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "pointer"),
    [
        ("GET", f"/v1/handoffs/{NOBODY}", None, 404, None),
        ("GET", "/v1/handoffs/seven", None, 422, "path handoff_id"),
        ("POST", f"/v1/handoffs/{NOBODY}/accept", {"actor": "ann"}, 404, None),
        ("POST", "/v1/handoffs/seven/accept", {"actor": "ann"}, 422, "path handoff_id"),
        ("POST", f"/v1/handoffs/{NOBODY}/dance", {"actor": "ann"}, 404, None),
        ("GET", "/v1/handoffs?state=asleep", None, 422, "query state"),
        ("GET", "/v1/handoffs?due_before=soon", None, 422, "query due_before"),
        ("GET", "/v1/handoffs?changed_since=2026-03-02", None, 422, "query changed_since"),
        ("GET", "/v1/handoffs?cursor=x", None, 400, "query cursor"),
        ("GET", "/v1/people?cursor=", None, 400, "query cursor"),
        ("GET", "/v1/handoffs?limit=0", None, 422, "query limit"),
        ("GET", "/v1/people/nobody", None, 404, None),
        ("DELETE", "/v1/people/nobody", None, 404, None),
        ("PUT", "/v1/people/a b", {"name": "A"}, 422, "path person_id"),
        ("PUT", "/v1/people/ann", {}, 422, "/name"),
        ("PUT", "/v1/people/ann", {"name": "A", "email": "nowhere"}, 422, "/email"),
        ("PUT", "/v1/people/ann", {"name": "A", "available": "later"}, 422, "/available"),
        ("PUT", "/v1/people/ann", {"name": "A", "away_until": "soon"}, 422, "/away_until"),
    ],
)
async def test_bad_requests_are_refused_by_name(floor, method, path, body, status, pointer):
    answer = await floor.ask(method, path, body)

    assert answer.status == status
    if pointer is not None:
        assert answer.json["errors"][0]["pointer"] == pointer


async def test_lists_are_narrowed_and_paged_newest_first(floor):
    await floor.staffed("ann", "ben")
    await floor.take(*(qualified() for _ in range(5)))
    await floor.take(qualified(tier="cold"))

    first = (await floor.ask("GET", "/v1/handoffs?limit=4")).json
    second = (await floor.ask("GET", f"/v1/handoffs?limit=4&cursor={first['next']}")).json
    ids = [one["id"] for one in first["items"] + second["items"]]
    assert len(set(ids)) == 6
    assert ids == sorted(ids, reverse=True)
    assert second["next"] is None

    async def count(query: str) -> int:
        return len((await floor.ask("GET", f"/v1/handoffs?{query}")).json["items"])

    assert await count("owner=ann&tier=hot") == 3
    assert await count("tier=cold") == 1
    assert await count("state=queued") == 0
    assert await count("due_before=2026-03-02T09:15:01Z") == 5
    assert await count("due_before=2026-03-02T09:15:00Z") == 0


async def test_who_was_away_asks_for_what_changed_meanwhile(floor):
    await floor.staffed("ann")
    ids = [(await floor.hand_over())["id"] for _ in range(6)]
    untouched, ended_before, tried, warned, ended, _ = ids
    await floor.command(ended_before, "reject", reason="no_budget")
    for one in (untouched, tried, ended):
        await floor.command(one, "attempt", channel="call", result="connected")
    left_at = MONDAY_MORNING + MINUTE
    floor.clock.advance_to(left_at)
    await floor.command(tried, "attempt", channel="call", result="connected")
    await floor.command(ended, "convert", deal_id="D-1")
    fresh = (await floor.hand_over())["id"]
    await floor.command(ids[5], "accept")

    async def changed(since: str, limit: int = 50) -> list[str]:
        found: list[str] = []
        more: str | None = ""
        while more is not None:
            query = f"changed_since={since}&limit={limit}" + (more and f"&cursor={more}")
            page = (await floor.ask("GET", f"/v1/handoffs?{query}")).json
            found += [one["id"] for one in page["items"]]
            more = page["next"]
        return found

    assert await changed("2026-03-02T09:01:00Z", limit=1) == [fresh, ids[5], ended, tried]
    await floor.wait(7 * MINUTE)
    assert await changed("2026-03-02T09:01:01Z") == [warned]
    assert len(await changed("2026-03-02T09:00:00Z")) == 7


@pytest.mark.parametrize("queue", ["typo", "A Team", "Sales", ""])
async def test_a_queue_that_nothing_is_routed_to_is_refused_and_not_made(floor, queue):
    await floor.staffed("ann")

    refused = await floor.hire("ben", queue=queue)
    told = await floor.hire("ben", queue="sales")

    assert refused.status == 422
    (error,) = refused.json["errors"]
    assert (error["pointer"], error["expected"]) == ("/queue", "'sales'")
    assert (told.status, told.json["queue"]) == (200, "sales")
    assert [one["name"] for one in (await floor.ask("GET", "/v1/queues")).json] == ["sales"]


async def test_people_are_paged_and_changed_without_losing_their_turn(floor):
    await floor.staffed("ann", "ben", "cat")
    await floor.hand_over()

    changed = await floor.hire("ann", email="ann@example.com", available=False)

    assert changed.json["last_assigned_seq"] == 1
    assert (changed.json["available"], changed.json["received"]) == (False, 1)
    first = (await floor.ask("GET", "/v1/people?limit=2")).json
    second = (await floor.ask("GET", f"/v1/people?limit=2&cursor={first['next']}")).json
    assert [one["id"] for one in first["items"] + second["items"]] == ["ann", "ben", "cat"]


async def test_events_that_handoff_does_not_deliver_can_not_be_subscribed_to(floor):
    told = {"url": "http://127.0.0.1:9/crm", "event_types": ["HandoffRouted", "LeadReturned"]}

    refused = await floor.ask("POST", "/v1/endpoints", told)

    assert refused.status == 422
    (error,) = refused.json["errors"]
    assert error["pointer"] == "/event_types/1"
    assert error["found"] == "LeadReturned, an event of outcomes.v1"


async def test_a_subscribed_endpoint_is_tested_before_any_lead_comes(floor):
    async with listening() as receiver:
        made = await floor.ask("POST", "/v1/endpoints", {"url": f"{receiver.url}/crm"})

        tested = await floor.ask("POST", f"/v1/endpoints/{made.json['id']}/test")

        assert (tested.status, tested.json["status"]) == (200, 204)
        assert receiver.ids() == [tested.json["event_id"]]
        assert await floor.rows("SELECT id FROM deliveries") == []


async def test_subscribed_endpoints_get_signed_events_under_their_ids(floor):
    async with listening() as receiver:
        await floor.staffed("ann")
        told = {"url": f"{receiver.url}/crm", "event_types": ["HandoffRouted"]}
        assert (await floor.ask("POST", "/v1/endpoints", told)).status == 201
        handoff = await floor.hand_over()
        await floor.command(handoff["id"], "accept")

        deliveries = floor.service.loops[1]
        while await deliveries.run_once(floor.clock.now()):
            pass

        ((event_id,),) = await floor.rows(
            "SELECT CAST(event_id AS text) FROM outbox WHERE type LIKE '%HandoffRouted'"
        )
        assert receiver.ids() == [event_id]
        body = receiver.received[0].body
        assert handoff["id"].encode() in body
        ((received,),) = await floor.rows("SELECT received_at FROM deliveries")
        assert received == MONDAY_MORNING - timedelta(seconds=1)
