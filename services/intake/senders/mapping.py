"""Find our fields in a sender's own JSON, where its mapping says that they stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from services.intake.message import (
    Consent,
    Item,
    Lead,
    Message,
    Payload,
    Request,
    Touch,
    Unusable,
    unusable_body,
)
from services.intake.reading import WrongField, moment_of, parse_json, type_name
from services.intake.senders.finder import NO_EXTRAS, Extras, Finder, Finders, Place
from services.intake.senders.sender import digest_of, digest_of_bytes

# A body without id or time is taken for a repetition of an equal one within one such window.
REPEAT_WINDOW = timedelta(days=1)
ITEMS_MAX = 1_000
TEXT_FIELDS = ("first_name", "last_name", "company", "job_title", "country")
_UNSPECIFIED = Consent.UNSPECIFIED
_WINDOW_SECONDS = REPEAT_WINDOW.total_seconds()


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Where our fields stand in a sender's JSON.

    Attributes:
        items: The list of items, which may stand nowhere else; None when the body is one item
            or a list of them.
        fields: Of the lead, by our names; also id, external_id, occurred_at and consent.
        touch: Of the touch, by our names.
        extras: Attributes of the lead, and what the person did.
    """

    fields: dict[str, Finder]
    items: Finder | None = None
    touch: Finders = ()
    extras: Extras = NO_EXTRAS


def read_mapped(mapping: FieldMap, request: Request, key: str) -> Payload:
    """Return what a mapping finds in a body.

    Args:
        mapping: Where our fields stand.
        request: What came.
        key: What makes the request known again; empty when its sender tells nothing.

    Raises:
        Malformed: The body is no JSON.
    """
    body = parse_json(request.body)
    try:
        at, found = _items_of(mapping, body)
    except WrongField as wrong:
        return unusable_body(_key_of(request, key, digest_of_bytes(request.body)), wrong.error)
    if isinstance(found, dict):
        reader = _Reader(found, at, mapping, request, key)
        return Payload((reader.read(digest_of_bytes(request.body)),), is_single=True)
    return Payload(tuple(_batch(mapping, request, found, at, key)))


def _items_of(mapping: FieldMap, body: object) -> tuple[str, dict[str, object] | list[object]]:
    """Return where the items stand, with the list of them or the only one."""
    at = mapping.items.pointer("") if mapping.items else ""
    found = mapping.items.find(body) if mapping.items else body
    if isinstance(found, dict) or (isinstance(found, list) and len(found) <= ITEMS_MAX):
        return at, found
    size = f"{len(found)} items" if isinstance(found, list) else type_name(found)
    is_missing = mapping.items is not None and found is None
    expected = f"an object, or a list of at most {ITEMS_MAX}"
    raise WrongField(at, expected, "nothing" if is_missing else size)


def _key_of(request: Request, key: str, content_key: str) -> str:
    """Return what makes known again what can't be read: its key, else its content for a day."""
    window = request.received_at.timestamp() // _WINDOW_SECONDS
    return key or digest_of((content_key, window))


def _batch(
    mapping: FieldMap, request: Request, found: list[object], at: str, key: str
) -> Iterator[Item]:
    for position, item in enumerate(found):
        item_key = f"{key}/{position}" if key else ""
        reader = _Reader(item, f"{at}/{position}", mapping, request, item_key)
        yield reader.read(digest_of_bytes(orjson.dumps(item)))


@dataclass(frozen=True, slots=True)
class _Reader(Place):
    """Reads one item."""

    mapping: FieldMap
    request: Request
    key: str

    def read(self, content_key: str) -> Item:
        try:
            return self._message(content_key)
        except WrongField as wrong:
            return Unusable(_key_of(self.request, self.key, content_key), wrong.error)

    def _message(self, content_key: str) -> Message:
        if not isinstance(self.item, dict):
            raise WrongField(self.at, "an object", type_name(self.item))
        said_at = self._occurred_at()
        extras, email = self.mapping.extras, self.mapping.fields.get("email")
        return Message(
            dedupe_key=self._dedupe_key(content_key, said_at is not None),
            occurred_at=said_at or self.request.received_at,
            lead=self._lead(),
            email_at=email.pointer(self.at) if email else "mapping email",
            external_id=self._needed("external_id"),
            touch=self._touch(),
            activity=self.activity(extras.kind, extras.details) if extras.kind else None,
            left_out=self.first_left_out(),
        )

    def _dedupe_key(self, content_key: str, has_time: bool) -> str:
        """Return the sender's key, else the content, within a window when it has no time."""
        told = self.key or self._needed("id")
        if told:
            return digest_of((told,))
        window = 0 if has_time else self.request.received_at.timestamp() // _WINDOW_SECONDS
        return digest_of((content_key, window))

    def _lead(self) -> Lead:
        known = self.mapping.fields
        return Lead(
            email=self._needed("email"),
            phone=self.scalar(known["phone"]) if "phone" in known else "",
            consent=self.consent(known["consent"]) if "consent" in known else _UNSPECIFIED,
            attributes=self.scalars(self.mapping.extras.attributes),
            **{name: self.text(known[name]) for name in TEXT_FIELDS if name in known},
        )

    def _needed(self, name: str) -> str:
        finder = self.mapping.fields.get(name)
        return self.needed(finder) if finder else ""

    def _occurred_at(self) -> datetime | None:
        finder = self.mapping.fields.get("occurred_at")
        if finder is None:
            return None
        return moment_of(finder.find(self.item), finder.pointer(self.at))

    def _touch(self) -> Touch | None:
        found = self.scalars(self.mapping.touch)
        return Touch(**found) if found else None
