"""What one value of a lead, an activity or a score could be: missing, a number or a text."""

from dataclasses import dataclass

from leadloop.possible.ranges import ALL_NUMBERS, NO_NUMBERS, Numbers
from leadloop.possible.texts import ALL_TEXTS, NO_TEXTS, Texts


@dataclass(frozen=True, slots=True)
class Possible:
    """All that a value can be.

    Attributes:
        absent: It may be missing.
    """

    absent: bool
    numbers: Numbers
    texts: Texts

    @property
    def is_empty(self) -> bool:
        """Say whether it is proven that there is no such value."""
        return not self.absent and self.numbers.is_empty and self.texts.is_empty

    def both(self, other: "Possible") -> "Possible":
        """Return what is in both sets."""
        return Possible(
            self.absent and other.absent,
            self.numbers.both(other.numbers),
            self.texts.both(other.texts),
        )


ANYTHING = Possible(True, ALL_NUMBERS, ALL_TEXTS)
SOMETHING = Possible(False, ALL_NUMBERS, ALL_TEXTS)
MISSING = Possible(True, NO_NUMBERS, NO_TEXTS)


def a_number(numbers: Numbers) -> Possible:
    """Return a value that is there and is one of these numbers."""
    return Possible(False, numbers, NO_TEXTS)


def a_text(texts: Texts) -> Possible:
    """Return a value that is there and is one of these texts."""
    return Possible(False, NO_NUMBERS, texts)
