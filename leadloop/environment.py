"""What is wrong with the environment's variables, told by their names and without secrets."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from leadloop.nearest import likely_meant
from leadloop.problems import expected_by
from leadloop.settings import PREFIX

_FOUND_LENGTH_MAX = 80
# What pydantic calls a fault that our own checks find: their words name what was found.
_OURS = "value_error"
_SECRET_WORDS = frozenset({"password", "secret", "token", "tokens", "url"})


def sentences(error: ValidationError, environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each wrong variable: its name, what was expected, what found."""
    return [_sentence(fault, environ) for fault in error.errors(include_url=False)]


def misspelt(
    environ: Iterable[str], known: Collection[str], rooms: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yield variables that nobody reads, each with the known one that was likely meant.

    Others may have names with our prefix, for senders' secrets: those are like none of ours.
    """
    own = {name.removeprefix(PREFIX) for name in known}
    of_rooms = tuple(f"{room.upper()}_" for room in rooms)
    for variable in sorted(environ):
        name = variable.upper().removeprefix(PREFIX)
        if not variable.upper().startswith(PREFIX) or name in own:
            continue
        for_all = next((name.removeprefix(r) for r in of_rooms if name.startswith(r)), "")
        meant = for_all if for_all in own else likely_meant(name, own)
        if meant:
            yield variable, PREFIX + meant


def _sentence(fault: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    expected = expected_by(fault)
    if not fault["loc"]:
        # Of several variables that don't fit together: the words name them.
        return expected
    variable = _variable(str(fault["loc"][0]), environ)
    if fault["type"] == _OURS:
        return f"{variable}: {expected}"
    is_secret = not _SECRET_WORDS.isdisjoint(variable.lower().split("_"))
    found = "something else" if is_secret else repr(fault["input"])[:_FOUND_LENGTH_MAX]
    return f"{variable}: expected {expected}, found {found}"


def _variable(where: str, environ: Mapping[str, str]) -> str:
    """Return the variable that was set: a room's own or the one for all."""
    variable = where if where.startswith(PREFIX) else f"{PREFIX}{where}".upper()
    general = re.sub(f"^{PREFIX}[A-Z]+_", PREFIX, variable)
    return general if variable not in environ and general in environ else variable
