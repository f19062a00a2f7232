from bench.relay import Sizes, measure
from leadloop.transport import LocalTransport


async def test_the_relay_misses_nothing_where_a_naive_reader_does(database_url):
    sizes = Sizes(seconds=1.0, open_seconds=0.5, slow_ms_max=100)

    figures = await measure(database_url, LocalTransport(), sizes)

    assert figures.events > 0
    assert (figures.missed, figures.out_of_order) == (0, 0)
    assert figures.naive_missed > 0
