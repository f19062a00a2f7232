"""What people tell Leadloop over its API: each thing they do as one request."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from services.demo.asgi import Header
from services.demo.company import DOMAIN, Seller
from services.demo.sales import Action, Verb

JSON: Header = ("content-type", "application/json")
_STAGES = {Verb.OPEN: "opened", Verb.WIN: "won", Verb.LOSE: "lost"}


@dataclass(frozen=True, slots=True)
class Command:
    """One request to the API that changes something."""

    method: str
    path: str
    headers: tuple[Header, ...]
    body: bytes


def post(path: str, content: object, key: str) -> Command:
    """Return a command that takes effect once, however often it is sent."""
    return Command("POST", path, (JSON, ("idempotency-key", key)), orjson.dumps(content))


def put_person(seller: Seller, away_until: datetime | None = None) -> Command:
    """Return what makes someone known in sales, or says that they are away."""
    content = {
        "name": seller.name,
        "email": f"{seller.id}@{DOMAIN}",
        "away_until": away_until and away_until.isoformat(),
    }
    return Command("PUT", f"/v1/people/{seller.id}", (JSON,), orjson.dumps(content))


def command_of(action: Action) -> Command:
    """Return what someone in sales sends."""
    if action.verb in _STAGES:
        path, content = "/v1/outcomes/deals", _deal(action)
    else:
        path = f"/v1/handoffs/{action.assignment.handoff_id}/{action.verb.value}"
        content = _step(action)
    return post(path, content, _key(action))


def _step(action: Action) -> dict[str, Any]:
    """Return the content of a command to a handoff; what is not said is left out."""
    said = {
        "actor": action.assignment.owner_id,
        "reason": str(action.reason),
        "note": action.note,
        "channel": action.channel,
        "result": action.result,
        "not_before": action.not_before and action.not_before.isoformat(),
        "deal_id": action.deal_id,
    }
    return {name: value for name, value in said.items() if value}


def _deal(action: Action) -> dict[str, Any]:
    euros, cents = divmod(action.value_cents, 100)
    return {
        "handoff_id": action.assignment.handoff_id,
        "deal_id": action.deal_id,
        "stage": _STAGES[action.verb],
        "value": f"{euros}.{cents:02}",
        "currency": "EUR",
        "reason": action.reason,
    }


def _key(action: Action) -> str:
    one = action.assignment
    return f"{one.handoff_id}/{one.turn}/{action.verb.value}/{int(action.at.timestamp())}"
