"""What all sentences of a lead's story share: the zone of its times, and who is who."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from google.protobuf.message import Message

from leadloop.events import EVENT_TYPES
from leadloop.v1 import handoff_pb2 as handoff
from leadloop.v1 import lead_pb2 as lead
from leadloop.zones import UTC
from services.feedback.store import Entry

Named = handoff.Person | handoff.Candidate

PACKAGE = "leadloop.v1."
PROGRAM = "program:"


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known before the story is told.

    Attributes:
        zone: Of all times.
        names: Of people in sales, by id.
        first_capture_id: Of what the person was first heard of by, in the order of the story,
            which is not that of arrival; empty when there is none.
    """

    zone: tzinfo = UTC
    names: Mapping[str, str] = field(default_factory=dict)
    first_capture_id: str = ""

    def actor(self, actor: str) -> str:
        """Return who acted, to begin a sentence: a person, a program, or else the id."""
        if actor.startswith(PROGRAM):
            return f"The program {actor.removeprefix(PROGRAM)}"
        return self.names.get(actor, actor)

    def person(self, person: Named) -> str:
        """Return a person's name, else the id; empty for nobody."""
        return person.name or self.names.get(person.person_id, person.person_id)


def scene_of(entries: Sequence[Entry], zone: tzinfo = UTC) -> Scene:
    """Set the scene by entries in the story's order: captures, and what names people."""
    events = [event_of(entry) for entry in entries]
    first = (one.capture_id for one in events if isinstance(one, lead.LeadCaptured))
    return Scene(zone, dict(_named(events)), next(first, ""))


def event_of(entry: Entry) -> Message:
    """Return the event of an entry."""
    return EVENT_TYPES[PACKAGE + entry.type].FromString(entry.value)


def _named(events: Iterable[Message]) -> Iterator[tuple[str, str]]:
    """Yield the ids and names of people; the newest name of an id comes last."""
    for event in events:
        if isinstance(event, handoff.HandoffRouted):
            people: list[Named] = [event.owner, *event.candidates]
        elif isinstance(event, handoff.HandoffReassigned):
            # `from` is a word of Python.
            people = [getattr(event, "from"), event.to, *event.candidates]
        else:
            continue
        yield from ((person.person_id, person.name) for person in people if person.name)
