"""How sales had leads before: read for those that may come to sales again."""

from collections.abc import Iterable

from leadloop.conditions import Values
from leadloop.connection import Connection
from leadloop.v1 import lead_pb2, qualification_pb2
from services.scoring import ledger_store, store
from services.scoring.changes import Change, Picture, changes
from services.scoring.contract import facts_of
from services.scoring.rules import Score
from services.scoring.tables import CycleRecord, LeadState


class Past:
    """The newest cycle of some leads, and what was known of them when it began."""

    def __init__(self, connection: Connection) -> None:
        """Read through `connection`."""
        self._connection = connection
        self._pictures: dict[str, Picture] = {}

    async def load(self, states: Iterable[LeadState]) -> None:
        """Read what is needed to tell what changed since the newest cycle of these leads."""
        lead_ids = sorted({state.lead_id for state in states} - self._pictures.keys())
        if not lead_ids:
            return
        newest = {
            record.lead_id: record
            for record in await store.list_cycles(self._connection, lead_ids)
        }
        known = await ledger_store.facts_at(
            self._connection, [(one.lead_id, one.opened_at) for one in newest.values()]
        )
        for lead_id, record in newest.items():
            self._pictures[lead_id] = _picture(record, known.get(lead_id))

    def changes(
        self, lead_id: str, score: Score, facts: Values, version: int
    ) -> tuple[Change, ...]:
        """Return what is different from the newest cycle; nothing when there was none."""
        before = self._pictures.get(lead_id)
        if before is None:
            return ()
        points = {part.rule: part.points for part in score.parts}
        # Of a lead that was scored before facts were kept, only those of today are known.
        known = before if before.facts else before._replace(facts=facts)
        return changes(known, Picture(facts, points, score.tier, version))


def _picture(record: CycleRecord, lead: bytes | None) -> Picture:
    score = qualification_pb2.Score.FromString(record.score)
    facts = facts_of(lead_pb2.Lead.FromString(lead)) if lead is not None else {}
    points = {part.rule: part.points for part in score.parts}
    return Picture(facts, points, record.tier, record.agreement_version)
