"""One stage of the bare chain: inbox, one state row, outbox, relay, and nothing else.

Four of them in a row do what any four services on Leadloop's kit must do for each event. What
the real loop takes longer is the price of its rules.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import uvloop
from sqlalchemy import text

from bench import ground, report
from bench.stage import Kafka, Stage, Url
from leadloop.clock import SystemClock
from leadloop.consumer import KafkaTransport
from leadloop.database import Database, Work
from leadloop.events import Envelope, route_of
from leadloop.ids import Ids
from leadloop.inbox import Inbox
from leadloop.logs import configure
from leadloop.loop import forever
from leadloop.outbox import Promise, promise
from leadloop.relay import Relay
from leadloop.schema import INBOX, OUTBOX, PARKED
from leadloop.v1.lead_pb2 import LeadCaptured

NAME: Final = "bare"
TOPIC: Final = route_of(LeadCaptured).topic

TABLES: Final = """
CREATE TABLE leads (
    lead_id uuid PRIMARY KEY,
    email text NOT NULL,
    company text NOT NULL,
    events integer NOT NULL,
    changed_at timestamptz NOT NULL
)
"""

_SAVE = text("""
INSERT INTO leads (lead_id, email, company, events, changed_at)
SELECT l, e, c, 1, :now
FROM unnest(CAST(:ids AS uuid[]), CAST(:emails AS text[]), CAST(:companies AS text[]))
     AS lead (l, e, c)
ORDER BY l
ON CONFLICT (lead_id) DO UPDATE SET events = leads.events + 1, changed_at = excluded.changed_at
""")


def prefix_of(stage: int, chain: str = NAME) -> str:
    """Return what stands before the name of the topic that a stage of a chain reads."""
    return f"{chain}{stage}."


async def save(work: Work, captured: Sequence[LeadCaptured]) -> None:
    """Keep one row a lead."""
    leads = {event.lead_id: event.lead for event in captured}
    await work.connection.execute(
        _SAVE,
        {
            "now": work.now,
            "ids": list(leads),
            "emails": [lead.email for lead in leads.values()],
            "companies": [lead.company for lead in leads.values()],
        },
    )


async def save_and_pass_on(work: Work, captures: Sequence[Envelope[LeadCaptured]]) -> None:
    """Keep one row a lead and promise the same event to the next stage."""
    await save(work, [capture.event for capture in captures])
    await promise(work, [Promise(capture.event, capture) for capture in captures])


async def run_stage(stage: int, url: str, kafka: str, chain: str = NAME) -> None:
    """Read from this stage's topic, write to the next one's, until ended."""
    name = f"{chain}{stage}"
    database = Database(url, name, clock=SystemClock(), ids=Ids())
    await ground.make_schema(database, OUTBOX, INBOX, PARKED, TABLES)
    inbox = Inbox(database, {LeadCaptured: save_and_pass_on}, service=name)
    source = KafkaTransport(kafka, client=name, topic_prefix=prefix_of(stage, chain))
    source.subscribe(name, [TOPIC], inbox.handle)
    target = KafkaTransport(kafka, client=name, topic_prefix=prefix_of(stage + 1, chain))
    relay = Relay(database, target, service=name)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(source.run())
        tasks.create_task(forever(relay, service=name, database=database))


app = report.command_line()


@app.command()
def main(stage: Stage, url: Url, kafka: Kafka) -> None:
    """Run one of the four stages until ended."""
    configure(level="INFO", service=f"{NAME}{stage}", json=True)
    uvloop.run(run_stage(stage, url, kafka))


if __name__ == "__main__":
    app()
