"""How a command that reads the environment starts: what is wrong there is said in lines."""

import os
from collections.abc import Coroutine

from rich.console import Console

problems = Console(stderr=True, style="red")


class Unusable(Exception):
    """The environment can't be started with; the message names each variable that is wrong."""


def start(work: Coroutine[None, None, None], *, warns: bool = True) -> None:
    """Run a command's coroutine on the fast event loop.

    Args:
        work: The command.
        warns: Say which variables look misspelt; False where the command logs it itself.

    Raises:
        Unusable: A variable or the file of sources is wrong, or the database refuses us or is
            too old.
    """
    # Imported here: commands that only ask a running Leadloop start faster without.
    import uvloop

    from services.rooms import misspelt_variables

    if warns:
        for variable, meant in misspelt_variables(os.environ):
            problems.print(f"{variable} is not read; was {meant} meant?", markup=False)
    try:
        uvloop.run(work)
    except Exception as error:
        refusal = _refusal_in(error)
        if refusal is None:
            raise
        raise Unusable(refusal) from error


def _refusal_in(error: BaseException) -> str | None:
    """Return what a person can mend; None for anything else."""
    from pydantic import ValidationError

    from leadloop.database import TooOld, is_refusal
    from leadloop.environment import sentences
    from services.intake.sources import SourcesError

    if isinstance(error, ValidationError):
        return "\n".join(sentences(error, os.environ))
    if isinstance(error, SourcesError):
        return str(error)
    if is_refusal(error):
        return f"LEADLOOP_DATABASE_URL: the database refuses: {error}"
    if isinstance(error, TooOld):
        return f"{_variable_of(error.schema)}: {error}"
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := _refusal_in(one))), None)
    return None


def _variable_of(room: str) -> str:
    """Return the name of the variable that says where a service's database is."""
    own = f"LEADLOOP_{room.upper()}_DATABASE_URL"
    return own if own in os.environ else "LEADLOOP_DATABASE_URL"
