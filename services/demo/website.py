"""The webhooks of the company's own website: Standard Webhooks, one event each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import orjson

from leadloop import signing
from services.demo.company import DOMAIN, SECRETS, Sender
from services.demo.journeys import Step, What
from services.demo.people import Person
from services.demo.posts import JSON_HEADER, Post, milliseconds, right_phone

_SITE = f"https://www.{DOMAIN}"

_SEEN = {
    What.PAGE: "page.view",
    What.FORM: "form.submit",
    What.DEMO: "demo.request",
    What.WEBINAR: "webinar.visit",
    What.DOWNLOAD: "download",
    What.OPTED_OUT: "contact.opted_out",
    What.CHANGED: "contact.changed",
}


def posts_of(steps: Sequence[Step], now: datetime) -> list[Post]:
    """Return what the website posts at `now`."""
    return [_post(step, now) for step in steps]


def _post(step: Step, now: datetime) -> Post:
    """Sign id, seconds and body."""
    at = step.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    data = {"visitor": _visitor(step), "utm": _utm(step.person), **_detail(step)}
    body = orjson.dumps({"type": _SEEN[step.what], "timestamp": at, "data": data})
    message_id = f"msg_{step.person.number}_{milliseconds(step.at)}_{step.what.name.lower()}"
    timestamp_s = int(now.timestamp())
    secret = signing.decode_secret(SECRETS[Sender.WEBSITE])
    headers = (
        JSON_HEADER,
        (signing.ID_HEADER, message_id),
        (signing.TIMESTAMP_HEADER, str(timestamp_s)),
        (signing.SIGNATURE_HEADER, signing.sign(secret, message_id, timestamp_s, body)),
    )
    return Post(Sender.WEBSITE, headers, body)


def _visitor(step: Step) -> Mapping[str, object]:
    """Return what the website knows: the whole form, or only who is signed in."""
    person = step.person
    known: dict[str, object] = {"email": person.email}
    if step.what is What.CHANGED:
        known["phone"] = right_phone(person)
    if step.what is What.OPTED_OUT:
        known["consent"] = "denied"
    if step.what is not What.FORM:
        return known
    return known | {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "phone": person.phone,
        "company": person.company,
        "job_title": person.job_title,
        "country": person.country,
        "employees": person.employees,
    }


def _utm(person: Person) -> dict[str, str]:
    campaign = person.campaign
    return {
        "source": campaign.source,
        "medium": campaign.medium,
        "campaign": campaign.name,
    }


def _detail(step: Step) -> dict[str, str]:
    if step.what is What.PAGE:
        return {"url": _SITE + step.detail}
    if step.what in {What.FORM, What.DEMO}:
        return {"form": step.detail}
    return {"title": step.detail} if step.detail else {}
