"""What is told of deals and between the teams over HTTP, checked field by field."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from leadloop.errors import FieldError, Rejected
from services.feedback.fields import MaybeWord, Moment, Text, Word
from services.feedback.rules import Deal, Stage

VALUE_MAX = Decimal(10**12)
# A sender's clock may run ahead by so much; its moments are then taken for ours.
CLOCK_SKEW_MAX = timedelta(minutes=5)


class AboutLead(BaseModel):
    """Whom it is about: the lead, or a handoff of it."""

    model_config = ConfigDict(extra="forbid")

    handoff_id: UUID | None = None
    lead_id: UUID | None = Field(None, validate_default=True)
    occurred_at: Moment | None = Field(None, description="Now when missing; no later moment.")

    # Checks of two fields stand at the later one: one of the whole would wait until all fields
    # are right, and so tell the faults of a body one after the other.
    @field_validator("lead_id")
    @classmethod
    def _names_someone(cls, lead_id: UUID | None, info: ValidationInfo) -> UUID | None:
        # A handoff_id that is wrong is not in the data, and is told by itself.
        if lead_id is None and info.data.get("handoff_id", ...) is None:
            raise PydanticCustomError("missing_lead", "lead_id or handoff_id")
        return lead_id


class DealIn(AboutLead):
    """How a deal stands now; of a known deal, what is missing stays as it was told."""

    deal_id: Word = Field(description="In the CRM.")
    stage: Stage
    occurred_at: Moment | None = Field(
        None,
        description="When the deal came to this stage, no later than now. When missing: now, "
        "or what was told of this stage before.",
    )
    value: Decimal | None = Field(
        None, ge=0, le=VALUE_MAX, decimal_places=2, description="Needs a currency."
    )
    currency: str | None = Field(
        None,
        validate_default=True,
        pattern="^[A-Z]{3}$",
        description="A code of ISO 4217, which is not looked up.",
    )
    reason: MaybeWord = Field("", description="Why it is lost, in the words of sales.")
    reopens: bool = Field(False, description="A lost deal opens again.")

    @field_validator("currency")
    @classmethod
    def _goes_with_the_value(cls, currency: str | None, info: ValidationInfo) -> str | None:
        if currency is None and info.data.get("value"):
            raise PydanticCustomError("missing_currency", "a currency beside the value")
        return currency


class DealOut(BaseModel):
    """A deal as it stands."""

    deal_id: str
    lead_id: str
    handoff_id: str | None
    stage: Stage
    value: str
    currency: str
    reason: str
    opened_at: datetime | None
    closed_at: datetime | None


class WordsIn(AboutLead):
    """What one side tells the other about a lead."""

    side: Literal["marketing", "sales"] = Field(description="Who tells it.")
    author: Word
    subject: Word = Field(description="Such as timing, need, data, content, competitor.")
    text: Annotated[Text, Field(min_length=1)]


def happened_at(about: AboutLead, now: datetime) -> datetime:
    """Return when something happened, by default now; a clock that runs ahead owns no future.

    Raises:
        Rejected: It is said to happen later than a wrong clock explains.
    """
    if about.occurred_at is None:
        return now
    if about.occurred_at > now + CLOCK_SKEW_MAX:
        error = FieldError("/occurred_at", "a moment that is not in the future", "a later one")
        raise Rejected("That has not happened yet.", error)
    return min(about.occurred_at, now)


def deal_out(deal: Deal) -> DealOut:
    """Return how a deal is shown."""
    return DealOut(
        deal_id=deal.deal_id,
        lead_id=deal.lead_id,
        handoff_id=deal.handoff_id,
        stage=deal.stage,
        value=f"{Decimal(deal.value_cents) / 100:.2f}",
        currency=deal.currency,
        reason=deal.reason,
        opened_at=deal.opened_at,
        closed_at=deal.closed_at,
    )
