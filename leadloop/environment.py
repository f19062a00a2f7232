"""What is wrong with the environment's variables, told by their names and without secrets."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches

from pydantic import ValidationError

from leadloop.settings import PREFIX

# Below this likeness a name is taken for somebody else's, such as a sender's secret.
_ALIKE = 0.75
_FOUND_LENGTH_MAX = 80
# What stands before the words of our own checks.
_OURS = "Value error, "
_SECRET_WORDS = frozenset({"password", "secret", "token", "tokens", "url"})


def sentences(error: ValidationError, environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each wrong variable: its name, what was expected, what found."""
    return [
        _sentence(str(fault["loc"][0]), fault["msg"], fault["input"], environ)
        if fault["loc"]
        # Of several variables that don't fit together: the words name them.
        else fault["msg"].removeprefix(_OURS)
        for fault in error.errors(include_url=False)
    ]


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
        alike = [for_all] if for_all in own else get_close_matches(name, own, 1, _ALIKE)
        if alike:
            yield variable, PREFIX + alike[0]


def _sentence(where: str, said: str, found: object, environ: Mapping[str, str]) -> str:
    variable = where if where.startswith(PREFIX) else f"{PREFIX}{where}".upper()
    general = re.sub(f"^{PREFIX}[A-Z]+_", PREFIX, variable)
    if variable not in environ and general in environ:
        variable = general
    if said.startswith(_OURS):
        return f"{variable}: {said.removeprefix(_OURS)}"
    is_secret = not _SECRET_WORDS.isdisjoint(variable.lower().split("_"))
    shown = "something else" if is_secret else repr(found)[:_FOUND_LENGTH_MAX]
    expected = said.removeprefix("Input should be ").replace(
        "String should", "text that should"
    )
    return f"{variable}: expected {expected}, found {shown}"
