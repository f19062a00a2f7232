import pytest

from leadloop.v1.agreement_pb2 import Agreement, Calendar
from leadloop.zones import UTC, zone_of

SIGNED = Agreement(calendar=Calendar(time_zone="Europe/Berlin"))


@pytest.mark.parametrize(
    ("agreement", "asked", "zone"),
    [
        (None, None, "UTC"),
        (SIGNED, None, "Europe/Berlin"),
        (SIGNED, "America/New_York", "America/New_York"),
        (None, "America/New_York", "America/New_York"),
    ],
)
def test_times_are_told_in_the_zone_asked_for_else_in_that_of_the_calendar(
    agreement, asked, zone
):
    assert str(zone_of(agreement, asked)) == zone


@pytest.mark.parametrize("name", ["Atlantis/Capital", "Europe", "../../etc/passwd", "/etc", ""])
def test_a_zone_that_nobody_knows_is_told_in_utc(name):
    assert zone_of(Agreement(calendar=Calendar(time_zone=name))) is UTC
