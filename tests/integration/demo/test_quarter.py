"""The demo's quarter on the real services: complete, on time, fair, the same again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest_asyncio
from starlette.types import ASGIApp

from leadloop.events import decode, moment
from leadloop.v1 import handoff_pb2 as handoff
from leadloop.v1 import lead_pb2 as lead
from leadloop.v1 import outcome_pb2 as outcome
from leadloop.v1 import qualification_pb2 as qualification
from services.demo.asgi import call
from services.demo.company import ABSENCE, END, holidays, office_hours
from services.demo.people import HEROINE
from services.demo.quarter import Happened, open_quarter, run_quarter
from services.handoff.calendar import used
from tests.conftest import Server


@dataclass
class Lived:
    """A quarter that is over: its services, still there, and all that was published."""

    app: ASGIApp
    happened: list[Happened]
    counts: dict[str, int]

    def events(self, kind):
        """Return the events of one type, in the order they were published."""
        name = kind.DESCRIPTOR.full_name
        return [decode(one.type, one.value) for one in self.happened if one.type == name]


@pytest_asyncio.fixture(scope="module")
async def lived(server: Server) -> AsyncIterator[Lived]:
    happened: list[Happened] = []
    async with (
        server.database() as url,
        open_quarter(url, size="small", seed=2, record=happened.append) as quarter,
    ):
        await quarter.live()
        yield Lived(quarter.app, happened, quarter.counts)


async def test_everybody_whom_marketing_reaches_becomes_one_lead(lived: Lived):
    captured = lived.events(lead.LeadCaptured)

    assert lived.counts["leads"] == 200
    assert len({event.lead.email for event in captured}) == 200


async def test_every_qualification_becomes_one_handoff(lived: Lived):
    qualified = [(e.lead_id, e.cycle) for e in lived.events(qualification.LeadQualified)]
    routed = [(e.lead_id, e.cycle) for e in lived.events(handoff.HandoffRouted)]

    assert sorted(routed) == sorted(qualified)
    assert len(set(routed)) == len(routed) > 20


async def test_clocks_warn_and_break_at_their_exact_times(lived: Lived):
    warned = lived.events(handoff.ClockWarned)
    breached = lived.events(handoff.ClockBreached)

    assert all(moment(e.occurred_at) == moment(e.clock.warns_at) for e in warned)
    assert all(moment(e.occurred_at) == moment(e.clock.due_at) for e in breached)
    assert breached


async def test_no_clock_is_due_at_night_or_on_a_holiday(lived: Lived):
    routed = lived.events(handoff.HandoffRouted)

    for clock in (clock for event in routed for clock in event.clocks):
        due = moment(clock.due_at)
        assert used(due - timedelta(minutes=1), due, office_hours()) == timedelta(minutes=1)
        assert due.date() not in holidays()


async def test_nobody_gets_a_lead_while_they_are_known_to_be_away(lived: Lived):
    away = [
        event
        for event in lived.events(handoff.HandoffRouted)
        if ABSENCE.at < moment(event.occurred_at) < ABSENCE.ends_at
    ]

    assert away
    assert ABSENCE.seller_id not in {event.owner.person_id for event in away}


async def test_a_returned_lead_comes_back_after_its_time_or_not_at_all(lived: Lived):
    qualified = lived.events(qualification.LeadQualified)
    first_after = {(e.lead_id, e.cycle): moment(e.qualified_at) for e in qualified}
    back = []

    for returned in lived.events(outcome.LeadReturned):
        again = first_after.get((returned.lead_id, returned.cycle + 1))
        if again is not None:
            assert again >= moment(returned.not_before)
            back.append(again)

    assert back


async def test_who_comes_too_late_is_told_so_and_nothing_else_is_refused(lived: Lived):
    assert 0 < lived.counts["too late"] < lived.counts["commands"] / 5


async def test_each_delivery_came_once_and_was_proven(lived: Lived):
    told = handoff.HandoffRouted, handoff.HandoffReassigned, outcome.LeadReturned

    assert lived.counts["deliveries"] >= sum(len(lived.events(kind)) for kind in told)


async def test_the_heroine_is_forgotten_reassigned_returned_comes_back_and_is_won(
    lived: Lived,
):
    found = await call(lived.app, "GET", f"/v1/leads?email={HEROINE.email}")
    lead_id = found.json()["items"][0]["id"]
    timeline = await call(lived.app, "GET", f"/v1/timelines/{lead_id}")

    types = [item["type"] for item in timeline.json()["items"]]
    story = [
        *("LeadCaptured", "LeadQualified", "HandoffRouted", "ClockBreached"),
        *("HandoffReassigned", "HandoffAccepted", "HandoffRecycled", "LeadReturned"),
        *("LeadQualified", "HandoffRouted", "HandoffConverted", "DealOpened", "DealWon"),
    ]
    rest = iter(types)
    assert all(step in rest for step in story), types


async def test_her_first_clock_sleeps_over_easter(lived: Lived):
    found = await call(lived.app, "GET", f"/v1/leads?email={HEROINE.email}")
    lead_id = found.json()["items"][0]["id"]

    first = next(e for e in lived.events(handoff.HandoffRouted) if e.lead_id == lead_id)

    accept = first.clocks[0]
    assert moment(accept.due_at) == datetime.fromisoformat("2026-04-07T07:30Z")
    lengths = [moment(i.ends_at) - moment(i.starts_at) for i in accept.intervals]
    assert sum(lengths, timedelta(0)).total_seconds() == accept.allowed_seconds


async def test_the_reports_tell_what_was_published(lived: Lived):
    report = await call(
        lived.app, "GET", f"/v1/reports/funnel?from=2026-04-01&to={END:%Y-%m-%d}"
    )

    rows = report.json()["rows"]
    assert sum(row["captured"] for row in rows) == 200
    assert sum(row["won"] for row in rows) == len(lived.events(outcome.DealWon))


async def test_one_seed_publishes_the_same_events_again_and_another_does_not(
    server: Server,
):
    runs: list[list[Happened]] = []

    for seed in (1, 1, 2):
        happened: list[Happened] = []
        async with server.database() as url:
            await run_quarter(url, size="tiny", seed=seed, record=happened.append)
        runs.append(happened)

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
