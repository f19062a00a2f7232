"""What is different about a lead since sales had it last: told along with the next cycle."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from leadloop.conditions import Values

# What is not listed is still on the lead's timeline.
CHANGES_MAX = 30
# Of these it is told that they changed: what they are stands in the lead, and nowhere else.
_PERSONAL = frozenset({"email", "first_name", "last_name", "phone"})
_TEXT_LENGTH_MAX = 200


class Change(NamedTuple):
    """One thing that is different; empty where there was, or is, nothing."""

    what: str
    before: str
    after: str


class Picture(NamedTuple):
    """A lead at the moment when a cycle began.

    Attributes:
        facts: As conditions see them.
        points: By rule.
    """

    facts: Values
    points: Mapping[str, int]
    tier: str
    agreement_version: int


def changes(before: Picture, after: Picture) -> tuple[Change, ...]:
    """Return what is different, facts first, then what the rules give."""
    return tuple([*_changes(before, after)][:CHANGES_MAX])


def _changes(before: Picture, after: Picture) -> Iterator[Change]:
    yield from _different("tier", before.tier, after.tier)
    versions = (f"version {one.agreement_version}" for one in (before, after))
    yield from _different("agreement", *versions)
    for name in sorted(before.facts.keys() | after.facts.keys()):
        told = tuple(str(one.facts.get(name, "")) for one in (before, after))
        if name not in _PERSONAL:
            yield from _different(name, *(text[:_TEXT_LENGTH_MAX] for text in told))
        elif told[0] != told[1]:
            yield Change(name, "", "changed")
    for rule in dict.fromkeys((*after.points, *before.points)):
        given = (_points(one.points.get(rule)) for one in (before, after))
        yield from _different(rule, *given)


def _different(what: str, before: str, after: str) -> Iterator[Change]:
    if before != after:
        yield Change(what, before, after)


def _points(points: int | None) -> str:
    return "" if points is None else f"{points} points"
