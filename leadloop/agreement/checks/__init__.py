"""What can't work in an agreement that reads well, found before anyone signs it."""

from leadloop.agreement.checks.finding import Finding, Level
from leadloop.agreement.checks.known import Known
from leadloop.agreement.checks.whole import Examined, examine, findings

__all__ = ["Examined", "Finding", "Known", "Level", "examine", "findings"]
