"""Many posts at once to a receiver of many moods; on asyncio's loop and on uvloop's."""

import asyncio
from random import Random

from tests.scripted import on_both_loops, posting, serving

WORKERS, POSTS_EACH = 16, 40
# Each whole answer says in its Retry-After which post it is the answer to.
WHOLE = b"HTTP/1.1 200 OK\r\nretry-after: %s\r\ncontent-length: 2\r\n\r\nok"
STAYS = (*[WHOLE] * 12, b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE)
ENDS = (
    WHOLE.replace(b"content-length", b"connection: close\r\ncontent-length"),
    WHOLE + b"HTTP/1.1 200 OK\r\nretry-after: another\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nretry-after: %s\r\n\r\nuntil the end",
    b"HTTP/1.1 200 OK\r\nretry-after: %s",
    b"noise %s",
    b"",
)


@on_both_loops
async def test_no_post_ever_gets_the_answer_to_another():
    random = Random(7)
    answers = {}

    async def moody(caller):
        mood = STAYS[0]
        while mood in STAYS and random.random() < 0.9:
            body = (await caller.request()).rpartition(b"\r\n\r\n")[2]
            mood = random.choice(STAYS + ENDS)
            await caller.say(mood.replace(b"%s", body))

    async with serving(moody) as server, posting() as poster:

        async def work(worker):
            for number in range(POSTS_EACH):
                body = f"{worker}/{number}"
                answers[body] = await poster(server.url, {}, body.encode())

        await asyncio.gather(*map(work, range(WORKERS)))

    answered = {body: said.retry_after for body, said in answers.items() if said.status}
    assert len(answers) == WORKERS * POSTS_EACH
    assert len(answered) > len(answers) / 2
    assert [body for body, named in answered.items() if named != body] == []
    assert server.connections < len(answers)
