from datetime import UTC, datetime

import pytest

from leadloop.errors import Rejected
from services.lab.history.times import Evidence, form_of

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)


def read(text, *others, told="", zone="UTC"):
    evidence = Evidence()
    evidence.look_at([text, *others])
    return form_of(evidence, "came", told, zone).reader()(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-14T12:00:00Z", NOON),
        ("2026-03-14 12:00", NOON),
        ("2026-03-14T13:00:00+01:00", NOON),
        ("2026-03-14", MIDNIGHT),
        ("20260314", MIDNIGHT),
        ("20260314120000", NOON),
        ("2026/3/14 12:00", NOON),
        ("2026.03.14.", MIDNIGHT),
        ("14.03.2026", MIDNIGHT),
        ("14.3.26 12:00:00", NOON),
        ("14/03/2026 12:00", NOON),
        ("3/14/2026 12:00 PM", NOON),
        ("3/14/26, 12:00 pm", NOON),
        ("3-14-2026", MIDNIGHT),
        ("14 Mar 2026", MIDNIGHT),
        ("Mar 14, 2026 12:00", NOON),
        ("March 14th, 2026", MIDNIGHT),
        ("14-Mär-2026", MIDNIGHT),
        ("Sat, 14 Mar 2026 13:00:00 +0100", NOON),
        ("1773489600", NOON),
        ("1773489600.25", NOON),
        ("1773489600000", NOON),
        ("1773489600000000", NOON),
        ("46095", MIDNIGHT),
        ("46095.5", NOON),
        (" 2026-03-14 ", MIDNIGHT),
    ],
)
def test_a_time_is_read_as_exports_write_it(text, moment):
    assert read(text) == moment


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("dmy", "03/04/2026"),
        ("mdy", "04/03/2026"),
        ("%d|%m|%Y", "03|04|2026"),
        ("epoch", "1775174400"),
        ("epoch-ms", "1775174400000"),
    ],
)
def test_a_format_can_be_told(told, text):
    assert read(text, told=told) == datetime(2026, 4, 3, tzinfo=UTC)


def test_a_zone_is_that_of_times_which_name_none():
    assert read("2026-07-14 14:00", zone="Europe/Berlin").hour == 12
    assert read("2026-07-14T14:00Z", zone="Europe/Berlin").hour == 14


def test_another_value_shows_which_number_is_the_day():
    assert read("03/04/2026", "25/04/2026") == datetime(2026, 4, 3, tzinfo=UTC)
    assert read("03/04/2026", "04/25/2026") == datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["03/04/2026", "05/06/2026"], "no day is > 12"),
        (["25/04/2026", "04/25/2026"], "some are a day first"),
        (["soon", "later"], "holds no times that can be read, found 'soon', 'later'"),
        (["", ""], "holds no times"),
        (["1", "2"], "holds no times"),
    ],
)
def test_times_that_can_be_read_two_ways_are_refused(texts, said):
    with pytest.raises(Rejected, match=said):
        read(*texts)


def test_an_unknown_format_or_zone_is_refused():
    with pytest.raises(Rejected, match="is no format"):
        read("2026-03-14", told="american")
    with pytest.raises(Rejected, match="There is no time zone 'Mars'"):
        read("2026-03-14", zone="Mars")


def test_what_does_not_fit_the_column_is_no_time():
    evidence = Evidence()
    evidence.look_at(["2026-03-14", "2026-03-15", "never"])
    read = form_of(evidence, "came").reader()

    assert [read(text) for text in ("never", "31/31/2026", "2026-02-30", "")] == [None] * 4
