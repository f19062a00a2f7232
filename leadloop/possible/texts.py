"""Sets of texts: those listed, or all that pass some traits; nothing is claimed beyond that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import NamedTuple

import cel

from leadloop.conditions.meaning import size
from leadloop.possible import forms
from leadloop.possible.ranges import Numbers, Range

# Longer patterns and texts are not tried: a check must not take long.
_TRIED_LENGTH_MAX = 300


class Kind(StrEnum):
    """What is asked of a text, next to an argument."""

    EQUALS = "=="
    STARTS = "startsWith"
    ENDS = "endsWith"
    CONTAINS = "contains"
    MATCHES = "matches"
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    # What is known of a field whatever the condition: the argument says which form it has.
    FORM = "form"


class Trait(NamedTuple):
    """Something that is asked of a text, and which answer is wanted."""

    kind: Kind
    argument: str
    wanted: bool = True


_PARTS = (Kind.STARTS, Kind.ENDS, Kind.CONTAINS)
_ASKED: Mapping[Kind, Callable[[str, str], bool]] = {
    Kind.EQUALS: lambda text, argument: text == argument,
    Kind.STARTS: lambda text, argument: text.startswith(argument),
    Kind.ENDS: lambda text, argument: text.endswith(argument),
    Kind.CONTAINS: lambda text, argument: argument in text,
    Kind.BELOW: lt,
    Kind.AT_MOST: le,
    Kind.ABOVE: gt,
    Kind.AT_LEAST: ge,
    Kind.FORM: lambda text, argument: forms.FORMS[argument].whole(text),
}


# No text has fewer than no bytes.
SIZES = Numbers((Range(0),), is_whole=True)


@dataclass(frozen=True, slots=True)
class Texts:
    """A set of texts.

    Attributes:
        only: Those in it; None when it is all that pass the traits.
        traits: What each passes; empty when they are listed.
        sizes: In bytes, as CEL counts them.
    """

    only: frozenset[str] | None = None
    traits: frozenset[Trait] = frozenset()
    sizes: Numbers = SIZES

    @property
    def is_empty(self) -> bool:
        """Say whether it is proven that nothing is in it."""
        if self.only is not None:
            return not self.only
        return self.sizes.is_empty or self._contradict()

    def both(self, other: "Texts") -> "Texts":
        """Return the texts that are in both sets."""
        traits, sizes = self.traits | other.traits, self.sizes.both(other.sizes)
        if self.only is None and other.only is None:
            return Texts(None, traits, sizes)
        known = [only for only in (self.only, other.only) if only is not None]
        kept = frozenset.intersection(*known)
        return Texts(frozenset(t for t in kept if size(t) in sizes and _passes(t, traits)))

    def _contradict(self) -> bool:
        """Say whether no text passes all traits."""
        wanted = [trait for trait in self.traits if trait.wanted]
        unwanted = [trait for trait in self.traits if not trait.wanted]
        longest = max((size(t.argument) for t in wanted if t.kind in _PARTS), default=0)
        return (
            longest > self.sizes.most
            or any(t.kind in _PARTS and not t.argument for t in unwanted)
            or any(_exclude(one, two) for one in wanted for two in wanted)
            or any(_proves(one, two) for one in wanted for two in unwanted)
        )


NO_TEXTS = Texts(frozenset())
ALL_TEXTS = Texts()


def listed(*texts: str) -> Texts:
    """Return the set of these texts."""
    return Texts(frozenset(texts))


def having(kind: Kind, argument: str, *, wanted: bool = True) -> Texts:
    """Return the texts of which this is so, or is not so."""
    if kind is Kind.EQUALS and wanted:
        return listed(argument)
    return Texts(None, frozenset({Trait(kind, argument, wanted)}))


@lru_cache(maxsize=1_024)
def is_pattern(pattern: str) -> bool:
    """Say whether the engine takes this for a regular expression; True when not tried."""
    if len(pattern) > _TRIED_LENGTH_MAX:
        return True
    return _matches("", pattern) is not None


def _passes(text: str, traits: frozenset[Trait]) -> bool:
    """Say whether a text may pass; what can't be told passes."""
    for trait in traits:
        if trait.kind is Kind.MATCHES:
            found = _matches(text, trait.argument)
            if found is not None and found is not trait.wanted:
                return False
        elif _ASKED[trait.kind](text, trait.argument) is not trait.wanted:
            return False
    return True


@lru_cache(maxsize=4_096)
def _matches(text: str, pattern: str) -> bool | None:
    """Say whether a text matches; None when that can't be told."""
    if len(pattern) > _TRIED_LENGTH_MAX or len(text) > _TRIED_LENGTH_MAX:
        return None
    try:
        return bool(_MATCH.execute({"text": text, "pattern": pattern}))
    except (ValueError, RuntimeError, TypeError):
        return None


_MATCH = cel.compile("text.matches(pattern)")


def _exclude(one: Trait, two: Trait) -> bool:
    """Say whether no text can have both."""
    a, b = one.argument, two.argument
    if one.kind is Kind.FORM:
        return two.kind in _PARTS and not forms.may_hold(a, two.kind, b)
    if one.kind is not two.kind:
        return False
    if one.kind is Kind.STARTS:
        return not (a.startswith(b) or b.startswith(a))
    return one.kind is Kind.ENDS and not (a.endswith(b) or b.endswith(a))


def _proves(one: Trait, two: Trait) -> bool:
    """Say whether every text that has the first also has the second."""
    a, b = one.argument, two.argument
    if one.kind is two.kind and a == b:
        return True
    if one.kind not in _PARTS or two.kind not in _PARTS:
        return False
    if two.kind is Kind.CONTAINS:
        return b in a
    if one.kind is not two.kind:
        return False
    return a.startswith(b) if two.kind is Kind.STARTS else a.endswith(b)
