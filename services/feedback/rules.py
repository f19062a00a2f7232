"""What feedback decides: what follows a reason, how a deal moves, what a signature does."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from leadloop.agreement.terms import Reason, Then


@dataclass(frozen=True, slots=True)
class Return:
    """A lead that goes back to marketing; `not_before` is None when it never may come again."""

    then: Then
    not_before: datetime | None


def on_rejected(reason: Reason, occurred_at: datetime) -> Return | None:
    """Decide what follows when sales refuses a lead; None when it stays with sales."""
    if reason.then is Then.REROUTE:
        return None
    return _returned(reason, occurred_at, None)


def on_recycled(reason: Reason, occurred_at: datetime, requested: datetime | None) -> Return:
    """Decide what follows when sales gives a lead back.

    A recycled lead has left sales, so it returns even for a reason that re-routes.

    Args:
        reason: Of the agreement.
        occurred_at: When it was given back.
        requested: The person asked not to be contacted before; None when nothing was said.
    """
    return _returned(reason, occurred_at, requested)


def _returned(reason: Reason, occurred_at: datetime, requested: datetime | None) -> Return:
    if reason.then is Then.DISQUALIFY:
        return Return(Then.DISQUALIFY, None)
    cooled = occurred_at + reason.cool_down
    return Return(Then.RETURN, max(cooled, requested) if requested else cooled)


class Stage(StrEnum):
    """Where a deal stands."""

    OPENED = "opened"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal as it stands: each stage that it reached, with the facts told about it."""

    deal_id: str
    lead_id: str
    handoff_id: str | None
    stage: Stage
    value_cents: int
    currency: str
    reason: str
    opened_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What someone says about a deal now.

    Attributes:
        handoff_id: None when it is not said; so with `value_cents`.
        currency: Empty when it is not said; so with `reason`.
        is_dated: Whether `occurred_at` was said; else it is the time of the telling.
    """

    deal_id: str
    lead_id: str
    handoff_id: str | None
    stage: Stage
    value_cents: int | None
    currency: str
    reason: str
    occurred_at: datetime
    is_dated: bool = False
    reopens: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """How a deal moves: its new state and whether that is news; or why it may not.

    Attributes:
        is_too_early: Refused only for its time: an end before the opening.
    """

    deal: Deal
    is_news: bool
    refused_because: str = ""
    is_too_early: bool = False


def move(deal: Deal | None, told: Told) -> Move:
    """Decide how a deal moves.

    A deal is opened, then won or lost. Won is final. A lost deal opens again only when that is
    said (`reopens`). The same stage said again corrects what is known and is no news; anything
    else contradicts.
    """
    if deal is None:
        return Move(_first(told), is_news=True)
    if deal.lead_id != told.lead_id:
        return _refused(deal, "it belongs to another lead")
    if told.stage is deal.stage:
        again = corrected(deal, told)
        return _in_order(deal, _dated(again, told) if told.is_dated else again, is_news=False)
    if deal.stage is Stage.OPENED:
        ended = replace(corrected(deal, told), stage=told.stage)
        return _in_order(deal, _dated(ended, told), is_news=True)
    if told.stage is Stage.OPENED:
        return _opened_after_the_end(deal, told)
    return _refused(deal, f"it is {deal.stage} already")


def corrected(deal: Deal, told: Told) -> Deal:
    """Return a deal with what is said anew of it, its stage and times aside."""
    return replace(
        deal,
        handoff_id=told.handoff_id or deal.handoff_id,
        value_cents=deal.value_cents if told.value_cents is None else told.value_cents,
        currency=told.currency or deal.currency,
        reason=told.reason or deal.reason,
    )


def _first(told: Told) -> Deal:
    """Return a deal of which nothing was known."""
    deal = Deal(
        deal_id=told.deal_id,
        lead_id=told.lead_id,
        handoff_id=told.handoff_id,
        stage=told.stage,
        value_cents=told.value_cents or 0,
        currency=told.currency,
        reason=told.reason,
    )
    return _dated(deal, told)


def _dated(deal: Deal, told: Told) -> Deal:
    """Return a deal that came to its stage when it is said."""
    if deal.stage is Stage.OPENED:
        return replace(deal, opened_at=told.occurred_at, closed_at=None)
    return replace(deal, closed_at=told.occurred_at)


def _in_order(before: Deal, after: Deal, *, is_news: bool) -> Move:
    """Let a deal be as `after`, unless it would end before it was opened."""
    if after.opened_at and after.closed_at and after.closed_at < after.opened_at:
        because = f"it was opened later, at {after.opened_at.isoformat()}"
        return Move(before, is_news=False, refused_because=because, is_too_early=True)
    return Move(after, is_news)


def _opened_after_the_end(deal: Deal, told: Told) -> Move:
    """Answer an opening of a deal that ended: only a lost one opens again, when said so."""
    if told.reopens:
        if deal.stage is Stage.LOST:
            again = replace(deal, stage=Stage.OPENED, reason="")
            return Move(_dated(corrected(again, told), told), is_news=True)
        return _refused(deal, "it is won, which is final")
    if told.occurred_at == deal.opened_at:
        return Move(deal, is_news=False)
    if deal.opened_at is None and deal.closed_at and told.occurred_at <= deal.closed_at:
        # Told late: the end came first. What the end said about the value stays.
        return Move(replace(deal, opened_at=told.occurred_at), is_news=True)
    return _refused(deal, f"it is {deal.stage} already")


def _refused(deal: Deal, because: str) -> Move:
    return Move(deal, is_news=False, refused_because=because)


class Signing(StrEnum):
    """What a signature comes to."""

    FIRST = "first"
    COMPLETE = "complete"
    SAME = "same"
    WRONG_TEXT = "wrong text"
    WRONG_SIGNER = "wrong signer"


@dataclass(frozen=True, slots=True)
class Proposed:
    """A text that was proposed, who must sign it, who did."""

    text_sha256: str
    signers: dict[str, str]
    signed: dict[str, str]
    is_open: bool


def sign(proposed: Proposed | None, *, side: str, signer: str) -> Signing:
    """Decide what a signature under this text comes to.

    Args:
        proposed: The newest proposal with the hash that is signed; None when there is none.
        side: marketing or sales.
        signer: Who signs, as the agreement names them.
    """
    if proposed is None:
        return Signing.WRONG_TEXT
    if proposed.signers[side] != signer:
        return Signing.WRONG_SIGNER
    if side in proposed.signed:
        return Signing.SAME
    if not proposed.is_open:
        return Signing.WRONG_TEXT
    return Signing.COMPLETE if proposed.signed else Signing.FIRST
