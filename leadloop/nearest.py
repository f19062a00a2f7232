"""Which known name was meant by one that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

# How alike two names are, from 0 to 1. One that is surely wrong deserves a hint at any near it.
_NEAR = 0.6
# One that may be somebody's own is taken for misspelt only when it is more alike than this.
_ALIKE = 0.8


def nearest(name: str, known: Iterable[str], alike: float = _NEAR) -> str:
    """Return the known name that is nearest to a wrong one, empty when none is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=alike)
    return near[0] if near else ""


def likely_meant(name: str, known: Iterable[str]) -> str:
    """Return the known name that was likely meant by one that may be right, else nothing."""
    return nearest(name, known, _ALIKE)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known name that is nearest, empty when none is near."""
    near = nearest(name, known)
    return f" (did you mean {near}?)" if near else ""
