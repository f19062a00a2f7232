"""The demo's quarter lived again by the simulation, from what the real services published."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from leadloop.events import decode, moment
from leadloop.v1 import lead_pb2 as lead
from leadloop.v1.handoff_pb2 import HandoffReassigned, HandoffRouted
from leadloop.v1.qualification_pb2 import LeadQualified
from services.demo import company, sales
from services.demo.company import ABSENCE, END, FIRST_DAY, SELLERS, SIZES
from services.demo.people import Person as Somebody
from services.demo.people import people_of
from services.demo.quarter import Happened
from services.demo.sales import Action, Assignment, Verb
from services.handoff import facts, rules
from services.handoff.cycle import Change
from services.handoff.facts import AttemptResult, Channel
from services.handoff.messages import Messages
from services.handoff.routing import Person
from services.handoff.rules import Attempt, Recycle, Reject
from services.lab.simulation.agenda import Rank
from services.lab.simulation.arrivals import arrivals_of, in_order
from services.lab.simulation.leads import ByRules, Prospect, Seen
from services.lab.simulation.trial import read_trial
from services.lab.simulation.world import World, owner_of
from services.scoring.contract import activity_of, facts_of

LATER = 1_000_000


def prospects_of(happened: list[Happened]) -> dict[str, Prospect]:
    """Return what became known of each lead, as the services published it."""
    found: dict[str, list[Seen]] = {}
    for order, one in enumerate(happened):
        if one.topic != "leads.v1":
            continue
        event = decode(one.type, one.value)
        assert isinstance(event, lead.LeadCaptured | lead.ActivityRecorded)
        facts_now = facts_of(event.lead) if isinstance(event, lead.LeadCaptured) else None
        seen = Seen(
            datetime.fromisoformat(one.time),
            facts_now,
            activity_of(event.activity) if event.HasField("activity") else None,
            # Of one moment, scoring takes all that is captured first, then the activities.
            LATER + order if facts_now is None else order,
        )
        found.setdefault(event.lead_id, []).append(seen)
    return {lead_id: Prospect(lead_id, seen) for lead_id, seen in found.items()}


@dataclass
class Crew:
    """The demo's people in sales, who do what they did there with whatever they get."""

    people: dict[str, Somebody]
    seed: int
    assigned: dict[int, Assignment] = field(default_factory=dict)
    too_late: set[tuple[int, int]] = field(default_factory=set)

    def hear(self, world: World, number: int, change: Change, now: datetime) -> None:
        owner = owner_of(change)
        if owner is None:
            return
        handoff = change.handoff
        is_first = number not in self.assigned
        assignment = Assignment(
            handoff_id=str(number),
            lead_id=handoff.lead_id,
            person=self.people[handoff.lead_id],
            cycle=handoff.cycle,
            tier=handoff.tier,
            owner_id=owner.id,
            turn=0 if is_first else 1,
            at=now,
        )
        self.assigned[number] = assignment
        for action in sales.plan(assignment, self.seed):
            world.agenda.plan(action.at, Rank.PEOPLE, partial(self._act, world, action))

    def _act(self, world: World, action: Action, now: datetime) -> None:
        one = action.assignment
        number = int(one.handoff_id)
        if (number, one.turn) in self.too_late:
            return
        if action.verb in (Verb.WIN, Verb.LOSE):
            world.end_deal(one.lead_id, now, is_won=action.verb is Verb.WIN)
        elif action.verb is not Verb.OPEN and not world.tell(number, decide(action, now), now):
            self.too_late.add((number, one.turn))


def decide(action: Action, now: datetime):
    """Return the command that an action of the demo sends."""
    actor, reason, note = action.assignment.owner_id, str(action.reason), action.note
    match action.verb:
        case Verb.ACCEPT:
            return lambda handoff, terms: rules.accept(handoff, actor, terms, now)
        case Verb.REJECT:
            told = Reject(actor, reason, note)
            return lambda handoff, terms: rules.reject(handoff, told, terms, now)
        case Verb.ATTEMPT:
            tried = Attempt(actor, Channel(action.channel), AttemptResult(action.result), note)
            return lambda handoff, terms: rules.attempt(handoff, tried, terms, now)
        case Verb.RECYCLE:
            back = Recycle(actor, reason, note, action.not_before)
            return lambda handoff, terms: rules.recycle(handoff, back, terms, now)
    return lambda handoff, terms: rules.convert(handoff, actor, action.deal_id, now)


@dataclass
class Notes:
    """All that happened, as events of the contract without the ids of handoffs."""

    events: list[tuple[datetime, object]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def qualified(self, lead, now) -> None:
        self.events.append((now, ("qualified", lead.lead_id, lead.cycle.number, lead.tier)))

    def note(self, number, change, now) -> None:
        first = change.handoff.sequence - len(change.facts) + 1
        for sequence, fact in enumerate(change.facts, first):
            self.counts[type(fact).__name__] += 1
            if isinstance(fact, facts.Routed):
                self.events.append((now, routed(change.handoff.lead_id, fact)))
            else:
                message = Messages(now).of(change.handoff, fact, sequence)
                self.events.append((now, plain(message)))


def plain(event):
    """Return an event without its handoff's id, those passed over in the order of names.

    Both list the same people; the simulation does not line them up anew for each moment.
    """
    event.handoff_id = ""
    if isinstance(event, HandoffReassigned):
        chosen = [one for one in event.candidates if not one.passed_over_because]
        others = [one for one in event.candidates if one.passed_over_because]
        ordered = chosen + sorted(others, key=lambda one: one.person_id)
        del event.candidates[:]
        event.candidates.extend(ordered)
    return event


def routed(lead_id: str, fact: facts.Routed):
    """Return what a routing decided."""
    return (
        "routed",
        lead_id,
        fact.owner and fact.owner.id,
        sorted((one.person.id, one.passed_over_because) for one in fact.candidates),
        fact.behind,
        [(one.started_at, one.warns_at, one.due_at) for one in fact.clocks],
    )


def live_again(happened: list[Happened], size: str, seed: int) -> Notes:
    """Live through the quarter in memory."""
    trial = read_trial(company.agreement_text(SIZES[size]), FIRST_DAY)
    judge = ByRules(trial.definition)
    prospects = prospects_of(happened)
    by_email = {person.email: person for person in people_of(SIZES[size], seed)}
    people = {
        lead_id: by_email[str((prospect.seen[0].facts or {})["email"])]
        for lead_id, prospect in prospects.items()
    }
    notes = Notes()
    crew = Crew(people, seed)
    world = World(trial, judge, [Person(one.id, one.name) for one in SELLERS], crew, [notes])
    world.agenda.plan(
        ABSENCE.at,
        Rank.PEOPLE,
        lambda at: world.put(ABSENCE.seller_id, ABSENCE.ends_at, at),
    )
    arrivals = in_order(arrivals_of(prospects.values(), judge, trial.definition))
    for _ in world.run(arrivals, END):
        pass
    return notes


def told_by_services(happened: list[Happened]) -> list[tuple[datetime, object]]:
    """Return what the real services published of qualifications and handoffs, alike."""
    found: list[tuple[datetime, object]] = []
    for one in happened:
        if one.topic not in ("qualifications.v1", "handoffs.v1"):
            continue
        event = decode(one.type, one.value)
        at = datetime.fromisoformat(one.time)
        if isinstance(event, LeadQualified):
            found.append((at, ("qualified", event.lead_id, event.cycle, event.tier)))
        elif isinstance(event, HandoffRouted):
            owner = event.owner.person_id if event.HasField("owner") else None
            candidates = sorted((c.person_id, c.passed_over_because) for c in event.candidates)
            clocks = [
                (moment(c.started_at), moment(c.warns_at), moment(c.due_at))
                for c in event.clocks
            ]
            found.append(
                (at, ("routed", event.lead_id, owner, candidates, event.behind, clocks))
            )
        elif one.topic == "handoffs.v1":
            found.append((at, plain(event)))
    return found


def lead_of(event) -> str:
    """Return which lead an event is about."""
    return event[1] if isinstance(event, tuple) else event.lead_id
