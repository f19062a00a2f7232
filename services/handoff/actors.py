"""Who may act: a person in sales under their id, or a program under its name."""

import re

EXPECTED = "the id of a person in sales (GET /v1/people), or program: and a name"
PERSON_ID = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}"
_PROGRAM = "program:"
_ACTOR = re.compile(f"({_PROGRAM})?{PERSON_ID}")


def checked(actor: str) -> str:
    """Return the actor when it is written like one; whether the person exists is not asked.

    Raises:
        ValueError: It is neither an id nor a program's name.
    """
    if _ACTOR.fullmatch(actor) is None:
        raise ValueError(EXPECTED)
    return actor


def is_program(actor: str) -> bool:
    """Tell whether a program acts; it may do so for whoever has the lead."""
    return actor.startswith(_PROGRAM)
