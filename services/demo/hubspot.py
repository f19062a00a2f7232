"""HubSpot's webhooks: a workflow's whole contact, an app's thin events, signed the v3 way."""

import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime

import orjson

from services.demo.company import DOMAIN, SECRETS, Sender
from services.demo.journeys import Step, What
from services.demo.posts import (
    IDS_FROM,
    JSON_HEADER,
    Post,
    base64,
    cut,
    milliseconds,
    right_phone,
)

PUBLIC_URL = f"https://hooks.{DOMAIN}/hooks/hubspot"
# What HubSpot itself tells of a contact; the rest is seen by the website.
TELLS = (What.CREATED, What.CHANGED, What.OPTED_OUT)

_EVENTS_MAX = 100
_PORTAL = 4_711_000
_APP = 815_000


def posts_of(steps: Sequence[Step], now: datetime) -> list[Post]:
    """Return what HubSpot posts at `now`: a contact each, then all thin events together."""
    created = [step for step in steps if step.what is What.CREATED]
    return [
        *(_post(_contact(step), now) for step in created),
        *(_post(events, now) for events in _thin_events(steps)),
    ]


def _post(content: object, now: datetime) -> Post:
    """Sign the v3 way: method, public address, body and milliseconds."""
    body = orjson.dumps(content)
    timestamp = str(milliseconds(now))
    signed = f"POST{PUBLIC_URL}".encode() + body + timestamp.encode()
    digest = hmac.digest(SECRETS[Sender.HUBSPOT].encode(), signed, "sha256")
    headers = (
        JSON_HEADER,
        ("x-hubspot-request-timestamp", timestamp),
        ("x-hubspot-signature-v3", base64(digest)),
    )
    return Post(Sender.HUBSPOT, headers, body)


def _contact(step: Step) -> dict[str, object]:
    """Return the whole contact that a workflow sends; all of its values are text."""
    person, at = step.person, str(milliseconds(step.at))
    values = {
        "email": person.email,
        "firstname": person.first_name,
        "lastname": person.last_name,
        "phone": person.phone,
        "jobtitle": person.job_title,
        "country": person.country,
        "numberofemployees": str(person.employees),
        "lifecyclestage": "lead",
        "hs_latest_source": "PAID_SOCIAL",
        "utm_source": person.campaign.source,
        "utm_medium": person.campaign.medium,
        "utm_campaign": person.campaign.name,
        "createdate": at,
        "lastmodifieddate": at,
    }
    vid = IDS_FROM + person.number
    employer = {"company-id": vid, "properties": {"name": {"value": person.company}}}
    return {
        "vid": vid,
        "canonical-vid": vid,
        "merged-vids": [],
        "portal-id": _PORTAL,
        "is-contact": True,
        "properties": {
            name: {"value": value, "versions": [_version(value, step.at)]}
            for name, value in values.items()
            if value
        },
        "identity-profiles": [
            {"vid": vid, "identities": [{"type": "EMAIL", "value": person.email}]}
        ],
        "associated-company": employer if person.company else None,
    }


def _version(value: str, at: datetime) -> dict[str, object]:
    return {
        "value": value,
        "source-type": "FORM",
        "source-id": None,
        "source-label": None,
        "updated-by-user-id": None,
        "timestamp": milliseconds(at),
        "selected": False,
    }


def _thin_events(steps: Sequence[Step]) -> Iterable[list[dict[str, object]]]:
    """Return the thin events of an app, up to a hundred together."""
    return ([_thin(step) for step in batch] for batch in cut(steps, _EVENTS_MAX))


def _thin(step: Step) -> dict[str, object]:
    person = step.person
    event: dict[str, object] = {
        "eventId": milliseconds(step.at) % 1_000_000_000 + person.number,
        "subscriptionId": 22,
        "portalId": _PORTAL,
        "appId": _APP,
        "occurredAt": milliseconds(step.at),
        "subscriptionType": "contact.creation",
        "attemptNumber": 0,
        "objectId": IDS_FROM + person.number,
        "changeSource": "FORM",
    }
    if step.what is What.CREATED:
        return event
    opted_out = step.what is What.OPTED_OUT
    return event | {
        "subscriptionId": 25,
        "subscriptionType": "contact.propertyChange",
        "propertyName": "hs_email_optout" if opted_out else step.detail,
        "propertyValue": "true" if opted_out else right_phone(person),
        "changeSource": "CRM_UI",
    }
