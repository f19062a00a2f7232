"""What each sender gets in answer, and what is kept and promised for it."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from leadloop.events import moment
from leadloop.v1.lead_pb2 import ActivityRecorded, LeadCaptured
from tests.intake_builders import (
    NOON,
    Posted,
    a_form,
    a_saved_contact,
    a_thin_event,
    a_workflow_contact,
    by_hubspot,
    by_mautic,
    by_site,
    by_standard,
    by_zapier,
    call,
    post,
)
from tests.intake_promises import count, promised

OPEN = {"content-type": "application/json"}


TRACE = "0af7651916cd43dd8448eb211c80319c"


def traced(posted: Posted) -> Posted:
    header = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    return Posted(posted.source, posted.body, {**posted.headers, **header})


async def test_a_form_becomes_a_lead_and_one_event(intake):
    form = a_form(utm={"source": "google"}, action="demo_request", page="/demo")

    answer = await post(intake.app, by_site(form))

    assert (answer.status, answer.json) == (202, {"recorded": 1})
    (event,) = await promised(intake.database)
    assert isinstance(event, LeadCaptured)
    assert event.is_new
    assert (event.lead.email, event.lead.first_name) == ("ada@example.com", "Ada")
    assert event.touch.source == "google"
    assert (event.activity.kind, event.activity.attributes["url"]) == ("demo_request", "/demo")
    assert event.source == "site"
    assert moment(event.received_at) == NOON


@pytest.mark.parametrize(
    ("posted", "status", "states"),
    [
        (by_hubspot(a_workflow_contact()), 202, {"recorded": 1}),
        (by_hubspot([a_thin_event()]), 202, {"unmatched": 1}),
        (by_mautic({"mautic.lead_post_save_new": [a_saved_contact()]}), 200, {"recorded": 1}),
        (by_standard({"data": {"email": "b@example.com"}}), 202, {"recorded": 1}),
        (by_zapier({"leads": [{"email": "c@example.com"}]}), 204, None),
        (by_zapier({"leads": []}), 204, None),
        (Posted("open", b'{"email": "d@example.com"}', {}), 202, {"recorded": 1}),
    ],
)
async def test_each_sender_gets_the_answer_it_wants(intake, posted, status, states):
    answer = await post(intake.app, posted)

    assert answer.status == status
    assert (answer.json if answer.body else None) == states


async def test_a_repeated_delivery_changes_nothing(intake):
    posted = by_site(a_form())
    await post(intake.app, posted)

    again = await post(intake.app, posted)

    assert (again.status, again.json) == (202, {"repeated": 1})
    assert len(await promised(intake.database)) == 1
    assert await count(intake.database, "captures") == 1


async def test_deliveries_of_one_message_at_once_make_one_event(make_intake):
    replicas = [make_intake() for _ in range(3)]
    posted = by_site(a_form())

    answers = await asyncio.gather(*(post(replicas[n % 3].app, posted) for n in range(21)))

    assert {answer.status for answer in answers} == {202}
    assert len(await promised(replicas[0].database)) == 1


async def test_twenty_posts_of_a_new_person_at_once_make_one_lead(make_intake):
    replicas = [make_intake() for _ in range(4)]
    forms = [by_site(a_form(id=f"form-{n}", company=f"Company {n}")) for n in range(20)]

    answers = await asyncio.gather(
        *(post(replicas[n % 4].app, form) for n, form in enumerate(forms))
    )

    events = await promised(replicas[0].database)
    assert {answer.status for answer in answers} == {202}
    assert await count(replicas[0].database, "leads") == 1
    assert len({event.lead_id for event in events}) == 1
    assert [event.is_new for event in events] == [True] + [False] * 19


async def test_batches_with_the_same_people_in_other_orders_do_not_deadlock(make_intake):
    replicas = [make_intake() for _ in range(2)]
    people = [f"p{n}@example.com" for n in range(40)]

    def leads(round_: int, order: list[str]) -> Posted:
        items = [{"email": e, "id": e, "round": round_} for e in order]
        return by_zapier({"leads": items})

    for round_ in range(5):
        answers = await asyncio.gather(
            post(replicas[0].app, leads(2 * round_, people)),
            post(replicas[1].app, leads(2 * round_ + 1, people[::-1])),
        )
        assert {answer.status for answer in answers} == {204}

    assert await count(replicas[0].database, "leads") == 40
    assert len(await promised(replicas[0].database)) == 400


async def test_what_a_known_person_does_is_an_activity(intake):
    await post(intake.app, by_site(a_form(id="1")))
    await post(intake.app, by_site(a_form(id="2", action="page_view")))

    first, second = await promised(intake.database)
    assert isinstance(second, ActivityRecorded)
    assert second.lead_id == first.lead_id
    assert second.activity.kind == "page_view"


async def test_a_late_message_does_not_overwrite_a_newer_one(intake):
    hour = timedelta(hours=1)
    await post(intake.app, by_site(a_form(id="1", at=NOON.isoformat(), company="New")))
    await post(intake.app, by_site(a_form(id="2", at=(NOON - hour).isoformat(), company="Old")))

    _, late = await promised(intake.database)
    assert isinstance(late, LeadCaptured)
    assert late.lead.company == "New"


async def test_a_bad_item_is_parked_and_the_good_ones_go_on(intake):
    good, bad = a_saved_contact(contact_id=1), a_saved_contact(contact_id=2, email="nobody")

    answer = await post(intake.app, by_mautic({"mautic.lead_post_save_new": [good, bad]}))

    pointer = "/mautic.lead_post_save_new/1/contact/fields/core/email/value"
    assert answer.status == 200
    assert (answer.json["recorded"], answer.json["parked"]) == (1, 1)
    assert answer.json["errors"][0]["pointer"] == pointer
    assert len(await promised(intake.database)) == 1
    assert await count(intake.database, "payloads") == 1


async def test_a_thin_event_waits_for_its_person(intake):
    waits = by_hubspot([a_thin_event(), a_thin_event(object_id=252)])
    await post(intake.app, waits)
    assert await promised(intake.database) == []

    await post(intake.app, by_hubspot(a_workflow_contact(vid=251)))

    captured, created = await promised(intake.database)
    assert isinstance(captured, LeadCaptured)
    assert isinstance(created, ActivityRecorded)
    assert created.activity.kind == "contact_creation"
    assert created.lead_id == captured.lead_id


async def test_a_thin_event_about_a_known_person_updates_them(intake):
    await post(intake.app, by_hubspot(a_workflow_contact(vid=251)))
    changed = {"eventType": "contact.propertyChange", "propertyName": "company"}

    await post(intake.app, by_hubspot([{**a_thin_event(), **changed, "propertyValue": "Acme"}]))

    _, event = await promised(intake.database)
    assert isinstance(event, LeadCaptured)
    assert (event.lead.email, event.lead.company) == ("alex@example.com", "Acme")


async def test_a_thin_event_and_its_person_at_once_never_miss_each_other(make_intake):
    replicas = [make_intake() for _ in range(2)]
    for vid in range(20):
        contact = a_workflow_contact(vid=vid, email=f"p{vid}@example.com")
        answers = await asyncio.gather(
            post(replicas[0].app, by_hubspot([a_thin_event(object_id=vid)])),
            post(replicas[1].app, by_hubspot(contact)),
        )
        assert {answer.status for answer in answers} == {202}

    assert await count(replicas[0].database, "captures WHERE state = 'unmatched'") == 0
    assert len(await promised(replicas[0].database)) == 40


async def test_an_event_continues_the_trace_of_its_request(intake):
    await post(intake.app, traced(by_site(a_form())))

    assert await count(intake.database, f"outbox WHERE traceparent LIKE '00-{TRACE}-%'") == 1


def answered(status: int, method: str = "POST") -> float:
    """Count the hooks that were answered so."""
    labels = {"service": "intake", "route": "/hooks/{source}", "method": method}
    found = REGISTRY.get_sample_value(
        "leadloop_http_requests_total", {**labels, "status": str(status)}
    )
    return found or 0


def timed() -> float:
    labels = {"service": "intake", "route": "/hooks/{source}"}
    return REGISTRY.get_sample_value("leadloop_http_request_seconds_count", labels) or 0


async def test_hooks_are_counted_and_timed_beside_all_other_requests(intake):
    before = [answered(202), answered(401), answered(404), answered(405, "GET"), timed()]

    await post(intake.app, by_site(a_form()))
    await post(intake.app, by_site(a_form(), secret="x"))
    await post(intake.app, Posted("nobody", b"{}", {}))
    await call(intake.app, "GET", "/hooks/site")

    after = [answered(202), answered(401), answered(404), answered(405, "GET"), timed()]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1, 1, 4]


async def test_a_sender_that_hangs_up_is_counted_too(intake):
    before = answered(499)

    async def receive():
        return {"type": "http.disconnect"}

    async def send(_):
        raise AssertionError("nobody is there")

    path = "/hooks/site"
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    await intake.app(scope, receive, send)

    assert answered(499) == before + 1


async def test_a_taken_message_is_a_line_with_its_trace(intake):
    with capture_logs() as logs:
        await post(intake.app, traced(by_site(a_form())))

    (line,) = logs
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "captures.committed",
        "messages": 1,
        "traces": 1,
        "trace_ids": [TRACE],
        "log_level": "info",
    }


@pytest.mark.parametrize(
    ("posted", "source", "status", "reason", "pointers"),
    [
        (
            by_site(a_form(), secret="x"),
            "site",
            401,
            "Unauthorized",
            ["header x-signature-256"],
        ),
        (Posted("ada@example.com", b"{}", {}), "", 404, "NotFound", []),
        (
            Posted("open", b"{}", {"content-type": "text/plain"}),
            "open",
            415,
            "UnsupportedMedia",
            ["header content-type"],
        ),
    ],
)
async def test_a_refused_message_is_a_line_with_its_trace_and_nothing_that_was_sent(
    intake, posted, source, status, reason, pointers
):
    with capture_logs() as logs:
        await post(intake.app, traced(posted))

    assert logs == [
        {
            "event": "hook.refused",
            "source": source,
            "status": status,
            "reason": reason,
            "pointers": pointers,
            "trace_id": TRACE,
            "log_level": "info",
        }
    ]


async def test_intake_is_ready_while_its_relay_waits_for_the_broker(intake, clock):
    intake.database.note_moved("relay")
    clock.advance_to(clock.now() + timedelta(minutes=5))

    ready = await call(intake.app, "GET", "/readyz")
    taken = await post(intake.app, by_site(a_form()))

    assert (ready.status, taken.status) == (200, 202)
    assert ready.json["loops"] == {"relay": "has made no pass for too long"}


async def test_a_text_that_postgresql_can_not_keep_is_taken_without_it(intake):
    answer = await post(intake.app, by_site(a_form(company="Ac\x00me")))

    assert answer.status == 202
    (event,) = await promised(intake.database)
    assert event.lead.company == "Acme"


async def test_the_door_answers_for_its_own_paths_only(intake):
    assert (await call(intake.app, "GET", "/healthz")).status == 200
