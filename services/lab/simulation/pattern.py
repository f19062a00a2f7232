"""When leads come; apart from what makes them up, so that the command line stays light."""

from enum import StrEnum


class Pattern(StrEnum):
    """When leads come."""

    OFFICE = "office"
    EVEN = "even"
