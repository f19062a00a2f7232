"""Requests as senders make them, and a client that posts them to an app in this process."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp

from leadloop import signing
from services.intake.message import Lead, Message, Request

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PUBLIC_URL = "https://leads.example.com/hooks/hubspot"
HUBSPOT_SECRET = "hubspot-client-secret"
MAUTIC_SECRET = "mautic-secret"
STANDARD_SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four bytes").decode()
SITE_SECRET = "site-secret"
TOKEN = "zapier-token"
ENVIRON = {
    "HUBSPOT": HUBSPOT_SECRET,
    "MAUTIC": MAUTIC_SECRET,
    "STANDARD": STANDARD_SECRET,
    "SITE": SITE_SECRET,
    "ZAPIER": TOKEN,
}
SITE_MAPPING: dict[str, Any] = {
    "id": "id",
    "occurred_at": "at",
    "email": "person.email",
    "first_name": "person.first",
    "phone": "person.phone",
    "country": "person.country",
    "company": "company",
    "consent": "newsletter",
    "attributes": {"employees": "employees"},
    "touch": {"source": "utm.source", "campaign": "utm.campaign"},
    "activity": {"kind": "action", "attributes": {"url": "page"}},
}
SOURCES: dict[str, Any] = {
    "sources": {
        "hubspot": {"type": "hubspot", "secret_env": "HUBSPOT", "public_url": PUBLIC_URL},
        "mautic": {"type": "mautic", "secret_env": "MAUTIC", "answer_status": 200},
        "standard": {
            "type": "standard",
            "secret_env": "STANDARD",
            "mapping": {"email": "data.email", "occurred_at": "timestamp"},
        },
        "site": {
            "type": "plain",
            "secret_env": "SITE",
            "body_bytes_max": 4096,
            "proof": {"header": "X-Signature-256", "prefix": "sha256="},
            "mapping": SITE_MAPPING,
        },
        "zapier": {
            "type": "plain",
            "secret_env": "ZAPIER",
            "answer_status": 204,
            "proof": {"header": "Authorization", "scheme": "token", "prefix": "Bearer "},
            "mapping": {"items": "leads", "email": "email", "external_id": "id"},
        },
        "open": {"type": "plain", "unsigned": True, "mapping": {"email": "email"}},
    }
}


@dataclass(frozen=True)
class Posted:
    """A request on its way to a source."""

    source: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answered:
    """What an app answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request_of(posted: Posted, received_at: datetime = NOON) -> Request:
    return Request(dict(posted.headers), posted.body, received_at)


def as_body(content: object) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def by_hubspot(
    content: object, at: datetime = NOON, secret: str = HUBSPOT_SECRET, url: str = PUBLIC_URL
) -> Posted:
    body, timestamp = as_body(content), str(int(at.timestamp() * 1000))
    signed = f"POST{url}".encode() + body + timestamp.encode()
    digest = hmac.digest(secret.encode(), signed, "sha256")
    headers = {
        "x-hubspot-signature-v3": base64.b64encode(digest).decode(),
        "x-hubspot-request-timestamp": timestamp,
        "content-type": "application/json",
    }
    return Posted("hubspot", body, headers)


def by_mautic(content: object, secret: str = MAUTIC_SECRET) -> Posted:
    body = as_body(content)
    digest = hmac.digest(secret.encode(), body, "sha256")
    headers = {"webhook-signature": base64.b64encode(digest).decode()}
    return Posted("mautic", body, headers)


def by_standard(content: object, message_id: str = "msg_1", at: datetime = NOON) -> Posted:
    body, seconds = as_body(content), int(at.timestamp())
    secret = signing.decode_secret(STANDARD_SECRET)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signing.sign(secret, message_id, seconds, body),
    }
    return Posted("standard", body, headers)


def by_site(content: object, secret: str = SITE_SECRET) -> Posted:
    body = as_body(content)
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-signature-256": f"sha256={digest}", "content-type": "application/json"}
    return Posted("site", body, headers)


def by_zapier(content: object, token: str = TOKEN) -> Posted:
    return Posted("zapier", as_body(content), {"authorization": f"Bearer {token}"})


def a_form(email: str = "ada@example.com", **more: object) -> dict[str, object]:
    """Return what the site posts for a filled form."""
    return {"id": f"form-{email}", "person": {"email": email, "first": "Ada"}, **more}


def a_message(at: datetime = NOON, key: str = "k", **lead: Any) -> Message:
    return Message(key, at, Lead(**{"email": "ada@example.com", **lead}))


def a_contact(contact_id: int = 52, email: str | None = "john@doe.name", **core: Any) -> Any:
    """Return a contact as Mautic 5 writes one."""
    values = {"email": email, "firstname": "John", "country": "Czech Republic", **core}
    fields = {name: {"alias": name, "value": value} for name, value in values.items()}
    groups = {"core": fields, "social": [], "personal": [], "professional": []}
    return {
        "id": contact_id,
        "dateModified": None,
        "fields": groups,
        "tags": [[]],
        "utmtags": None,
        "doNotContact": [],
    }


def a_saved_contact(at: str = "2026-03-02T11:00:00+00:00", **contact: Any) -> Any:
    """Return one item of mautic.lead_post_save_update."""
    return {"contact": a_contact(**contact), "timestamp": at}


def a_thin_event(object_id: int = 251, **more: object) -> dict[str, object]:
    """Return one event as a HubSpot app gets it."""
    return {
        "eventId": 1,
        "subscriptionId": 25,
        "portalId": 33,
        "occurredAt": int(NOON.timestamp() * 1000),
        "eventType": "contact.creation",
        "objectId": object_id,
        **more,
    }


def a_workflow_contact(vid: int = 251, **properties: str) -> dict[str, object]:
    """Return a contact as a HubSpot workflow sends it: every value is text."""
    told = {"email": "alex@example.com", "firstname": "Alex", **properties}
    return {
        "vid": vid,
        "portal-id": 33,
        "properties": {name: {"value": value, "versions": []} for name, value in told.items()},
        "identity-profiles": [],
    }


async def post(app: ASGIApp, posted: Posted) -> Answered:
    """Post to a source's door."""
    path = f"/hooks/{posted.source}"
    return await call(app, "POST", path, body=posted.body, headers=posted.headers)


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Answered:
    """Send one request to an app, as a server on this machine would."""
    path, _, query = path.partition("?")
    sent: list[Any] = []
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return parts.pop() if parts else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"content-length": str(len(body)), **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8001),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    await app(scope, receive, send)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answered(sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:]))
