"""Has one study after another worked out by a process of its own, beside the real work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson
import structlog

from leadloop.database import Database, is_unreachable
from services.scoring.studies import child as study_child
from services.scoring.studies import store
from services.scoring.studies.child import Child
from services.scoring.studies.news import Done, Failed, Order, Outcome, Progress, Refused
from services.scoring.studies.store import Claim, Claimed, End

log = structlog.get_logger()

NAME: Final = "studies"
# Of another service that has died; a pass takes far less.
UNSEEN_FOR: Final = timedelta(minutes=2)
TAKES_MAX: Final = timedelta(hours=1)
# Where the memory is short, a study may take its whole machine down, time and again.
TRIES_MAX: Final = 3
NOTHING_YET: Final = Progress("")


@dataclass
class _Running:
    """The study at work.

    Attributes:
        outcome: Told, but not kept yet.
    """

    claimed: Claimed
    child: Child
    ends_by: datetime
    progress: Progress = NOTHING_YET
    outcome: Outcome | None = None


class StudyLoop:
    """Works through studies, one at a time; `program` is started for each."""

    name = NAME
    idle = timedelta(seconds=30)
    # Its passes wait for news themselves.
    gathers = 0

    def __init__(self, database: Database, program: Sequence[str], memory_mb_max: int) -> None:
        """Take studies from `database`; none may take more memory."""
        self._database = database
        self._program = program
        self._memory_mb_max = memory_mb_max
        self._worker = database.ids.new(database.clock.now())
        self._running: _Running | None = None

    async def run_once(self, now: datetime) -> int:
        """Begin a study, or hear of the one at work; return 1 unless there is none."""
        if self._running is None:
            return await self._begin(now)
        await self._go_on(self._running, now)
        return 1

    async def next_due(self, now: datetime) -> datetime | None:
        """Return None: who asks for a study wakes the loop."""
        return None

    async def close(self) -> None:
        """End the process at work; give the study back, so that another service begins it."""
        running, self._running = self._running, None
        if running is None:
            return
        await running.child.stop()
        try:
            async with self._database.transaction() as work:
                await store.give_back(work.connection, self._claim(running.claimed))
        except Exception as error:
            if not is_unreachable(error):
                raise
            # Another service sees after a while that nobody works on it.
            log.warning("study.left", study_id=running.claimed.study_id)

    async def _begin(self, now: datetime) -> int:
        """Claim a study and start its process."""
        async with self._database.transaction() as work:
            claimed = await store.claim(work.connection, self._worker, now, now - UNSEEN_FOR)
            if claimed is None:
                return 0
            if claimed.tries > TRIES_MAX:
                why = Failed(f"It was begun {TRIES_MAX} times and never came to an end.")
                end = _end_of(why)
                await store.finish(work.connection, self._claim(claimed), end, now)
                log.error("study.failed", study_id=claimed.study_id, reason=why.detail)
                return 1
        order = Order(
            kind=claimed.kind,
            request=claimed.request,
            database_url=self._database.url,
            memory_mb_max=self._memory_mb_max,
            against=claimed.against,
        )
        child = await study_child.start(self._program, order)
        self._running = _Running(claimed, child, now + TAKES_MAX)
        return 1

    async def _go_on(self, running: _Running, now: datetime) -> None:
        """Hear the news of the process and keep them."""
        if running.outcome is None:
            await _hear(running, now)
        claim, outcome = self._claim(running.claimed), running.outcome
        # Taken anew: hearing may have taken a second.
        async with self._database.transaction() as work:
            if outcome is None:
                one = running.progress
                how_far = (one.step, one.done, one.total)
                is_ours = await store.note(work.connection, claim, how_far, work.now)
            else:
                end = _end_of(outcome)
                is_ours = await store.finish(work.connection, claim, end, work.now)
        if outcome is not None or not is_ours:
            self._running = None
            await running.child.stop()
            _tell(running, is_ours=is_ours)

    def _claim(self, claimed: Claimed) -> Claim:
        return Claim(claimed.study_id, self._worker)


async def _hear(running: _Running, now: datetime) -> None:
    """Take in what the process tells next, within a second."""
    news = await running.child.news()
    if isinstance(news, Progress):
        running.progress = news
    elif news is not None:
        running.outcome = news
    if running.outcome is None and now > running.ends_by:
        running.outcome = Failed(f"It took longer than {TAKES_MAX}, so it was ended.")


def _end_of(outcome: Outcome) -> End:
    """Return what is kept of an outcome."""
    if isinstance(outcome, Done):
        found, more = orjson.dumps(outcome.found), orjson.dumps(outcome.more)
        # PostgreSQL's texts hold no zero; JSON writes it in other characters.
        page = outcome.page.replace("\0", " ")
        return End("done", "", found.decode(), more.decode(), page)
    errors = outcome.errors if isinstance(outcome, Refused) else ()
    problem = {"detail": outcome.detail, "errors": [error._asdict() for error in errors]}
    state = "refused" if isinstance(outcome, Refused) else "failed"
    return End(state, orjson.dumps(problem).decode())


def _tell(running: _Running, *, is_ours: bool) -> None:
    """Log how a study ended here."""
    told = {"study_id": running.claimed.study_id, "kind": running.claimed.kind}
    outcome = running.outcome
    if not is_ours:
        log.warning("study.lost", **told)
    elif isinstance(outcome, Failed):
        log.error("study.failed", **told, reason=outcome.detail, trace=outcome.trace)
    else:
        log.info("study.refused" if isinstance(outcome, Refused) else "study.done", **told)
