"""Mautic's webhooks: events by type, ten a request, written and signed the way PHP does."""

import hmac
import json
from collections.abc import Sequence
from datetime import datetime

from services.demo.company import DOMAIN, SECRETS, ZONE, Sender
from services.demo.journeys import Step, What
from services.demo.people import Person
from services.demo.posts import (
    IDS_FROM,
    JSON_HEADER,
    Post,
    base64,
    cut,
    milliseconds,
    right_phone,
)

_EVENTS_MAX = 10
_SITE = f"https://www.{DOMAIN}"

_TYPES = {
    What.CREATED: "mautic.lead_post_save_new",
    What.CHANGED: "mautic.lead_post_save_update",
    What.OPTED_OUT: "mautic.lead_channel_subscription_changed",
    What.PAGE: "mautic.page_on_hit",
    What.FORM: "mautic.form_on_submit",
    What.DEMO: "mautic.form_on_submit",
    What.OPENED: "mautic.email_on_open",
}
# Labels and ids of the fields of a Mautic contact; an own field stands with the core ones.
_FIELDS = {
    "title": (1, "lookup"),
    "firstname": (2, "text"),
    "lastname": (3, "text"),
    "company": (4, "text"),
    "position": (5, "text"),
    "email": (6, "email"),
    "mobile": (7, "tel"),
    "phone": (8, "tel"),
    "country": (15, "country"),
    "numberofemployees": (43, "number"),
}


def posts_of(steps: Sequence[Step]) -> list[Post]:
    """Return what Mautic's queue posts."""
    return [_post(batch) for batch in cut(steps, _EVENTS_MAX)]


def _post(steps: Sequence[Step]) -> Post:
    """Sign the raw bytes, which PHP writes with its own escapes; there is no time or id."""
    groups: dict[str, list[object]] = {}
    for step in steps:
        groups.setdefault(_TYPES[step.what], []).append(_event(step))
    body = json.dumps(groups, separators=(",", ":")).replace("/", "\\/").encode()
    digest = hmac.digest(SECRETS[Sender.MAUTIC].encode(), body, "sha256")
    headers = (
        JSON_HEADER,
        ("x-origin-base-url", f"https://mautic.{DOMAIN}"),
        ("webhook-signature", base64(digest)),
    )
    return Post(Sender.MAUTIC, headers, body)


def _event(step: Step) -> dict[str, object]:
    contact = _contact(step)
    engagement_id = milliseconds(step.at) // 1_000 % 10_000_000 * 10_000 + step.person.number
    event: dict[str, object] = {"contact": contact}
    if step.what is What.PAGE:
        page = {"id": 7, "title": step.detail.strip("/").title()}
        url = _SITE + step.detail
        event = {"hit": {"id": engagement_id, "url": url, "page": page, "lead": contact}}
    elif step.what in {What.FORM, What.DEMO}:
        form = {"id": 4, "name": step.detail, "alias": step.detail.lower().replace(" ", "")}
        results = {"email": step.person.email}
        event = {
            "submission": {"id": engagement_id, "form": form, "lead": contact}
            | {"dateSubmitted": _iso(step.at), "referer": f"{_SITE}/", "results": results}
        }
    elif step.what is What.OPENED:
        email = {"id": 31, "subject": step.detail}
        event = {"stat": {"id": engagement_id, "lead": contact}, "email": email}
    elif step.what is What.OPTED_OUT:
        event |= {"channel": "email", "old_status": "contactable", "new_status": "unsubscribed"}
    return event | {"timestamp": _iso(step.at)}


def _contact(step: Step) -> dict[str, object]:
    person = step.person
    changed = step.what is What.CHANGED
    values = {
        "title": None,
        "firstname": person.first_name,
        "lastname": person.last_name,
        "company": person.company,
        "position": person.job_title,
        "email": person.email,
        "mobile": right_phone(person) if changed else None,
        "phone": None if changed else person.phone,
        "country": person.country,
        "numberofemployees": person.employees,
    }
    return {
        "isPublished": True,
        "dateModified": _iso(step.at) if changed else None,
        "id": IDS_FROM + person.number,
        "points": 0,
        "fields": {
            "core": {name: _field(name, value) for name, value in values.items()},
            # An empty group is a list in PHP, others are objects.
            "social": [],
            "personal": [],
            "professional": [],
        },
        "tags": [[]],
        "utmtags": [_utm_row(person)],
        "doNotContact": [],
    }


def _field(name: str, value: object) -> dict[str, object]:
    field_id, kind = _FIELDS[name]
    described = {"id": str(field_id), "label": name.title(), "alias": name, "type": kind}
    return described | {"group": "core", "object": "lead", "value": value}


def _utm_row(person: Person) -> dict[str, str]:
    campaign = person.campaign
    return {
        "utmSource": campaign.source,
        "utmMedium": campaign.medium,
        "utmCampaign": campaign.name,
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(ZONE).isoformat()
