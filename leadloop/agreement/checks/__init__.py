"""What can't work in an agreement that reads well, found before anyone signs it."""

from leadloop.agreement.checks.finding import Finding, Level
from leadloop.agreement.checks.known import Known
from leadloop.agreement.checks.whole import findings

__all__ = ["Finding", "Known", "Level", "findings"]
