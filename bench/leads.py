"""Made-up leads: each has a number, and is told apart by it wherever it turns up."""

import base64
import re
from datetime import datetime
from typing import Final

import orjson

from leadloop import signing
from leadloop.v1.lead_pb2 import Consent, Lead

SOURCE: Final = "bench"
SECRET_VARIABLE: Final = "LEADLOOP_BENCH_SECRET"  # noqa: S105 (the variable's name)
SECRET: Final = signing.SECRET_PREFIX + base64.b64encode(bytes(range(32))).decode()

# A run may take long and its requests are signed before it begins.
SOURCES: Final = f"""\
sources:
  {SOURCE}:
    type: standard
    secret_env: {SECRET_VARIABLE}
    tolerance_seconds: 86400
    mapping:
      occurred_at: timestamp
      email: data.email
      first_name: data.first_name
      last_name: data.last_name
      company: data.company
      job_title: data.job_title
      country: data.country
      consent: data.consent
      touch: {{source: data.utm_source, campaign: data.utm_campaign}}
      activity: {{kind: type, attributes: {{url: data.url}}}}
"""

_EMAIL: Final = re.compile(rb"lead-(\d{7})@leads\.example")
_KEY: Final = signing.decode_secret(SECRET)


def email_of(number: int) -> str:
    """Return the address of a lead, which holds its number."""
    return f"lead-{number:07}@leads.example"


def number_in(body: bytes) -> int | None:
    """Return the number of the lead that a text is about; None when it is about none."""
    found = _EMAIL.search(body)
    return int(found[1]) if found else None


def request_of(number: int, now: datetime) -> bytes:
    """Return a whole signed HTTP request about a lead: a demo request of a decision maker."""
    body = orjson.dumps(
        {
            "type": "demo_request",
            "timestamp": now.isoformat(),
            "data": {
                "email": email_of(number),
                "first_name": "Ada",
                "last_name": f"Number{number}",
                "company": f"Company {number % 997}",
                "job_title": "Head of Operations",
                "country": "DE",
                "consent": "granted",
                "utm_source": "search",
                "utm_campaign": "spring",
                "url": "https://www.example.com/demo",
            },
        }
    )
    message_id = f"msg_{number:07}"
    sent_s = int(now.timestamp())
    head = (
        f"POST /hooks/{SOURCE} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"{signing.ID_HEADER}: {message_id}\r\n{signing.TIMESTAMP_HEADER}: {sent_s}\r\n"
        f"{signing.SIGNATURE_HEADER}: {signing.sign(_KEY, message_id, sent_s, body)}\r\n\r\n"
    )
    return head.encode() + body


def lead_of(number: int) -> Lead:
    """Return the same lead as the contract writes it."""
    return Lead(
        email=email_of(number),
        first_name="Ada",
        last_name=f"Number{number}",
        company=f"Company {number % 997}",
        job_title="Head of Operations",
        country="DE",
        consent=Consent.CONSENT_GRANTED,
    )
