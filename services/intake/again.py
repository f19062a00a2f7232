"""Read captures again that wait: those of a mapping that was mended since, or of nobody yet."""

from collections.abc import Mapping, Sequence

from leadloop import tracing
from leadloop.connection import Raced
from leadloop.database import Work
from leadloop.errors import FieldError, Overloaded
from services.intake import aside, store
from services.intake.handlers import Arrival, record
from services.intake.reception import read_again, read_anew
from services.intake.sources import Source
from services.intake.store import Kept, Outcome

_TAKEN = Outcome(
    "ignored", error=FieldError("", "a message that was not taken yet", "one that came again")
)


async def retry(
    work: Work, sources: Mapping[str, Source], captures: Sequence[Kept]
) -> dict[str, Outcome]:
    """Read locked captures again, by their sources' mappings of today.

    What its sender sent again meanwhile, and was taken, is not taken twice: such a capture is
    ignored from now on.

    Returns:
        What became of each capture, and of those that its payload was found to hold besides.

    Raises:
        Overloaded: Another request about the same person was faster.
    """
    trace = tracing.current.get()
    arrivals = [
        arrival
        for kept in captures
        for arrival in read_anew(sources, kept, work.ids, work.now, trace)
    ]
    outcomes = await take(work, arrivals, sources)
    renamed = [a.kept for a in arrivals if a.is_renamed]
    taken = {kept.capture_id: _TAKEN for kept in renamed if kept.capture_id not in outcomes}
    await store.update_captures(work.connection, taken)
    known_anew = {k.capture_id: k.recurrence for k in renamed if k.capture_id in outcomes}
    await aside.rename(work.connection, known_anew)
    return outcomes | taken


async def take(
    work: Work, arrivals: Sequence[Arrival], sources: Mapping[str, Source]
) -> dict[str, Outcome]:
    """Record arrivals in the transaction of a request.

    Raises:
        Overloaded: Another request about the same person was faster.
    """
    try:
        return await record(work, arrivals, lambda kept: read_again(sources, kept))
    except Raced as raced:
        again = "Another request about the same person was faster."
        raise Overloaded(again, retry_after_seconds=1) from raced
