"""A world: what each value can be, all at once; and what is known of every world."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from leadloop.conditions.reads import Read
from leadloop.conditions.syntax import Node
from leadloop.possible.ranges import Numbers, between
from leadloop.possible.value import Possible

# What each value can be whatever the condition.
Domain = Callable[[Read], Possible]

# A condition of more alternatives is not followed: what is left out only means fewer proofs.
WORLDS_MAX = 128

FIT, ENGAGEMENT, TOTAL = (Read("", name) for name in ("fit", "engagement", "total"))


@dataclass(frozen=True)
class World:
    """What values can be if all of it is so.

    Attributes:
        values: By read; a value that is not named is as the domain has it.
        sums: Comparisons of sums that must be true, or must be false.
    """

    values: Mapping[Read, Possible] = field(default_factory=dict)
    sums: tuple[tuple[Node, bool], ...] = ()

    def possible(self, read: Read, domain: Domain) -> Possible:
        """Return what a value can be in this world."""
        return self.values.get(read) or domain(read)

    def both(self, other: "World") -> "World | None":
        """Return the world in which both are so; None when there is none."""
        values = dict(self.values)
        for read, possible in other.values.items():
            known = values.get(read)
            values[read] = found = known.both(possible) if known else possible
            if found.is_empty:
                return None
        sums = self.sums + tuple(one for one in other.sums if one not in self.sums)
        return World(values, sums)

    def only(self, record: str) -> "World":
        """Return what it says of one record."""
        return World({read: p for read, p in self.values.items() if read.record == record})


Worlds = tuple[World, ...]

ANY: Worlds = (World(),)
NONE: Worlds = ()


def where(read: Read, possible: Possible, domain: Domain) -> Worlds:
    """Return the worlds in which a value is one of these."""
    found = domain(read).both(possible)
    return NONE if found.is_empty else (World({read: found}),)


def either(alternatives: Iterable[Worlds]) -> Worlds:
    """Return the worlds of all alternatives, every world when they are too many."""
    found: list[World] = []
    for worlds in alternatives:
        found += (world for world in worlds if world not in found)
        if len(found) > WORLDS_MAX:
            return ANY
    return tuple(found)


def all_of(terms: Iterable[Worlds]) -> Worlds:
    """Return the worlds in which every term is so; terms that are too many are passed over."""
    found = ANY
    for worlds in terms:
        if len(found) * len(worlds) > WORLDS_MAX:
            continue
        pairs = (one.both(two) for one in found for two in worlds)
        found = tuple(world for world in pairs if world and _adds_up(world))
    return found


def _adds_up(world: World) -> bool:
    """Say whether fit and engagement can come to the total that the world asks for."""
    parts = [world.values.get(read) for read in (FIT, ENGAGEMENT, TOTAL)]
    if None in parts:
        return True
    fit, engagement, total = (part.numbers for part in parts if part)
    return not total.both(_sum(fit, engagement)).is_empty


def _sum(one: Numbers, two: Numbers) -> Numbers:
    return between(one.least + two.least, one.most + two.most)


def with_sums(world: World, domain: Domain) -> World | None:
    """Return the world with its three sums named, None when they don't add up."""
    if all(domain(read).absent for read in (FIT, ENGAGEMENT, TOTAL)):
        return world
    named = World({read: world.possible(read, domain) for read in (FIT, ENGAGEMENT, TOTAL)})
    both = world.both(named)
    return both if both and _adds_up(both) else None
