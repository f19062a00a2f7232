"""The simulation and the real services agree: on the demo's quarter, event for event."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.demo import company
from services.demo.quarter import Happened, run_quarter
from services.lab.simulation.history import from_ledger
from services.lab.simulation.trial import read_trial
from tests.conftest import Server
from tests.integration.lab.simulation.replayed import lead_of, live_again, told_by_services

SIZE, SEED = "small", 2


@pytest_asyncio.fixture(scope="module")
async def lived(server: Server) -> AsyncIterator[tuple[str, list[Happened]]]:
    told: list[Happened] = []
    async with server.database() as url:
        await run_quarter(url, size=SIZE, seed=SEED, record=told.append)
        yield url, told


@pytest.fixture(scope="module")
def happened(lived: tuple[str, list[Happened]]) -> list[Happened]:
    return lived[1]


async def test_the_same_leads_and_people_give_the_same_events_in_memory_as_in_the_services(
    happened: list[Happened],
):
    """Owners, clocks with their due times, breaches, returns, later cycles: all of it."""
    real = told_by_services(happened)

    simulated = live_again(happened, SIZE, SEED)

    of_real, of_simulated = by_lead(real), by_lead(simulated.events)
    assert of_simulated.keys() == of_real.keys()
    for lead_id, events in of_real.items():
        assert of_simulated[lead_id] == events
    # The quarter is rich enough to prove something.
    assert len(real) > 300
    assert all(
        simulated.counts[kind] > 2
        for kind in ("Met", "Breached", "Warned", "Reassigned", "Escalated", "Refused")
    )


async def test_at_each_moment_as_many_leads_were_with_the_same_people(
    happened: list[Happened],
):
    real = told_by_services(happened)

    simulated = live_again(happened, SIZE, SEED)

    assert Counter(at for at, _ in simulated.events) == Counter(at for at, _ in real)


async def test_our_own_ledger_brings_the_same_leads_to_sales_at_the_same_times(
    lived: tuple[str, list[Happened]],
):
    url, happened = lived
    trial = read_trial(company.agreement_text(company.SIZES[SIZE]), company.FIRST_DAY)

    coming, words = await asyncio.to_thread(from_ledger, url, [trial], lambda _: None)

    first = {
        (event[1], at, event[3])
        for at, event in told_by_services(happened)
        if isinstance(event, tuple) and event[0] == "qualified" and event[2] == 1
    }
    found = {(one.lead.lead_id, one.at, one.lead.tier) for one in coming.qualifying(trial)}
    assert found == first
    assert words == "Leads: 200 of our own ledger."


def by_lead(events):
    found: dict[str, list] = {}
    for at, event in events:
        found.setdefault(lead_of(event), []).append((at, event))
    return found
