"""Forget a person: what their handoffs said of them goes, that there were handoffs stays."""

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.message import Message
from sqlalchemy import text

from leadloop.connection import Connection
from leadloop.events import decode, encode
from leadloop.v1.handoff_pb2 import HandoffRouted

_REMEMBER = text("""
INSERT INTO erased_leads (lead_id, erased_at)
SELECT lead_id, :now FROM unnest(CAST(:lead_ids AS uuid[])) AS lead_id ORDER BY lead_id
ON CONFLICT (lead_id) DO NOTHING
""")
_STORY = text("""
SELECT CAST(handoff_id AS text), sequence, type, event FROM history
WHERE handoff_id = ANY(CAST(:ids AS uuid[])) ORDER BY handoff_id, sequence FOR UPDATE
""")
_REWRITE = text("""
UPDATE history SET event = new.event
FROM unnest(CAST(:ids AS uuid[]), CAST(:sequences AS int[]), CAST(:events AS bytea[]))
     AS new (handoff_id, sequence, event)
WHERE history.handoff_id = new.handoff_id AND history.sequence = new.sequence
""")


async def forget(
    connection: Connection,
    lead_ids: Sequence[str],
    handoff_ids: Sequence[str],
    now: datetime,
) -> None:
    """Take forgotten people out of the stories of their handoffs, and remember not to begin."""
    await connection.execute(_REMEMBER, {"lead_ids": list(lead_ids), "now": now})
    if not handoff_ids:
        return
    rows = await connection.execute(_STORY, {"ids": list(handoff_ids)})
    await connection.execute(
        _REWRITE,
        {
            "ids": [handoff_id for handoff_id, _, _, _ in rows],
            "sequences": [sequence for _, sequence, _, _ in rows],
            "events": [
                encode(without_person(decode(type_, event))) for *_, type_, event in rows
            ],
        },
    )


def without_person(event: Message) -> Message:
    """Take out what an event says of the person: the lead, the referrer, people's notes."""
    if isinstance(event, HandoffRouted):
        event.ClearField("lead")
        event.touch.ClearField("referrer")
    if "note" in event.DESCRIPTOR.fields_by_name:
        event.ClearField("note")
    return event
