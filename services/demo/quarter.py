"""Live through the quarter: real services, real requests, virtual time, one thing at a time.

Everything that happens follows from the seed. Requests go out in a fixed order, time jumps from
one planned moment to the next, and clocks of handoffs fire at their exact times in between; so
two runs publish the same events, byte for byte.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from starlette.types import ASGIApp

from leadloop import signing
from leadloop.clock import VirtualClock
from leadloop.events import topics
from leadloop.ids import Ids
from leadloop.records import Record, header
from leadloop.stepper import Stepper
from services.demo import company
from services.demo.agenda import Agenda
from services.demo.asgi import Response, call
from services.demo.commands import Command, command_of, post, put_person
from services.demo.company import ABSENCE, BEGIN, END, SELLER_OF, SELLERS, SIZES, Absence, Size
from services.demo.journeys import Step, journey_of, way_back
from services.demo.marketing import posts_of
from services.demo.people import Person, people_of
from services.demo.posts import Post
from services.demo.receivers import (
    CRM_TYPES,
    CRM_URL,
    MARKETING_TYPES,
    MARKETING_URL,
    Received,
    Receivers,
)
from services.demo.sales import Action, Assignment, plan
from services.embedded import Embedded, assemble
from services.intake.sources import load_sources
from services.rooms import ROOMS


@dataclass(frozen=True, slots=True)
class Happened:
    """One event as it was published."""

    topic: str
    key: str
    id: str
    type: str
    time: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the quarter is, and how often each thing has happened."""

    now: datetime
    counts: Counter[str]


class StoryBroken(Exception):
    """A service refused what the story is sure of: a bug, of the story or of the service."""


async def run_quarter(
    database_url: str,
    *,
    size: str = "full",
    seed: int = 1,
    record: Callable[[Happened], None] | None = None,
    progress: Callable[[Moment], None] | None = None,
) -> Counter[str]:
    """Live through the quarter in an empty database; return how often each thing happened.

    Args:
        database_url: PostgreSQL; the services make their schemas.
        size: A name of SIZES.
        seed: The same seed publishes the same events, byte for byte.
        record: Told every event in the order of publishing.
        progress: Told how far it is, after each moment at which something happened.
    """
    async with open_quarter(database_url, size=size, seed=seed, record=record) as quarter:
        await quarter.live(progress)
        return quarter.counts


@asynccontextmanager
async def open_quarter(
    database_url: str,
    *,
    size: str,
    seed: int,
    record: Callable[[Happened], None] | None = None,
) -> AsyncIterator["Quarter"]:
    """Put the services together in an empty database, ready to live through the quarter."""
    clock = VirtualClock(BEGIN)
    receivers = Receivers(clock)
    loop = await assemble(
        database_url,
        clock=clock,
        ids=Ids(Random(seed)),  # noqa: S311 (a story)
        parts={
            "intake": {"sources": load_sources(company.SOURCES, company.secrets())},
            "handoff": {"post": receivers.post},
            "feedback": {"post": receivers.post},
        },
    )
    counts: Counter[str] = Counter()
    _listen(loop, counts, record)
    stepper = Stepper(loop.services, loop.transport, clock)
    try:
        yield Quarter(loop.app, clock, stepper, receivers, SIZES[size], seed, counts)
    finally:
        await stepper.close()
        for service in loop.services:
            await service.close()


def _listen(
    loop: Embedded, counts: Counter[str], record: Callable[[Happened], None] | None
) -> None:
    """Count every published event, and hand it to `record`."""
    known: set[str] = set()

    async def note(records: Sequence[Record]) -> None:
        for one in records:
            kind = header(one, "ce_type")
            counts[kind.rpartition(".")[2]] += 1
            counts["events"] += 1
            if one.topic == "leads.v1" and one.key not in known:
                known.add(one.key)
                counts["leads"] += 1
            if record is not None:
                event_id, time = header(one, "ce_id"), header(one, "ce_time")
                record(Happened(one.topic, one.key, event_id, kind, time, one.value))

    loop.transport.subscribe("demo", sorted(topics()), note)


@dataclass
class Quarter:
    """The quarter under way."""

    app: ASGIApp
    clock: VirtualClock
    stepper: Stepper
    receivers: Receivers
    size: Size
    seed: int
    counts: Counter[str]
    _agenda: Agenda = field(default_factory=Agenda)
    _by_email: dict[str, Person] = field(default_factory=dict)
    _assigned: dict[str, Assignment] = field(default_factory=dict)
    _too_late: set[tuple[str, int]] = field(default_factory=set)
    _endpoints: list[str] = field(default_factory=list)

    async def live(self, progress: Callable[[Moment], None] | None = None) -> None:
        """Go from moment to moment until the quarter is over.

        Raises:
            StoryBroken: A service refused or parked what it should have taken.
        """
        await self._prepare()
        while (at := self._agenda.next_at) is not None:
            if await self._pass_time(at):
                await self._act(at)
                self._tell_progress(progress)
        await self._pass_time(END)
        self._tell_progress(progress)
        await self._leave()

    def _tell_progress(self, progress: Callable[[Moment], None] | None) -> None:
        if progress is not None:
            progress(Moment(self.clock.now(), self.counts))

    async def _prepare(self) -> None:
        """Let both sides sign, name the people in sales, register the receivers."""
        people = people_of(self.size, self.seed)
        self._by_email = {person.email: person for person in people}
        for person in people:
            self._agenda.add(journey_of(person, self.seed))
        self._agenda.add([ABSENCE])
        await self._sign()
        for seller in SELLERS:
            await self._say(put_person(seller))
        await self._register("/v1/endpoints", CRM_URL, CRM_TYPES)
        await self._register("/v1/outcomes/endpoints", MARKETING_URL, MARKETING_TYPES)
        await self.stepper.settle()

    async def _pass_time(self, until: datetime) -> bool:
        """Let clocks run; return False when they led to plans before `until`.

        What is due at that very moment comes after what people do then: who acts at the last
        moment is in time.
        """
        while (due := self.stepper.next_due()) is not None and due < until:
            await self.stepper.advance_to(due)
            self._react()
            planned = self._agenda.next_at
            if planned is not None and planned < until:
                return False
        self.clock.advance_to(until)
        return True

    async def _act(self, at: datetime) -> None:
        """Do all that is planned for a moment: first marketing's systems, then sales."""
        planned = self._agenda.take(at)
        steps = [one for one in planned if isinstance(one, Step)]
        await asyncio.gather(*(self._hook(post) for post in posts_of(steps, at)))
        for action in planned:
            if isinstance(action, Action):
                await self._tell(action)
            elif isinstance(action, Absence):
                await self._say(put_person(SELLER_OF[action.seller_id], action.ends_at))
        await self.stepper.settle()
        self._react()

    async def _hook(self, post: Post) -> None:
        """Send a webhook; those of one moment share a commit."""
        path = f"/hooks/{post.source.value}"
        response = await call(self.app, "POST", path, headers=post.headers, body=post.body)
        self._require(response, path)
        self.counts["posts"] += 1

    async def _tell(self, action: Action) -> None:
        """Send a command; who comes too late hears it, and leaves the lead alone."""
        plan_of = (action.assignment.handoff_id, action.assignment.turn)
        if plan_of in self._too_late:
            return
        wanted = command_of(action)
        response = await self._send(wanted)
        self.counts["commands"] += 1
        if response.status == 409:
            self.counts["too late"] += 1
            self._too_late.add(plan_of)
            return
        self._require(response, wanted.path)

    def _react(self) -> None:
        """Let people plan what follows from what their systems heard."""
        for received in self.receivers.take():
            self.counts["deliveries"] += 1
            if received.type == "HandoffRouted":
                self._assign(received, received.data.get("owner"), turn=0)
            elif received.type == "HandoffReassigned":
                self._assign(received, received.data.get("to"), turn=1)
            elif received.type == "LeadReturned":
                self._keep_in_touch(received)

    def _assign(self, received: Received, owner: Mapping[str, str] | None, turn: int) -> None:
        """Give a lead to its owner, who plans what to do with it."""
        told = received.data
        known = self._assigned.get(told["handoff_id"])
        if owner is None or (known is None and "lead" not in told):
            return
        assignment = Assignment(
            handoff_id=told["handoff_id"],
            lead_id=told["lead_id"],
            person=known.person if known else self._by_email[told["lead"]["email"]],
            cycle=told["cycle"],
            tier=known.tier if known else told["tier"],
            owner_id=owner["person_id"],
            turn=turn,
            at=received.at,
        )
        self._assigned[assignment.handoff_id] = assignment
        self._agenda.add(plan(assignment, self.seed))

    def _keep_in_touch(self, received: Received) -> None:
        """Let marketing hear of a returned lead, who may come back."""
        told = received.data
        if "not_before" not in told:
            return
        person = self._assigned[told["handoff_id"]].person
        not_before = datetime.fromisoformat(told["not_before"])
        back = way_back(person, told["reason"], received.at, not_before, self.seed)
        self._agenda.add(back)

    async def _sign(self) -> None:
        """Propose the agreement, and sign it for both sides."""
        text = company.agreement_text(self.size)
        answer = await self._say(post("/v1/agreements", {"text": text}, "propose"))
        for side, signer in sorted(answer["signers"].items()):
            signature = {
                "side": side,
                "signer": signer,
                "text_sha256": answer["text_sha256"],
                "comment": "For the second quarter.",
            }
            path = f"/v1/agreements/{answer['name']}/sign"
            await self._say(post(path, signature, f"sign/{side}"))

    async def _register(self, path: str, url: str, types: Sequence[str]) -> None:
        """Subscribe a receiver to events of a service."""
        # Seeded like everything here; what is real lets Leadloop make its secret.
        secret = signing.new_secret(Random(f"{self.seed}/{url}").randbytes)  # noqa: S311
        wanted = {
            "url": url,
            "description": "Of the demo.",
            "event_types": types,
            "secret": secret,
        }
        made = await self._say(post(path, wanted, url))
        self.receivers.secrets[url] = signing.decode_secret(secret)
        self._endpoints.append(f"{path}/{made['id']}")

    async def _leave(self) -> None:
        """Make sure that nothing was parked; switch the endpoints off, whose story is over."""
        for room in ROOMS:
            parked = await call(self.app, "GET", f"/v1/parked/{room}")
            self._require(parked, room)
            if parked.json():
                raise StoryBroken(f"{room} parked events: {parked.body.decode()}")
        for endpoint in self._endpoints:
            await self._say(post(f"{endpoint}/disable", None, f"{endpoint}/disable"))

    async def _say(self, wanted: Command) -> Any:  # noqa: ANN401 (any JSON value)
        """Send a command that must succeed; return its answer."""
        response = await self._send(wanted)
        self._require(response, wanted.path)
        return response.json()

    async def _send(self, wanted: Command) -> Response:
        return await call(
            self.app, wanted.method, wanted.path, headers=wanted.headers, body=wanted.body
        )

    @staticmethod
    def _require(response: Response, path: str) -> None:
        if not response.is_success:
            raise StoryBroken(f"{path} answered {response.status}: {response.body.decode()}")
