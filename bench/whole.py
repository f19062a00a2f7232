"""The whole loop as processes, ready for leads: an agreement signed, a CRM listening."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bench import receiver, report
from bench.leads import SECRET, SECRET_VARIABLE, SOURCES
from bench.poster import Posted, read_posted
from deploy.broker import free_port
from deploy.child import Child, wait_until_ready
from deploy.stack import Stack

AGREEMENT: Final = Path(__file__).parent.parent / "deploy" / "agreement.example.yaml"
PEOPLE: Final = 8
LOOK_EVERY_SECONDS: Final = 0.1
READY_WITHIN_SECONDS: Final = 30
FINISH_WITHIN_SECONDS: Final = 60


class Whole:
    """PostgreSQL, Kafka, four services and a CRM that takes every handoff."""

    def __init__(self, folder: Path) -> None:
        """Lay everything out in a folder; entering runs it."""
        self.folder = folder
        sources = folder / "sources.yaml"
        sources.write_text(SOURCES)
        self.stack = Stack(
            folder,
            sources=sources,
            environment={
                SECRET_VARIABLE: SECRET,
                "LEADLOOP_ALLOW_PRIVATE_ENDPOINTS": "true",
            },
        )
        self.receiver_port = free_port()
        self._receiver = Child(
            _python("bench.receiver", "--port", str(self.receiver_port)),
            log=folder / "logs" / "receiver.log",
        )

    def __enter__(self) -> Self:
        """Start all of it, and prepare it for leads."""
        try:
            self._receiver.start()
            self.stack.start(tell=report.tell)
            wait_until_ready(
                self._receiver, self._receives, timeout_seconds=READY_WITHIN_SECONDS
            )
            self._sign()
            self._hire()
            self._subscribe()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Stop all of it."""
        self.stop()

    def stop(self) -> None:
        """Stop the services, what they stand on, and the CRM."""
        self.stack.stop()
        self._receiver.stop()

    def poster(self, name: str, *arguments: str, port: int | None = None) -> "Posting":
        """Start a process that posts leads to intake, or to a port; it notes what was taken."""
        return Posting(self.folder, name, port or self.stack.ports["intake"], arguments)

    def delivered(self) -> int:
        """Return how many different leads the CRM has got."""
        return receiver.ask_count(self.receiver_port)

    def deliveries(self) -> list[receiver.Delivery]:
        """Return every delivery that the CRM has got."""
        return receiver.ask_log(self.receiver_port)

    def services(self) -> dict[str, int]:
        """Return the process ids of the four services by name."""
        return {name: child.pid for name, child in self.stack.services.items()}

    def around(self) -> dict[str, int]:
        """Return the process ids of what is there beside the services."""
        return {**self.ground(), "the CRM": self._receiver.pid}

    def ground(self) -> dict[str, int]:
        """Return the process ids of what the services stand on."""
        return {"PostgreSQL": self.stack.postgres.pid, "Kafka": self.stack.broker.pid}

    def _receives(self) -> bool:
        try:
            return self.delivered() >= 0
        except (OSError, HTTPException):
            return False

    def _sign(self) -> None:
        """Propose the example's agreement and sign it for both sides."""
        proposal = self._say(
            "feedback", "POST", "/v1/agreements", {"text": AGREEMENT.read_text()}
        )
        path = f"/v1/agreements/{proposal['name']}/sign"
        for side, signer in proposal["signers"].items():
            said = {"side": side, "signer": signer, "text_sha256": proposal["text_sha256"]}
            self._say("feedback", "POST", path, said)

    def _hire(self) -> None:
        for number in range(PEOPLE):
            path = f"/v1/people/seller-{number}"
            self._say("handoff", "PUT", path, {"name": f"Seller {number}"})

    def _subscribe(self) -> None:
        url = f"http://127.0.0.1:{self.receiver_port}/"
        said = {"url": url, "event_types": ["HandoffRouted"]}
        self._say("handoff", "POST", "/v1/endpoints", said)

    def _say(self, room: str, method: str, path: str, content: object) -> Any:  # noqa: ANN401 (any JSON value)
        """Send a command that must succeed; return its answer."""
        connection = HTTPConnection("127.0.0.1", self.stack.ports[room], timeout=30)
        headers = {"content-type": "application/json"}
        connection.request(method, path, json.dumps(content), headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status < 300, f"{method} {path} answered {answer.status}: {body.decode()}"
        return json.loads(body)


class Posting:
    """A process that posts leads."""

    def __init__(self, folder: Path, name: str, port: int, arguments: Sequence[str]) -> None:
        """Start it."""
        self.out = folder / f"{name}.txt"
        self.child = Child(
            _python("bench.poster", "--port", str(port), "--out", str(self.out), *arguments),
            log=folder / "logs" / f"{name}.log",
        )
        self.child.start()

    def count(self) -> int:
        """Return how many leads were taken, but for the last few that are not written yet."""
        lines = self.out.read_bytes().count(b"\n") if self.out.exists() else 0
        return max(0, lines - 1)

    def has_taken(self, leads: int) -> bool:
        """Say whether so many leads were taken."""
        return self.count() >= leads

    def finish(self) -> Posted:
        """Wait until it has ended; return what was taken."""
        if self.child.is_running:
            self.child.wait(FINISH_WITHIN_SECONDS)
        self.child.stop()
        return read_posted(self.out)


def wait_for(
    done: Callable[[], int], total: int, *, silence_seconds: float, steps: report.Steps
) -> int:
    """Wait until `total` are done, or nothing changes for a while; return the count."""
    found, changed_at = done(), time.monotonic()
    while found < total and time.monotonic() - changed_at < silence_seconds:
        time.sleep(LOOK_EVERY_SECONDS)
        newest = done()
        if newest != found:
            found, changed_at = newest, time.monotonic()
        steps.show(found)
    return found


def _python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]
