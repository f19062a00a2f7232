"""What changed between two agreements, one thing at a time, in words that people sign by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from leadloop.agreement.items import Item, items_of
from leadloop.agreement.terms import Agreement

# What people read when two texts agree on the same.
NO_CHANGE = "Nothing that is agreed changes, only comments or layout.\n"

_Key = tuple[str, str]


class How(StrEnum):
    """What became of an item."""

    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        kind: What it is about, such as rule or tier.
        name: The item's name; empty when there is only one of its kind.
        term: Which of its terms changed; empty when the item came, went or was renamed.
        before: Empty for what came.
        after: Empty for what went.
    """

    how: How
    kind: str
    name: str
    term: str
    before: str
    after: str

    def __str__(self) -> str:
        """Return the change as one line."""
        what = f'{self.kind} "{self.name}"' if self.name else self.kind
        if self.how is How.ADDED:
            return f"+ {what}: {self.after}" if self.after else f"+ {what}"
        if self.how is How.REMOVED:
            return f"- {what}: {self.before}" if self.before else f"- {what}"
        if self.how is How.RENAMED:
            return f'~ {what} is now called "{self.after}"'
        return f"~ {what}, {self.term}: {self.before or 'none'} -> {self.after or 'none'}"


def changes(old: Agreement, new: Agreement) -> tuple[Change, ...]:
    """Return what changed, in the order of the new text, what went after that."""
    before = {(item.kind, item.name): item for item in items_of(old)}
    after = {(item.kind, item.name): item for item in items_of(new)}
    renamed = _renamed(before, after)
    return tuple(_changes(before, after, renamed))


def _renamed(before: Mapping[_Key, Item], after: Mapping[_Key, Item]) -> dict[_Key, Item]:
    """Return the items that are as one was that went, but for their name."""
    gone = [item for key, item in before.items() if key not in after]
    found: dict[_Key, Item] = {}
    for key, item in after.items():
        if key in before or not item.terms:
            continue
        same = [one for one in gone if (one.kind, one.terms) == (item.kind, item.terms)]
        if same:
            gone.remove(same[0])
            found[key] = same[0]
    return found


def _changes(
    before: Mapping[_Key, Item], after: Mapping[_Key, Item], renamed: Mapping[_Key, Item]
) -> Iterator[Change]:
    for key, item in after.items():
        if key in renamed:
            yield Change(How.RENAMED, item.kind, renamed[key].name, "", "", item.name)
        elif key not in before:
            yield Change(How.ADDED, item.kind, item.name, "", "", _in_words(item))
        else:
            yield from _terms(before[key], item)
    moved = {(item.kind, item.name) for item in renamed.values()}
    for key, item in before.items():
        if key not in after and key not in moved:
            yield Change(How.REMOVED, item.kind, item.name, "", _in_words(item), "")


def _terms(old: Item, new: Item) -> Iterator[Change]:
    for term in dict.fromkeys((*old.terms, *new.terms)):
        before, after = old.terms.get(term, ""), new.terms.get(term, "")
        if before != after:
            yield Change(How.CHANGED, new.kind, new.name, term, before, after)


def _in_words(item: Item) -> str:
    return "; ".join(f"{about} {value}" for about, value in item.terms.items())
