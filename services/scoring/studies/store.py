"""The SQL of studies: asked for, claimed, finished."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from leadloop.connection import Connection
from leadloop.errors import Overloaded

# Older ones are removed when a new one is asked for.
KEPT_MAX = 50
# The same one may end between not being put in line and being looked for.
LOOKS_MAX = 3

_ASK = text("""
INSERT INTO studies (study_id, kind, question_sha256, request, against, state, asked_at,
    step, done, total, worker, seen_at, tries, problem, found, more, page)
VALUES (CAST(:id AS uuid), :kind, :question_sha256, :request, :against, 'waiting', :now,
    '', 0, 0, '', :now, 0, '', '', '', '')
ON CONFLICT (question_sha256) WHERE state IN ('waiting', 'running') DO NOTHING
""")
_PRUNE = text("""
DELETE FROM studies WHERE state IN ('done', 'refused', 'failed') AND study_id IN (
    SELECT study_id FROM studies ORDER BY asked_at DESC, study_id OFFSET :kept)
""")
_SAME = text("""
SELECT CAST(study_id AS text) FROM studies
WHERE question_sha256 = :question_sha256 AND state IN ('waiting', 'running')
""")
_WAITING = text("SELECT count(*) FROM studies WHERE state = 'waiting'")
_FIND = text("""
SELECT CAST(study_id AS text), kind, state, asked_at, finished_at, step, done, total, problem,
    found, more
FROM studies WHERE study_id = CAST(:id AS uuid) AND kind = :kind
""")
_PAGE = text("SELECT page FROM studies WHERE study_id = CAST(:id AS uuid)")

# One worker has a study until it is not seen for a while; another one begins it anew, since
# what was found so far went with the first. Two that look at once never claim the same one.
_CLAIM = text("""
UPDATE studies SET state = 'running', worker = :worker, seen_at = :now, tries = tries + 1,
    step = '', done = 0, total = 0
WHERE study_id = (
    SELECT study_id FROM studies
    WHERE state = 'waiting'
        OR (state = 'running' AND (worker = :worker OR seen_at < :unseen_since))
    ORDER BY asked_at, study_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING CAST(study_id AS text), kind, request, against, tries
""")
_NOTE = text("""
UPDATE studies SET step = :step, done = :done, total = :total, seen_at = :now
WHERE study_id = CAST(:id AS uuid) AND worker = :worker AND state = 'running'
""")
_FINISH = text("""
UPDATE studies SET state = :state, problem = :problem, found = :found, more = :more,
    page = :page, finished_at = :now
WHERE study_id = CAST(:id AS uuid) AND worker = :worker AND state = 'running'
""")
_GIVE_BACK = text("""
UPDATE studies SET state = 'waiting', worker = '', tries = tries - 1, step = '', done = 0,
    total = 0
WHERE study_id = CAST(:id AS uuid) AND worker = :worker AND state = 'running'
""")


class Question(NamedTuple):
    """What is asked.

    Attributes:
        request: JSON.
        against: The agreement in force, as the contract serialises it, where it matters.
        sha256: The same for the same question.
    """

    kind: str
    request: str
    against: bytes | None
    sha256: str


class Asked(NamedTuple):
    """A study that was asked for, as it is shown.

    Attributes:
        state: waiting, running, done, refused or failed.
        step: What goes on.
        problem: Why it was refused or failed, JSON; empty otherwise.
        found: The report, JSON; empty before.
        more: What else was found, JSON; empty before.
    """

    study_id: str
    kind: str
    state: str
    asked_at: datetime
    finished_at: datetime | None
    step: str
    done: int
    total: int
    problem: str
    found: str
    more: str


class Claimed(NamedTuple):
    """A study to work on; `tries` counts how often it was begun, this time included."""

    study_id: str
    kind: str
    request: str
    against: bytes | None
    tries: int


class Claim(NamedTuple):
    """Who works on what."""

    study_id: str
    worker: str


class End(NamedTuple):
    """How a study ended; what it has nothing of is empty."""

    state: str
    problem: str = ""
    found: str = ""
    more: str = ""
    page: str = ""


async def ask(
    connection: Connection, study_id: str, question: Question, now: datetime
) -> tuple[str, int]:
    """Put a study in line; return its id, or that of the same one, and how many wait.

    Raises:
        Overloaded: The same ones begin and end faster than they can be looked at.
    """
    same = {"question_sha256": question.sha256}
    row = {
        "id": study_id,
        "kind": question.kind,
        "request": question.request,
        "against": question.against,
        "now": now,
    }
    await connection.execute(_PRUNE, {"kept": KEPT_MAX})
    for _ in range(LOOKS_MAX):
        is_new = await connection.change(_ASK, {**row, **same}) == 1
        found: str | None = study_id if is_new else await connection.scalar(_SAME, same)
        if found is not None:
            return found, await connection.scalar(_WAITING)
    raise Overloaded("The same study ends just now: ask again.", retry_after_seconds=1)


async def find(connection: Connection, kind: str, study_id: str) -> Asked | None:
    """Return a study; None when there is none of this kind."""
    rows = await connection.execute(_FIND, {"id": study_id, "kind": kind})
    row = rows.one_or_none()
    return None if row is None else Asked(*row)


async def find_page(connection: Connection, study_id: str) -> str:
    """Return the page of a study; empty when it is not done or not there."""
    page: str | None = await connection.scalar(_PAGE, {"id": study_id})
    return page or ""


async def claim(
    connection: Connection, worker: str, now: datetime, unseen_since: datetime
) -> Claimed | None:
    """Take the oldest study that nobody works on; None when there is none."""
    moments = {"now": now, "unseen_since": unseen_since}
    rows = await connection.execute(_CLAIM, {"worker": worker, **moments})
    row = rows.one_or_none()
    return None if row is None else Claimed(*row)


async def note(
    connection: Connection, claim: Claim, how_far: tuple[str, int, int], now: datetime
) -> bool:
    """Keep how far a study is; return False when it is no longer the worker's."""
    step, done, total = how_far
    row = {"id": claim.study_id, "worker": claim.worker, "now": now}
    changed = await connection.change(
        _NOTE, {**row, "step": step, "done": done, "total": total}
    )
    return changed == 1


async def finish(connection: Connection, claim: Claim, end: End, now: datetime) -> bool:
    """Keep how a study ended; return False when it is no longer the worker's."""
    row = {"id": claim.study_id, "worker": claim.worker, "now": now}
    return await connection.change(_FINISH, {**row, **end._asdict()}) == 1


async def give_back(connection: Connection, claim: Claim) -> None:
    """Put a study in line again, as if it had not been begun."""
    await connection.execute(_GIVE_BACK, {"id": claim.study_id, "worker": claim.worker})
