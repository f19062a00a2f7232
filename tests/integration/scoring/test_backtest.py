"""A backtest on scoring's own ledger."""

import asyncio
import csv
import json
from datetime import date, timedelta

import pytest

from leadloop.events import moment, timestamp
from leadloop.timers import TimerLoop
from leadloop.v1.agreement_pb2 import Rule, Tier
from leadloop.v1.qualification_pb2 import LeadQualified
from services.lab.backtest.ledger_run import PageTask, backtest_ledger, replay_page
from services.lab.backtest.run import Options, Proposal
from services.lab.history import ledger
from services.lab.history.ledger import past_lead_of
from services.lab.simulation.asked import history_from, with_models
from services.lab.simulation.trial import read_trial
from services.scoring.app import build
from services.scoring.handlers import lock_subjects, on_time_passed
from services.scoring.settings import Settings
from tests.asgi import Client
from tests.conftest import MONDAY_MORNING
from tests.integration.scoring.builders import (
    GERMAN,
    ONE,
    THREE,
    TWO,
    VISIT,
    captured,
    lost,
    merged,
    quarantined,
    recorded,
    signed,
    visit,
    won,
)
from tests.integration.scoring.proposals import a_text
from tests.unit.scoring.model_builders import VERSION, a_predictor, a_tree

pytestmark = pytest.mark.integration

FOUR = "00000000-0000-7000-8000-000000000004"
LIKELY = Tier(name="likely", condition="predicted >= 80")
RICH = Tier(name="rich", condition="total >= 500")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def three_leads(handle, clock):
    """A lead that was won, one that was lost, and one that never reached sales."""
    await handle(signed())
    await handle(
        captured(ONE, activity=visit(1)),
        captured(TWO, activity=visit(2)),
        captured(THREE, country="FR"),
    )
    clock.advance_to(MONDAY_MORNING + DAY)
    await handle(won(clock.now(), ONE))
    await handle(lost(clock.now() + HOUR, TWO))
    await handle(recorded(visit(7, clock.now() + 2 * DAY), ONE))


async def past_of(database):
    async with database.transaction() as work:
        page = await ledger.read_page(work.connection, ledger.FIRST, 10)
    return {kept.lead_id: past_lead_of(kept) for kept in page}, page


async def test_leads_are_read_with_their_outcomes_and_what_they_did_until_then(
    three_leads, database
):
    leads, _ = await past_of(database)

    assert {lead_id: lead.won for lead_id, lead in leads.items()} == {
        ONE: True,
        TWO: False,
        THREE: None,
    }
    assert [a.activity_id for a in leads[ONE].activities] == ["visit-1"]
    assert leads[ONE].decided_at == MONDAY_MORNING + DAY


async def test_what_was_learned_counts_from_when_it_was_known(handle, database, clock):
    await handle(signed())
    await handle(captured(country="FR", activity=visit(1)))
    clock.advance_to(MONDAY_MORNING + DAY)
    later = captured(country="DE")
    later.received_at.CopyFrom(timestamp(clock.now()))
    await handle(later)

    leads, page = await past_of(database)
    found = replay_page(PageTask(page, Proposal(body(signed()))))

    assert leads[ONE].facts["country"] == "FR"
    assert [one.facts["country"] for one in leads[ONE].learned] == ["DE"]
    assert found.counts.tiers["B"].all == 1
    assert found.counts.waits["1 day"].all == 1


async def test_a_person_is_one_lead_and_quarantined_activities_do_not_count(handle, database):
    await handle(signed())
    await handle(captured(ONE, activity=visit(1)), captured(TWO, activity=visit(2)))
    await handle(merged(ONE, TWO))
    await handle(quarantined("visit-1"))

    leads, _ = await past_of(database)

    assert [a.activity_id for a in leads[ONE].activities] == ["visit-2"]
    assert TWO not in leads


async def test_pages_meet_every_lead_once(three_leads, database):
    async with database.transaction() as work:
        seen, after = [], ledger.FIRST
        while page := await ledger.read_page(work.connection, after, 2):
            seen += [kept.lead_id for kept in page]
            after = page[-1].lead_id
        assert await ledger.count_leads(work.connection) == 3

    assert seen == [ONE, TWO, THREE]


async def test_the_ledger_is_replayed_beside_the_agreement_in_force(three_leads, database):
    easier = signed(version=2, rules=(GERMAN, Rule(name="any", condition="true", points=30)))

    found = await asyncio.to_thread(backtest_ledger, database.url, Proposal(body(easier)))

    counts, changes = found.found.counts, found.found.changes
    assert (counts.leads.all, counts.qualified.all, counts.leads.won) == (3, 3, 1)
    assert changes is not None
    assert {kind: group.all for kind, group in changes.groups.items()} == {
        "another tier": 2,
        "now qualified": 1,
    }


async def test_every_change_of_our_own_leads_is_written_page_by_page(
    three_leads, database, tmp_path, monkeypatch
):
    monkeypatch.setattr("services.lab.history.own.PAGE_LEADS", 1)
    easier = signed(version=2, rules=(GERMAN, Rule(name="any", condition="true", points=30)))
    options = Options(jobs=1, changes=tmp_path / "changes.csv")

    await asyncio.to_thread(backtest_ledger, database.url, Proposal(body(easier)), options)

    header, *rows = csv.reader((tmp_path / "changes.csv").read_text().splitlines())
    assert [row[header.index("lead_id")] for row in rows] == [ONE, TWO, THREE]
    kinds = sorted(row[header.index("kind")] for row in rows)
    assert kinds == ["another tier", "another tier", "now qualified"]


def body(event):
    return event.agreement.SerializeToString()


LOOKING = Rule(
    name="jobs",
    is_engagement=True,
    activity_kind="job_view",
    condition="true",
    points=1,
    half_life_days=4,
)
# Who looks for work buys nothing: half of that is forgotten after four days.
CAREFUL = (
    a_tree(0, 50.0, -1.0, 1.0),
    a_tree(1, 0.75, -1.0, 1.0),
    a_tree(2, 0.5, 0.5, -1.5),
)


JOBS = "{name: jobs, on: job_view, points: 1, half_life: 4d}"


def naming(*tiers, version=1):
    event = signed(version, (GERMAN, VISIT, LOOKING), tiers=tiers)
    event.agreement.definition.predictive_model = VERSION
    return event


@pytest.fixture
async def lived(handle, database, clock, published):
    """Who was qualified live by an agreement with a model, as what and when."""
    predictor = a_predictor(trees=CAREFUL, rules=("visit", "jobs"))
    service = build(Settings(database_url=database.url), clock=clock, ids=database.ids)
    await Client(service.app).post("/v1/models", json.loads(predictor.to_json()))
    await service.close()
    timers = TimerLoop(database, lock=lock_subjects, fire=on_time_passed, service="scoring")

    async def pass_time(until):
        while (due := await timers.next_due(clock.now())) is not None and due <= until:
            clock.advance_to(max(due, clock.now()))
            await timers.run_once(clock.now())
        clock.advance_to(until)

    await handle(naming(LIKELY, RICH))
    for when, event in what_happened():
        await pass_time(when)
        await handle(event)
    await pass_time(MONDAY_MORNING + 9 * DAY)
    return {
        (event.lead_id, event.tier, moment(event.qualified_at).isoformat())
        for event in await published()
        if isinstance(event, LeadQualified)
    }


def what_happened():
    """Visits, views of jobs, and who leads are; that of one lead is known better later."""
    events = (
        (1, 0, comes, ONE, "80"),
        (1, 1, comes, TWO, "80"),
        (1, 2, comes, THREE, "10"),
        (1, 3, comes, FOUR, "80"),
        (2, 0, does, TWO, "job_view"),
        (2, 1, does, TWO, "page_view"),
        (2, 2, does, THREE, "page_view"),
        (3, 0, does, ONE, "page_view"),
        (4, 0, comes, THREE, "60"),
        (7, 0, does, FOUR, "job_view"),
        (7, 1, does, FOUR, "page_view"),
    )
    for number, (days, hours, make, lead_id, what) in enumerate(events):
        when = MONDAY_MORNING + days * DAY + hours * HOUR
        yield when, make(when, number, lead_id, what)


def comes(when, _number, lead_id, employees):
    event = captured(lead_id, employees=employees)
    event.received_at.CopyFrom(timestamp(when))
    return event


def does(when, number, lead_id, kind):
    deed = visit(number, when)
    deed.kind = kind
    return recorded(deed, lead_id)


async def replayed_at(database, clock, proposal):
    """Replay the ledger as of the test's time, beside an agreement that qualifies nobody."""
    current = body(signed(2, tiers=(RICH,)))
    found = await asyncio.to_thread(
        backtest_ledger, database.url, proposal._replace(current=current), clock=clock
    )
    assert found.found.changes is not None
    return found, {(one.lead_id, one.tier, one.at) for one in found.found.changes.each()}


async def test_a_backtest_with_a_model_qualifies_who_was_qualified_live_at_the_same_moments(
    lived, database, clock
):
    found, replayed = await replayed_at(database, clock, Proposal(body(naming(LIKELY, RICH))))

    assert {(lead_id, at[:13]) for lead_id, _, at in replayed} == {
        (ONE, "2026-03-05T09"),
        (TWO, "2026-03-08T00"),
        (THREE, "2026-03-06T09"),
    }
    assert replayed == lived
    assert found.found.taught[VERSION] == 0


async def test_a_simulation_of_the_ledger_takes_the_model_that_scoring_keeps(lived, database):
    text = a_text(
        fit=(),
        engagement=("{name: visit, on: page_view, points: 10}", JOBS),
        tiers=("{name: likely, when: predicted >= 80}",),
    ).replace("  cycles_at_most", f"  predictive_model: {VERSION}\n  cycles_at_most")

    def simulated():
        trials = with_models([read_trial(text, date(2026, 3, 2))], (), database.url)
        coming, words = history_from(None, database.url, trials, lambda _: None)
        return coming.qualifying(trials[0]), words

    arrivals, words = await asyncio.to_thread(simulated)

    # The fourth came after the time at which the test ends, and before today.
    assert {(one.lead.lead_id, one.at.isoformat()) for one in arrivals[:3]} == {
        (lead_id, at) for lead_id, _, at in lived
    }
    assert f" The model {VERSION} says at each moment" in words


async def test_a_model_that_scoring_does_not_keep_is_told(lived, database, clock):
    event = naming(LIKELY, RICH)
    event.agreement.definition.predictive_model = "fedcba9876543210"

    found, replayed = await replayed_at(database, clock, Proposal(body(event)))

    assert replayed == set()
    assert found.remarks.warnings[0].startswith(
        "The model fedcba9876543210 of the proposed agreement is not at hand, so conditions on "
        "`predicted` do not hold"
    )
