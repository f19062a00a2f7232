"""The cycles of a lead: each qualification opens one, an outcome ends it, some end them all."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Stage(StrEnum):
    """Where the newest cycle of a lead stands."""

    NONE = "none"
    OPEN = "open"
    RETURNED = "returned"
    LOST = "lost"
    # A gate closed while sales had the lead.
    GATE_CLOSED = "gate_closed"
    # The person was two leads and both were with sales; the survivor's cycle goes on.
    MERGED = "merged"
    # The two from which no further cycle begins.
    WON = "won"
    DISQUALIFIED = "disqualified"


_FINAL = (Stage.WON, Stage.DISQUALIFIED)


class Cycle(NamedTuple):
    """The newest cycle of a lead; number 0 before the first.

    Attributes:
        number: The newest one's number, from 1.
        so_far: Cycles of the person so far; more than the number after a merge.
        stage: Where the newest one stands.
        qualification_id: The newest one's id; empty before the first.
        opened_at: When it began.
        closed_at: When it ended; only an activity after that may open the next.
        not_before: End of the cool-down; None when there is none.
        reason: The code of the reason that it was returned for; empty when it was not.
        is_reopened: Whether an activity was the new evidence that the reason asks for.
    """

    number: int = 0
    so_far: int = 0
    stage: Stage = Stage.NONE
    qualification_id: str = ""
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    not_before: datetime | None = None
    reason: str = ""
    is_reopened: bool = False

    @property
    def is_open(self) -> bool:
        """Say whether sales has the lead."""
        return self.stage is Stage.OPEN

    def may_open_next(
        self,
        newest_activity_at: datetime | None,
        now: datetime,
        cycles_max: int,
        *,
        needs_evidence: bool = False,
    ) -> bool:
        """Say whether a further cycle may begin.

        Args:
            newest_activity_at: When the newest activity happened; None without any.
            now: A cool-down must be over by then.
            cycles_max: The agreed number of cycles; 0 means no limit.
            needs_evidence: The reason of the return says what an activity must be.
        """
        if self.is_open or self.stage in _FINAL or 0 < cycles_max <= self.so_far:
            return False
        if self.not_before is not None and now < self.not_before:
            return False
        if self.closed_at is None:
            return True
        if needs_evidence:
            return self.is_reopened
        return newest_activity_at is not None and newest_activity_at > self.closed_at

    def next(self, qualification_id: str, now: datetime) -> "Cycle":
        """Begin the next cycle."""
        number = self.so_far + 1
        return Cycle(number, number, Stage.OPEN, qualification_id, opened_at=now)

    def close_by_gate(self, now: datetime) -> "Cycle":
        """End the open cycle because a gate closed."""
        return self._replace(stage=Stage.GATE_CLOSED, closed_at=now)

    def give_back(
        self, number: int, at: datetime, not_before: datetime | None, reason: str = ""
    ) -> "Cycle":
        """End cycle `number` with a cool-down; an earlier or a returned one changes nothing.

        A cycle that a gate closed or a deal lost is still given back: its cool-down counts.
        """
        if number != self.number or self.stage in (Stage.NONE, Stage.RETURNED, *_FINAL):
            return self
        return self._replace(
            stage=Stage.RETURNED, closed_at=at, not_before=not_before, reason=reason
        )

    def disqualify(self, at: datetime) -> "Cycle":
        """End it for good."""
        return self._end(Stage.DISQUALIFIED, at)

    def win(self, at: datetime) -> "Cycle":
        """End it for good with a won deal."""
        return self._end(Stage.WON, at)

    def lose(self, at: datetime) -> "Cycle":
        """End the open cycle with a lost deal; one that began later than that goes on."""
        if not self.is_open or (self.opened_at is not None and at < self.opened_at):
            return self
        return self._replace(stage=Stage.LOST, closed_at=at, not_before=None)

    def _end(self, stage: Stage, at: datetime) -> "Cycle":
        """Close for good; the first end stays."""
        if self.stage in _FINAL:
            return self
        return self._replace(stage=stage, closed_at=at, not_before=None)


def joined(survivor: Cycle, merged: Cycle) -> Cycle:
    """Return the cycle of a person who was kept as two leads.

    Their cycles add up, so that the next number is new to both. What binds most stays: an end
    for good, then an open cycle (the survivor's when both are open), then the later end.
    """
    order = sorted((survivor, merged), key=_weight, reverse=True)
    return order[0]._replace(so_far=survivor.so_far + merged.so_far)


def _weight(cycle: Cycle) -> tuple[bool, bool, float]:
    """Rank a cycle by how much it binds."""
    ended = cycle.closed_at.timestamp() if cycle.closed_at else 0.0
    return cycle.stage in _FINAL, cycle.is_open, ended
