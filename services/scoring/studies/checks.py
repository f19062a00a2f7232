"""What can be told at once of a study that is asked for: faults, and what was left open."""

from datetime import date, timedelta

from leadloop.agreement.reader import read_agreement
from leadloop.agreement.terms import Agreement
from leadloop.errors import FieldError, Rejected
from services.scoring.studies.requests import STREAM_LEADS_MAX, SimulationIn

_MONTHS_PER_QUARTER, _WEEKS_PER_QUARTER = 3, 13


def settled(said: SimulationIn, today: date) -> SimulationIn:
    """Return a simulation that means the same on any day.

    Raises:
        Rejected: It can't be simulated as it is asked for.
    """
    first_day = said.first_day or today + timedelta(days=7 - today.weekday())
    agreement = read_agreement(said.text, first_day)
    if said.against:
        _read_against(said.against, first_day)
    faults = [*_people(said), *_leads(said, agreement), *_tiers(said, agreement)]
    if faults:
        raise Rejected("This can't be simulated.", *faults)
    return said.model_copy(update={"first_day": first_day})


def _read_against(text: str, first_day: date) -> None:
    try:
        read_agreement(text, first_day)
    except Rejected as refusal:
        raise Rejected(f"/against: {refusal.detail}", *refusal.errors) from refusal


def _people(said: SimulationIn) -> list[FieldError]:
    if (said.people > 0) != bool(said.team):
        return []
    found = "both" if said.team else "neither"
    return [FieldError("/people", "who takes leads: people or team, one of the two", found)]


def _leads(said: SimulationIn, agreement: Agreement) -> list[FieldError]:
    """Tell what is wrong with how many leads come."""
    if said.history:
        if not said.leads_per_week:
            return []
        return [FieldError("/leads_per_week", "none, as history is asked for", "a number")]
    per_week = said.leads_per_week or _owed_per_week(agreement)
    if not per_week:
        expected = "a number, as the agreement has no marketing_owes to go by"
        return [FieldError("/leads_per_week", expected, "none")]
    if per_week * said.weeks > STREAM_LEADS_MAX:
        expected = f"at most {STREAM_LEADS_MAX:,} leads in all weeks"
        return [FieldError("/leads_per_week", expected, f"{per_week * said.weeks:,.0f}")]
    if int(per_week * said.weeks) < 1:
        return [FieldError("/leads_per_week", f"a lead in {said.weeks} weeks", "none")]
    return []


def _owed_per_week(agreement: Agreement) -> float:
    level = agreement.marketing_level
    if level is None:
        return 0.0
    return level.qualified_per_month * _MONTHS_PER_QUARTER / _WEEKS_PER_QUARTER


def _tiers(said: SimulationIn, agreement: Agreement) -> list[FieldError]:
    known = [tier.name for tier in agreement.definition.tiers]
    faults = [
        FieldError("/tiers", f"names of tiers: {', '.join(known)}", name)
        for name in said.tiers
        if name not in known
    ]
    if said.tiers and not faults and not any(said.tiers.values()):
        return [FieldError("/tiers", "a share above 0", "none")]
    return faults
