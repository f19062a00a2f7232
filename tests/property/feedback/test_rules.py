from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from leadloop.agreement.terms import Reason, Then
from services.feedback.rules import (
    Deal,
    Stage,
    Told,
    move,
    on_recycled,
    on_rejected,
)
from tests.conftest import MONDAY_MORNING

moments = st.integers(0, 10**6).map(lambda second: MONDAY_MORNING + timedelta(seconds=second))
reasons = st.builds(
    Reason,
    code=st.just("no_budget"),
    label=st.just("No budget"),
    then=st.sampled_from(Then),
    cool_down=st.integers(0, 3650).map(timedelta),
)
tolds = st.builds(
    Told,
    deal_id=st.just("D1"),
    lead_id=st.sampled_from(["ada", "bob"]),
    handoff_id=st.none(),
    stage=st.sampled_from(Stage),
    value_cents=st.sampled_from([None, 0, 100]),
    currency=st.sampled_from(["", "EUR", "USD"]),
    reason=st.sampled_from(["", "price"]),
    occurred_at=moments,
    is_dated=st.booleans(),
    reopens=st.booleans(),
)


def after(told: list[Told]) -> Deal | None:
    deal = None
    for one in told:
        deal = move(deal, one).deal
    return deal


@given(reasons, moments, st.none() | moments)
def test_nobody_comes_back_before_the_cool_down_nor_before_they_asked(reason, at, requested):
    back = on_recycled(reason, at, requested)

    if reason.then is Then.DISQUALIFY:
        assert back.not_before is None
    else:
        assert back.not_before is not None
        assert back.not_before >= at + reason.cool_down
        assert requested is None or back.not_before >= requested


@given(reasons, moments)
def test_a_refusal_keeps_the_lead_with_sales_only_to_reroute_it(reason, at):
    assert (on_rejected(reason, at) is None) == (reason.then is Then.REROUTE)


@given(st.lists(tolds, max_size=8), tolds)
def test_the_same_told_twice_is_news_at_most_once(history, told):
    first = move(after(history), told)

    again = move(first.deal, told)

    assert not again.is_news


@given(st.lists(tolds, max_size=8), tolds)
def test_a_refused_move_changes_nothing_and_says_why(history, told):
    deal = after(history)

    moved = move(deal, told)

    if moved.refused_because:
        assert not moved.is_news
        assert moved.deal == deal


@given(st.lists(tolds, max_size=8), tolds)
def test_won_is_final(history, told):
    deal = after(history)

    if deal and deal.stage is Stage.WON:
        assert move(deal, told).deal.stage is Stage.WON


@given(st.lists(tolds, max_size=8))
def test_a_deal_never_ends_before_it_was_opened(history):
    deal = after(history)

    if deal and deal.opened_at and deal.closed_at:
        assert deal.opened_at <= deal.closed_at


@given(st.lists(tolds, max_size=8), tolds)
def test_the_stage_told_again_corrects_what_is_said_and_leaves_what_is_not(history, told):
    deal = after(history)
    if deal is None or deal.stage is not told.stage or deal.lead_id != told.lead_id:
        return

    moved = move(deal, told)

    assert not moved.is_news
    if not moved.refused_because:
        said = told.value_cents
        assert moved.deal.value_cents == (deal.value_cents if said is None else said)
        assert moved.deal.currency == (told.currency or deal.currency)
        if not told.is_dated:
            times = (moved.deal.opened_at, moved.deal.closed_at)
            assert times == (deal.opened_at, deal.closed_at)


@given(st.lists(tolds, max_size=8), tolds)
def test_a_deal_never_changes_its_lead(history, told):
    deal = after(history)

    if deal:
        assert move(deal, told).deal.lead_id == deal.lead_id
