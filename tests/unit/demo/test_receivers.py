"""The receivers verify every delivery and know one that comes again."""

from datetime import timedelta

import orjson
import pytest

from leadloop import signing
from leadloop.clock import VirtualClock
from services.demo.company import BEGIN
from services.demo.receivers import CRM_URL, ForgedDelivery, Receivers

SECRET = b"0123456789abcdef0123456789abcdef"
BODY = orjson.dumps(
    {
        "type": "leadloop.v1.HandoffRouted",
        "timestamp": "2026-04-02T14:00:00.000Z",
        "data": {"handoff_id": "h"},
    }
)


def receivers() -> Receivers:
    return Receivers(VirtualClock(BEGIN), {CRM_URL: SECRET})


def headers(message_id: str = "m1", secret: bytes = SECRET) -> dict[str, str]:
    at = int(BEGIN.timestamp())
    return {
        signing.ID_HEADER: message_id,
        signing.TIMESTAMP_HEADER: str(at),
        signing.SIGNATURE_HEADER: signing.sign(secret, message_id, at, BODY),
    }


async def test_a_proven_delivery_is_kept_until_it_is_taken_out():
    receiver = receivers()

    answer = await receiver.post(CRM_URL, headers(), BODY)

    assert answer.status == 204
    taken = receiver.take()
    assert [(one.type, one.data["handoff_id"]) for one in taken] == [("HandoffRouted", "h")]
    assert receiver.take() == []


async def test_a_delivery_that_comes_again_is_counted_and_not_kept():
    receiver = receivers()

    await receiver.post(CRM_URL, headers(), BODY)
    await receiver.post(CRM_URL, headers(), BODY)

    assert receiver.repeated == 1
    assert len(receiver.take()) == 1


async def test_a_forged_delivery_breaks_the_story():
    receiver = receivers()

    with pytest.raises(ForgedDelivery):
        await receiver.post(CRM_URL, headers(secret=SECRET[::-1]), BODY)


async def test_an_old_delivery_breaks_the_story():
    receiver = Receivers(VirtualClock(BEGIN + timedelta(minutes=6)), {CRM_URL: SECRET})

    with pytest.raises(ForgedDelivery):
        await receiver.post(CRM_URL, headers(), BODY)
