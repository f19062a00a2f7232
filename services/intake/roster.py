"""The people of one batch as they are after each message, so that the next one sees them."""

from collections.abc import Iterable, Mapping

from services.intake.message import Lead
from services.intake.rules import Person
from services.intake.store import Identity


class Roster:
    """Holds the locked leads of a batch, the new ones, and whose identities are whose."""

    def __init__(self, people: Iterable[Person], leads: Mapping[Identity, str | None]) -> None:
        """Start with what the database knows.

        Args:
            people: The leads that exist, locked.
            leads: The lead of each known identity, None for one that waits for an address.
        """
        self._people = {person.lead_id: person for person in people}
        self._by_email = {p.lead.email: p.lead_id for p in self._people.values()}
        self._leads = dict(leads)
        self._known_leads = dict(leads)
        self._new: set[str] = set()
        self._changed: set[str] = set()

    def find(self, email: str, identity: Identity | None) -> Person | None:
        """Return the person by address, or by identity without one; None when unknown."""
        lead_id = self._by_email.get(email) if email else self._lead_of(identity)
        return self._people.get(lead_id) if lead_id else None

    def add(self, lead_id: str, email: str) -> Person:
        """Begin a new person of whom only the address is known."""
        self._people[lead_id] = Person(lead_id, Lead(email))
        self._by_email[email] = lead_id
        self._new.add(lead_id)
        return self._people[lead_id]

    def put(self, person: Person, identity: Identity | None) -> None:
        """Keep a person as they are after a message, under the identity that it named."""
        if self._people[person.lead_id] is not person:
            self._people[person.lead_id] = person
            self._changed.add(person.lead_id)
        if identity:
            self._leads[identity] = person.lead_id

    def wait_for(self, identity: Identity | None) -> None:
        """Note that somebody was spoken of whose address is not known."""
        if identity:
            self._leads.setdefault(identity, None)

    def new_people(self) -> list[Person]:
        """Return the people to insert."""
        return [self._people[lead_id] for lead_id in sorted(self._new)]

    def changed_people(self) -> list[Person]:
        """Return the known people of whom something is new."""
        return [self._people[lead_id] for lead_id in sorted(self._changed - self._new)]

    def changed_identities(self) -> dict[Identity, str | None]:
        """Return the identities to save with their leads, None for those that wait."""
        return {
            identity: lead_id
            for identity, lead_id in self._leads.items()
            if identity not in self._known_leads or self._known_leads[identity] != lead_id
        }

    def _lead_of(self, identity: Identity | None) -> str | None:
        return self._leads.get(identity) if identity else None
