"""One stage as most teams assemble it: FastStream, an ORM session a message, then publish.

It loses the event when the process dies between commit and publish; that is the point of the
comparison. Everything else is the libraries' default, which is also their fastest here: no
acknowledgement a message, one message at a time so that the order per lead is kept.
"""

from datetime import datetime
from typing import Final

import uvloop
from faststream import FastStream
from faststream.kafka import KafkaBroker, KafkaMessage
from pydantic import BaseModel
from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateSchema

from bench import report
from bench.stage import Kafka, Stage, Url
from leadloop.clock import SystemClock

CLOCK: Final = SystemClock()


def topic_of(stage: int) -> str:
    """Return the topic that a stage reads."""
    return f"assembled{stage}"


class Captured(BaseModel):
    """A lead as JSON."""

    lead_id: str
    email: str
    first_name: str
    last_name: str
    company: str
    job_title: str
    country: str
    received_at: datetime


class Base(DeclarativeBase):
    """The ORM's registry."""


class Lead(Base):
    """A stage's state of one lead."""

    __tablename__ = "leads"

    lead_id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    company: Mapped[str]
    events: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


async def run_stage(stage: int, url: str, kafka: str) -> None:
    """Read from this stage's topic, write to the next one's, until ended."""
    name = topic_of(stage)
    engine = create_async_engine(url, connect_args={"server_settings": {"search_path": name}})
    async with engine.begin() as connection:
        await connection.execute(CreateSchema(name, if_not_exists=True))
        await connection.run_sync(Base.metadata.create_all)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    broker = KafkaBroker(kafka)

    @broker.subscriber(name, group_id=name, auto_offset_reset="earliest")
    async def handle(captured: Captured, message: KafkaMessage) -> None:
        async with sessions() as session:
            lead = await session.get(Lead, captured.lead_id)
            if lead is None:
                lead = Lead(lead_id=captured.lead_id, events=0)
                session.add(lead)
            lead.email, lead.company = captured.email, captured.company
            lead.events += 1
            lead.changed_at = CLOCK.now()
            await session.commit()
        await broker.publish(captured, topic_of(stage + 1), key=captured.lead_id.encode())

    await FastStream(broker).run()


app = report.command_line()


@app.command()
def main(stage: Stage, url: Url, kafka: Kafka) -> None:
    """Run one of the four stages until ended."""
    uvloop.run(run_stage(stage, url, kafka))


if __name__ == "__main__":
    app()
