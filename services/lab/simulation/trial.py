"""An agreement as every room reads it, compiled from its text without a database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_agreement
from leadloop.agreement.terms import Agreement, Reason
from services.handoff.agreement import terms_of
from services.handoff.terms import Terms
from services.scoring.contract import agreement_of
from services.scoring.definition import Agreement as Definition
from services.scoring.models.named import with_named

_VERSION = 1


@dataclass(frozen=True, eq=False)
class Trial:
    """An agreement that is tried.

    Attributes:
        agreement: As it was read.
        definition: As scoring reads it, with its model if that is at hand.
        terms: As handoff reads it.
        reasons: As feedback reads them, by code.
    """

    agreement: Agreement
    definition: Definition
    terms: Terms
    reasons: Mapping[str, Reason]

    @property
    def tiers(self) -> tuple[str, ...]:
        """Return the names of its tiers, in order."""
        return tuple(tier.name for tier in self.agreement.definition.tiers)

    def with_models(self, models: Iterable[str]) -> "Trial":
        """Return the same with the model that it names, if that is among these texts."""
        return replace(self, definition=with_named(self.definition, models))


def trial_of(agreement: Agreement) -> Trial:
    """Compile an agreement.

    Raises:
        Rejected: A room can't use it.
    """
    body = to_contract(agreement, _VERSION, ()).SerializeToString(deterministic=True)
    return Trial(
        agreement,
        agreement_of(body),
        terms_of(body),
        {reason.code: reason for reason in agreement.reasons},
    )


def read_trial(text: str, first_day: date) -> Trial:
    """Read and compile the text of an agreement.

    Args:
        text: YAML.
        first_day: Holidays are resolved for the years around it.

    Raises:
        Rejected: With one error for each fault of the text, or because a room can't use it.
    """
    return trial_of(read_agreement(text, first_day))
