"""All checks of an agreement, one after another."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from leadloop.agreement.checks.caps import caps_that_do_not_fit
from leadloop.agreement.checks.case import Case
from leadloop.agreement.checks.finding import Finding, Found, Level
from leadloop.agreement.checks.gates import gates_that_can_not_work
from leadloop.agreement.checks.known import Known
from leadloop.agreement.checks.names import names_nobody_fills
from leadloop.agreement.checks.never import conditions_that_never_hold
from leadloop.agreement.checks.products import products_without_rules
from leadloop.agreement.checks.reasons import reasons_that_lead_nowhere
from leadloop.agreement.checks.rules import rules_that_can_not_count
from leadloop.agreement.checks.tiers import tiers_nobody_reaches
from leadloop.agreement.checks.times import times_that_never_come
from leadloop.agreement.checks.volumes import goals_out_of_reach
from leadloop.agreement.document import Fault
from leadloop.agreement.lines import Lines, lines_of
from leadloop.agreement.reader import check
from leadloop.agreement.terms import Agreement

_CHECKS: tuple[Callable[[Case], Iterable[Found]], ...] = (
    conditions_that_never_hold,
    names_nobody_fills,
    rules_that_can_not_count,
    gates_that_can_not_work,
    tiers_nobody_reaches,
    caps_that_do_not_fit,
    products_without_rules,
    reasons_that_lead_nowhere,
    times_that_never_come,
    goals_out_of_reach,
)


@dataclass(frozen=True)
class Examined:
    """A text as it was read and checked.

    Attributes:
        agreement: None when the text has faults.
        faults: Why it can't be read.
        findings: What can't work in it.
    """

    agreement: Agreement | None
    faults: tuple[Fault, ...]
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Say whether nothing stops it from being signed."""
        errors = [one for one in self.findings if one.level is Level.ERROR]
        return self.agreement is not None and not errors


def examine(text: str, today: date, known: Known | None = None) -> Examined:
    """Read a text, then check what it says; what can't be read is not checked."""
    checked = check(text, today)
    if checked.agreement is None:
        return Examined(None, checked.faults, ())
    found = findings(checked.agreement, lines_of(text), today, known)
    return Examined(checked.agreement, (), found)


def findings(
    agreement: Agreement, lines: Lines, today: date, known: Known | None = None
) -> tuple[Finding, ...]:
    """Return what can't work in an agreement, by line.

    Args:
        agreement: Read without a fault.
        lines: Of its text.
        today: The calendar is looked at from this day on.
        known: What the sources fill; left out when that is not known.
    """
    case = Case(agreement, known or Known(), today)
    found = (one for check in _CHECKS for one in check(case))
    return tuple(
        sorted(
            Finding(lines.of(one.path), one.path, one.level, one.code, one.problem, one.advice)
            for one in found
        )
    )
