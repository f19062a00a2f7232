import pytest

from bench import kill, loop
from bench.whole import Whole

pytestmark = pytest.mark.e2e
FEW = loop.Sizes(leads=100, rate=40, seconds=1, warm_up=10, settle=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with Whole(tmp_path_factory.mktemp("whole")) as whole:
        yield whole


def test_every_lead_posted_reaches_the_crm(whole):
    passage = loop.measure(whole, FEW)

    assert passage.fast.leads == 100
    assert len(passage.ms) == 40


def test_no_lead_is_lost_or_doubled_when_parts_are_killed(whole):
    sizes = kill.Sizes(leads=60, kills=2, kill_seconds=4, parts=("postgres", "intake"))

    figures, _ = kill.measure(whole, sizes)

    assert (figures.leads, figures.lost, figures.doubled) == (60, 0, 0)


# The last one: it stops the services.
def test_every_lead_posted_reaches_the_crm_through_the_bare_chain_too(whole):
    throughput = loop.measure_between_ends(whole, FEW)

    assert throughput.leads == 100
    assert {"stage 1", "stage 4", "the CRM"} <= {one.part for one in throughput.spent}
