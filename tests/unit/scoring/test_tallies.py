"""What was counted stays readable, as it is kept now and as it was kept before."""

from datetime import UTC, datetime, timedelta

import pytest

from services.scoring.tallies import UNIT, Timing, counted, day_of, points_by, tally_of

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
FADING = Timing(half_life_days=30)


@pytest.mark.parametrize("days_later", [0, 1, 30, 45, 300])
def test_a_fading_worth_that_an_earlier_version_kept_gives_the_same_points(days_later):
    day = day_of(AT)
    kept_now = tally_of([(AT, "1"), (AT - timedelta(days=50), "2")], FADING)
    since, grown = kept_now.faded.split(":")
    kept_before = kept_now._replace(faded=f"{int(grown, 16) << int(since):x}")
    points = points_by(40, FADING)

    assert points(kept_before, day + days_later) == points(kept_now, day + days_later)
    hit = (AT + timedelta(days=5), "3")
    before, now = counted(kept_before, hit, FADING), counted(kept_now, hit, FADING)
    assert before is not None
    assert now is not None
    assert points(before, day + 5 + days_later) == points(now, day + 5 + days_later)


def test_the_number_of_a_fading_worth_is_as_long_as_the_time_between_activities():
    tally = tally_of([(AT, "1"), (AT - timedelta(days=60), "2")], FADING)

    assert int(tally.faded.partition(":")[2], 16) < 2**4 * UNIT
