"""A whole loop of processes, and what a sender, a team and a CRM do with it."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from deploy.stack import Stack

SECRET = "a-secret-of-the-tests-only"
SOURCES = """\
sources:
  website:
    type: plain
    secret_env: WEBSITE_SECRET
    proof: {header: x-signature, scheme: hex}
    mapping:
      id: id
      email: email
      first_name: first_name
      last_name: last_name
      company: company
      country: country
      touch: {campaign: campaign}
      activity: {kind: activity}
"""
AGREEMENT = """\
agreement: default
signers: {marketing: Ana, sales: Ben}
qualified_lead:
  fit:
    - {name: our market, when: 'lead.country == "DE"', points: 30}
  engagement:
    - {name: asked for a demo, on: demo_request, points: 40, at_most: 1}
  tiers:
    - {name: A, when: total >= 60}
service_levels:
  calendar: always
  warn_at: 50%
  tiers: {A: {accept: 15m, first_attempt: 1h}}
calendars:
  always: {time_zone: Europe/Berlin, open: {mon-sun: ["00:00-24:00"]}}
reasons:
  no_budget: {label: No budget, then: return, cool_down: 90d, new_evidence: A new budget}
"""


class NotYet(Exception):
    """A service that begins asks its callers to come back."""


@dataclass
class Loop:
    """One running stack, seen from outside."""

    stack: Stack
    session: aiohttp.ClientSession

    async def call(self, method: str, room: str, path: str, body: Any = None) -> Any:
        """Send a request to a service; its answer must be a success."""
        url = self.stack.address(room) + path
        async with self.session.request(method, url, json=body) as answer:
            text = await answer.text()
            if answer.status == 503:
                raise NotYet(text)
            assert answer.status < 300, f"{method} {path}: {answer.status} {text}"
            return json.loads(text) if text else None

    async def post_lead(self, **fields: str) -> int:
        """Post a signed webhook as the website does; return the status."""
        body = json.dumps(fields).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-signature": signature, "content-type": "application/json"}
        url = self.stack.address("intake") + "/hooks/website"
        async with self.session.post(url, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    async def agree(self) -> None:
        """Propose the agreement and sign it for both sides."""
        proposed = await self.call("POST", "feedback", "/v1/agreements", {"text": AGREEMENT})
        for side, signer in (("marketing", "Ana"), ("sales", "Ben")):
            await self.call(
                "POST",
                "feedback",
                "/v1/agreements/default/sign",
                {"side": side, "signer": signer, "text_sha256": proposed["text_sha256"]},
            )

    async def hire(self, person: str) -> None:
        """Let a person in sales be available."""
        await self.call(
            "PUT", "handoff", f"/v1/people/{person}", {"name": person, "available": True}
        )

    async def subscribe(self, room: str, path: str, url: str) -> str:
        """Have a service post its events to `url`; return the secret that signs them."""
        endpoint = await self.call("POST", room, path, {"url": url})
        return str(endpoint["secret"])


def stack_in(folder: Path) -> Stack:
    """Return a stack that takes the website's leads; start() runs it."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.yaml"
    sources.write_text(SOURCES)
    return Stack(
        folder,
        durable=True,
        sources=sources,
        environment={"WEBSITE_SECRET": SECRET, "LEADLOOP_ALLOW_PRIVATE_ENDPOINTS": "true"},
    )
