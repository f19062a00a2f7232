"""What values could make a condition hold: proofs that it never can, and no guesses."""

from leadloop.possible.proofs import holds_never, implies, is_sure, worlds
from leadloop.possible.reading import Read, reads_in
from leadloop.possible.value import Possible
from leadloop.possible.world import Domain, World

__all__ = [
    "Domain",
    "Possible",
    "Read",
    "World",
    "holds_never",
    "implies",
    "is_sure",
    "reads_in",
    "worlds",
]
