"""The agreement of the contract, read into terms; what can't be used is named."""

from datetime import UTC, date, datetime, timedelta

import pytest

from leadloop.errors import Rejected
from leadloop.v1 import agreement_pb2
from services.handoff.agreement import check, terms_of
from services.handoff.terms import Consequence, Level
from tests.integration.handoff.floor import an_agreement


def read(agreement: agreement_pb2.Agreement):
    return terms_of(agreement.SerializeToString(deterministic=True))


def test_an_agreement_becomes_terms():
    agreement = an_agreement(3).agreement
    agreement.calendar.closed_days.add(date="2026-12-25", name="Christmas")

    terms = read(agreement)

    assert (terms.version, terms.reassign_max) == (3, 1)
    assert terms.levels == {"hot": Level(timedelta(minutes=15), timedelta(hours=1), 50)}
    assert terms.reasons["wrong_territory"] is Consequence.REROUTE
    assert terms.calendar.closed_days == {date(2026, 12, 25)}
    assert terms.codes(Consequence.RETURN, Consequence.DISQUALIFY) == (
        "no_budget",
        "competitor",
    )


def test_the_same_bytes_give_the_same_terms():
    assert read(an_agreement(4).agreement) is read(an_agreement(4).agreement)


def with_zone(agreement: agreement_pb2.Agreement) -> None:
    agreement.calendar.time_zone = "Europe/Atlantis"


def without_hours(agreement: agreement_pb2.Agreement) -> None:
    del agreement.calendar.opening_hours[:]


def with_date(agreement: agreement_pb2.Agreement) -> None:
    agreement.calendar.closed_days.add(date="Christmas")


def with_warning(agreement: agreement_pb2.Agreement) -> None:
    agreement.service_levels[0].warn_percent = 100


def with_reason(agreement: agreement_pb2.Agreement) -> None:
    agreement.reasons.add(code="whim")


@pytest.mark.parametrize(
    ("spoil", "pointer"),
    [
        (with_zone, "/agreement/calendar"),
        (without_hours, "/agreement/calendar"),
        (with_date, "/agreement/calendar/closed_days/0/date"),
        (with_warning, "/agreement/service_levels/0/warn_percent"),
        (with_reason, "/agreement/reasons/3/consequence"),
    ],
)
def test_what_cannot_be_used_is_named(spoil, pointer):
    agreement = an_agreement().agreement
    spoil(agreement)

    with pytest.raises(Rejected) as refused:
        read(agreement)
    assert refused.value.errors[0].pointer == pointer


def test_a_calendar_that_is_closed_for_years_is_found_out_at_once():
    agreement = an_agreement(5).agreement
    for days in range(1_000):
        closed = date(2026, 3, 2) + timedelta(days=days)
        agreement.calendar.closed_days.add(date=closed.isoformat())

    with pytest.raises(Rejected, match="can't be used"):
        check(read(agreement), datetime(2026, 3, 2, 9, tzinfo=UTC))
