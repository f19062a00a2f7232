import pytest

from bench import ground
from bench.clocks import SETTINGS, Sizes, measure, measure_peer

FEW = Sizes(timers=40, seconds=0.5)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clocks")
    with ground.postgres_in(folder, SETTINGS, durable=False) as server:
        yield server.url


async def test_every_timer_fires_once_and_not_before_its_time(url):
    lateness = await measure(url, FEW)

    assert (lateness.fired, lateness.repeated) == (FEW.timers, 0)
    assert min(lateness.ms) >= 0
    assert len(lateness.acknowledged_ms) == FEW.timers


async def test_every_scheduled_job_of_the_peer_runs(url):
    lateness = await measure_peer(url, FEW)

    assert lateness.fired == FEW.timers
