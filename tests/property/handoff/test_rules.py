"""Whatever people and time do to a handoff, its story stays sound."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.handoff import rules
from services.handoff.cycle import Change, Handoff, State
from services.handoff.facts import (
    Accepted,
    AttemptResult,
    Breached,
    Channel,
    Converted,
    Escalated,
    Fact,
    Met,
    Reassigned,
    Recycled,
    Refused,
    Routed,
    Warned,
    Withdrawn,
)
from services.handoff.routing import Person, Rotation, Seller
from services.handoff.terms import Terms
from tests.unit.handoff.builders import MONDAY_TEN, a_new_handoff, some_terms

PEOPLE = [Person(name, name.title()) for name in ("ann", "ben", "cat")]
PROGRAM = "program:crm-sync"
ACTORS = st.sampled_from(["ann", "ben", "cat", PROGRAM])
ENDS = (Refused, Converted, Recycled, Withdrawn)


class OneHandoff(RuleBasedStateMachine):
    """One handoff, three sellers who come and go, commands in any order, time passing."""

    @initialize(reassign_max=st.integers(0, 2), present=st.sets(st.sampled_from("abc")))
    def begin(self, reassign_max: int, present: set[str]) -> None:
        self.now = MONDAY_TEN
        self.terms: Terms = some_terms(reassign_max=reassign_max)
        self.present = present
        self.story: list[Fact] = []
        self.handoff: Handoff = a_new_handoff()
        route = self.rotation().route()
        self.take(rules.begin(self.handoff, route, self.terms, self.now))

    def rotation(self) -> Rotation:
        return Rotation(
            [Seller(one, one.id[0] in self.present, None, 0) for one in PEOPLE], self.now
        )

    def take(self, answer: rules.Answer) -> None:
        before = self.handoff
        if not isinstance(answer, Change):
            return
        if answer.needs_owner_because:
            answer = self.moved(answer)
        assert answer.handoff.sequence == before.sequence + len(answer.facts)
        if not before.is_open:
            assert answer.handoff == before
        for fact in answer.facts:
            if isinstance(fact, Accepted | Refused):
                assert before.owner is not None
                assert fact.actor in (before.owner.id, PROGRAM)
        self.handoff = answer.handoff
        self.story += answer.facts

    def moved(self, change: Change) -> Change:
        route = self.rotation().route(excluded=change.handoff.seen_by)
        return rules.move(change, route, self.terms, self.now)

    @rule(minutes=st.integers(1, 500))
    def time_passes(self, minutes: int) -> None:
        end = self.now + timedelta(minutes=minutes)
        while (next_at := self.handoff.next_at) is not None and next_at <= end:
            self.now = max(self.now, next_at)
            self.take(rules.tick(self.handoff, self.terms, self.now))
        self.now = end

    @rule(minutes=st.integers(1, 500))
    def time_passes_while_timers_sleep(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(present=st.sets(st.sampled_from("abc")))
    def people_come_and_go(self, present: set[str]) -> None:
        self.present = present
        if self.handoff.state is State.QUEUED:
            route = self.rotation().route(excluded=self.handoff.seen_by)
            self.take(rules.give(self.handoff, route, self.terms, self.now, "left the queue"))

    @rule(actor=ACTORS)
    def accept(self, actor: str) -> None:
        self.take(rules.accept(self.handoff, actor, self.terms, self.now))

    @rule(actor=ACTORS, reason=st.sampled_from(["no_budget", "wrong_territory", "nonsense"]))
    def reject(self, actor: str, reason: str) -> None:
        command = rules.Reject(actor, reason)
        self.take(rules.reject(self.handoff, command, self.terms, self.now))

    @rule(actor=ACTORS)
    def attempt(self, actor: str) -> None:
        command = rules.Attempt(actor, Channel.CALL, AttemptResult.NO_ANSWER)
        self.take(rules.attempt(self.handoff, command, self.terms, self.now))

    @rule(actor=ACTORS, reason=st.sampled_from(["no_budget", "wrong_territory"]))
    def recycle(self, actor: str, reason: str) -> None:
        command = rules.Recycle(actor, reason)
        self.take(rules.recycle(self.handoff, command, self.terms, self.now))

    @rule(actor=ACTORS)
    def convert(self, actor: str) -> None:
        self.take(rules.convert(self.handoff, actor, "D-1", self.now))

    @rule()
    def withdraw(self) -> None:
        self.take(rules.withdraw(self.handoff, "consent denied", self.now))

    def facts_of(self, *kinds: type[Fact]) -> list[Fact]:
        return [fact for fact in self.story if isinstance(fact, kinds)]

    @invariant()
    def the_sequence_counts_the_facts(self) -> None:
        assert self.handoff.sequence == len(self.story)
        assert len(self.facts_of(Routed)) == 1
        assert isinstance(self.story[0], Routed)

    @invariant()
    def an_owner_is_there_unless_it_waits(self) -> None:
        if self.handoff.is_open:
            assert (self.handoff.owner is None) == (self.handoff.state is State.QUEUED)
        if self.handoff.state is State.QUEUED:
            assert self.handoff.reason

    @invariant()
    def nobody_gets_it_twice(self) -> None:
        assert len(set(self.handoff.past_owners)) == len(self.handoff.past_owners)
        if self.handoff.owner:
            assert self.handoff.owner.id not in self.handoff.past_owners

    @invariant()
    def each_clock_warns_breaks_and_is_met_at_most_once(self) -> None:
        for kind in (Warned, Breached, Met):
            seen = [
                (fact.clock.kind, fact.clock.started_at, fact.owner)
                for fact in self.story
                if isinstance(fact, kind)
            ]
            assert len(set(seen)) == len(seen)

    @invariant()
    def a_clock_met_after_its_due_time_had_been_broken(self) -> None:
        broken = [
            (one.clock.kind, one.owner) for one in self.story if isinstance(one, Breached)
        ]
        for fact in self.story:
            if isinstance(fact, Met):
                assert fact.is_late == ((fact.clock.kind, fact.owner) in broken)
                assert fact.is_late == (fact.used_seconds > fact.clock.allowed.total_seconds())

    @invariant()
    def breaches_move_it_no_more_often_than_agreed(self) -> None:
        assert self.handoff.reassigned <= self.terms.reassign_max
        assert len(self.facts_of(Escalated)) <= len(self.facts_of(Breached))
        assert self.handoff.reassigned <= len(self.facts_of(Reassigned))

    @invariant()
    def an_ended_story_has_one_end(self) -> None:
        ends = self.facts_of(Converted, Recycled, Withdrawn)
        assert len(ends) <= 1
        if not self.handoff.is_open:
            assert self.handoff.next_at is None
            assert len(ends) == (self.handoff.state is not State.REJECTED)
        if self.handoff.state is State.ACCEPTED:
            assert self.facts_of(Accepted)


TestOneHandoff = OneHandoff.TestCase
