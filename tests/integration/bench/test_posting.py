import asyncio

import pytest

from bench.leads import SECRET
from bench.posting import BODY_BYTES, ROUNDS, measure, webhooks
from bench.receiver import Memory, Server
from leadloop import signing


@pytest.fixture
def memory():
    return Memory()


async def test_both_clients_post_every_webhook_in_every_round(memory):
    running = asyncio.get_running_loop()
    async with await running.create_server(lambda: Server(memory), "127.0.0.1", 0) as server:
        figures = await measure(server.sockets[0].getsockname()[1], posts=30, at_once=4)

    assert figures.posts == 30
    assert memory.numbers == set(range(30))
    assert len(memory.deliveries) == 2 * 30 * (ROUNDS + 1)


def test_a_webhook_is_as_long_as_one_and_signed_like_one():
    (webhook,) = webhooks(1)

    key = signing.decode_secret(SECRET)
    message_id = webhook.headers[signing.ID_HEADER]
    sent_s = int(webhook.headers[signing.TIMESTAMP_HEADER])
    signature = signing.sign(key, message_id, sent_s, webhook.body)

    assert len(webhook.body) == BODY_BYTES
    assert webhook.headers[signing.SIGNATURE_HEADER] == signature
