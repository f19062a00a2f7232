"""The page on connecting is true: its code verifies, its example is the contract's."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from leadloop.attempt_store import ATTEMPTS_KEPT
from leadloop.attempts import (
    RETRY_AFTER_MAX,
    Delivery,
    Endpoint,
    body_of,
    headers_of,
    signed_headers,
)
from leadloop.backoff import WEBHOOK_SCHEDULE
from leadloop.endpoint_tester import AT_ONCE_MAX, body_of_test
from leadloop.events import EVENT_TYPES, to_json
from leadloop.posting import TIMEOUT_SECONDS
from leadloop.signing import decode_secret, new_secret

PAGE = (Path(__file__).parents[2] / "docs" / "connecting.md").read_text()


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture
def is_ours():
    names: dict[str, Any] = {}
    exec(block("python"), names)
    return names["is_ours"]


def posted(secrets, now):
    """Return the headers and the body of a real delivery."""
    example = json.loads(block("json"))
    event = ParseDict(example["data"], EVENT_TYPES[example["type"]]())
    endpoint = Endpoint("e", "https://crm.example", tuple(map(decode_secret, secrets)))
    delivery = Delivery(
        "d", "e", "01a206c3-183d-764b-875b-a8e126561929", example["type"], "lead", "",
        event, now, 1, now, now, None,
    )  # fmt: skip
    body = body_of(delivery.event_type, event, now)
    return headers_of(delivery, endpoint, body, now), body


def test_its_code_takes_what_leadloop_signed(is_ours):
    secret = new_secret()

    assert is_ours(secret, *posted([secret], datetime.now(UTC)))


def test_its_code_takes_a_test_event_which_is_the_one_it_shows(is_ours):
    secret, now = new_secret(), datetime.now(UTC)
    endpoint = Endpoint("e", "https://crm.example", (decode_secret(secret),))
    (shown,) = re.findall(r'^\{"type": "leadloop.v1.EndpointTested".*$', PAGE, re.MULTILINE)
    example = json.loads(shown)

    body = body_of_test(example["data"]["endpoint_id"], now)

    assert is_ours(secret, signed_headers(endpoint, "an-id", body, now, ""), body)
    assert json.loads(body) == example | {"timestamp": json.loads(body)["timestamp"]}


def test_its_code_takes_either_secret_while_one_is_rotated(is_ours):
    old, new = new_secret(), new_secret()
    headers, body = posted([new, old], datetime.now(UTC))

    assert is_ours(old, headers, body)
    assert is_ours(new, headers, body)


def test_its_code_refuses_another_body_another_secret_and_an_old_delivery(is_ours):
    secret = new_secret()
    headers, body = posted([secret], datetime.now(UTC))
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)

    assert not is_ours(secret, headers, body + b" ")
    assert not is_ours(new_secret(), headers, body)
    assert not is_ours(secret, *posted([secret], long_ago))


def test_its_example_is_an_event_of_the_contract():
    example = json.loads(block("json"))

    event = ParseDict(example["data"], EVENT_TYPES[example["type"]]())

    assert to_json(event) == example["data"]


def test_every_event_that_it_names_is_one():
    known = {name.rpartition(".")[2] for name in EVENT_TYPES}
    named = set(re.findall(r"`((?:Handoff|Clock|Deal|Lead|Contact|Feedback)[A-Z]\w+)`", PAGE))

    assert named
    assert named <= known


def test_its_waits_and_its_timeout_are_those_in_force():
    (said,) = re.findall(r"tried again after (.+?), then given up", PAGE)
    units = {"s": 1, "min": 60, "h": 3600}
    waits = [int(n) * units[unit] for n, unit in re.findall(r"(\d+) (s|min|h)\b", said)]

    assert waits == [wait.total_seconds() for wait in WEBHOOK_SCHEDULE]
    assert f"within {TIMEOUT_SECONDS:.0f} seconds" in PAGE


def test_its_bounds_are_those_in_force():
    assert timedelta(hours=1) == RETRY_AFTER_MAX
    assert "as long as you ask, an hour at most" in PAGE
    assert (AT_ONCE_MAX, ATTEMPTS_KEPT) == (8, 10)
    assert "Eight may be under way at once" in PAGE
    assert re.search(r"its last ten\s+`attempts`", PAGE)
