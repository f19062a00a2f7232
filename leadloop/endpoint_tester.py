"""Post a signed test event to an endpoint now, beside all deliveries; tell what came back."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from leadloop import delivery_store, tracing
from leadloop.attempts import Answer, body_with, elapsed_ms, signed_headers
from leadloop.database import Database
from leadloop.errors import NotFound, Overloaded
from leadloop.posting import TIMEOUT_SECONDS, Post

log = structlog.get_logger()

# No event of the contract and on no topic: nobody can subscribe to it or take it for a lead.
TEST_TYPE = "leadloop.v1.EndpointTested"
# Who tests is a person or a script; more at once would compete with deliveries.
AT_ONCE_MAX = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was posted, and what came back.

    Attributes:
        event_id: Was sent as webhook-id.
        duration_ms: From the first byte sent, connecting included, to the answer.
        headers: As posted.
        body: As posted.
    """

    event_id: str
    answer: Answer
    duration_ms: int
    headers: dict[str, str]
    body: bytes


class EndpointTester:
    """Tests endpoints with the poster of true deliveries; nothing of it is kept."""

    def __init__(self, post: Post) -> None:
        """Test through `post`."""
        self._post = post
        self._under_way = 0

    async def test(self, database: Database, endpoint_id: str) -> Outcome:
        """Post one test event to an endpoint, whatever its state.

        Raises:
            NotFound: There is no such endpoint.
            Overloaded: Too many tests are under way.
        """
        if self._under_way >= AT_ONCE_MAX:
            raise Overloaded(
                f"{AT_ONCE_MAX} tests are under way already.",
                retry_after_seconds=round(TIMEOUT_SECONDS),
            )
        self._under_way += 1
        try:
            tested = await self._test(database, endpoint_id)
        finally:
            self._under_way -= 1
        log.info(
            "endpoint.tested",
            endpoint_id=endpoint_id,
            status=tested.answer.status,
            error=tested.answer.problem,
            duration_ms=tested.duration_ms,
        )
        return tested

    async def _test(self, database: Database, endpoint_id: str) -> Outcome:
        """Read the endpoint, then post with no transaction open."""
        clock = database.clock
        async with database.single() as connection:
            endpoint = await delivery_store.endpoint(connection, endpoint_id, clock.now())
        if endpoint is None:
            raise NotFound(f"There is no endpoint {endpoint_id}.")
        now = clock.now()
        event_id = database.ids.new(now)
        body = body_of_test(endpoint_id, now)
        headers = signed_headers(endpoint, event_id, body, now, tracing.current.get())
        answer = await self._post(endpoint.url, headers, body)
        took = elapsed_ms(now, clock.now())
        return Outcome(event_id, answer, took, headers, body)


def body_of_test(endpoint_id: str, now: datetime) -> bytes:
    """Return the body of a test event, which is about nobody."""
    return body_with(TEST_TYPE, {"endpoint_id": endpoint_id, "test": True}, now)
