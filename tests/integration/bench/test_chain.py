import asyncio

import pytest

from bench.chain import ASSEMBLED, BARE, Place, measure


@pytest.mark.parametrize("chain", [BARE, ASSEMBLED], ids=lambda chain: chain.module)
async def test_every_lead_comes_out_of_a_chain(chain, database_url, kafka, tmp_path):
    place = Place(database_url, kafka, tmp_path, {})

    # It runs a loop of its own, as the command does.
    throughput = await asyncio.to_thread(measure, chain, place, 20)

    assert throughput.leads == 20
    assert len(throughput.spent) == 4
