"""A made-up stream: as many as asked for, when asked for, the same for the same seed."""

from zoneinfo import ZoneInfo

import pytest

from leadloop.errors import Rejected
from services.lab.simulation.leads import Lead
from services.lab.simulation.pattern import Pattern
from services.lab.simulation.stream import ByShares
from tests.unit.lab.simulation.builders import a_stream

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("per_week", "weeks", "total"), [(20, 4, 80), (0.5, 4, 2), (2.5, 3, 7)]
)
def test_so_many_come_as_were_asked_for(per_week, weeks, total):
    assert len(a_stream(per_week, weeks).prospects) == total


def test_at_office_hours_nobody_comes_at_night_or_at_the_weekend():
    moments = [one.seen[0].at.astimezone(BERLIN) for one in a_stream(200).prospects]

    assert all(at.isoweekday() <= 5 and 8 <= at.hour < 18 for at in moments)
    assert moments == sorted(moments)


def test_at_any_hour_some_come_at_night_and_at_the_weekend():
    stream = a_stream(200, pattern=Pattern.EVEN)

    moments = [one.seen[0].at.astimezone(BERLIN) for one in stream.prospects]

    assert {at.isoweekday() for at in moments} == set(range(1, 8))
    assert any(at.hour < 6 for at in moments)


def test_the_same_seed_makes_up_the_same_leads():
    assert a_stream(seed=3).prospects == a_stream(seed=3).prospects
    assert a_stream(seed=3).prospects != a_stream(seed=4).prospects


def test_leads_are_shared_among_the_tiers_by_their_weights():
    judge = ByShares(("A", "B", "C"), {"A": 30, "C": 70})
    tiers = []

    for prospect in a_stream(500).prospects:
        lead = Lead(prospect.lead_id, list(prospect.seen))
        tiers.append(judge.judge(lead, lead.seen[0], lead.seen[0].at))

    assert set(tiers) == {"A", "C"}
    assert 0.25 < tiers.count("A") / len(tiers) < 0.35


def test_shares_of_tiers_that_the_agreement_does_not_have_are_refused():
    with pytest.raises(Rejected, match="None of the tiers A, B has a share"):
        ByShares(("A", "B"), {"gold": 1})
