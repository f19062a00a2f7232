"""Ask a running Leadloop over HTTP, for the command line."""

import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlparse
from urllib.request import Request, urlopen
from uuid import UUID

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 30


class Refused(Exception):
    """The service said no, or could not be reached; the message is for the person who asked."""


@dataclass(frozen=True)
class Client:
    """One running Leadloop.

    Attributes:
        url: Where it listens; a path in it comes before all of its routes.
        token: Its API token; empty when it runs on this machine without one.
    """

    url: str = DEFAULT_URL
    token: str = ""

    def text(self, path: str) -> str:
        """Return a page as plain text."""
        return self._call("GET", path, None, "text/plain").decode()

    def get(self, path: str) -> object:
        """Return what a GET answers."""
        return json.loads(self._call("GET", path, None, "application/json"))

    def post(self, path: str, body: object) -> object:
        """Return what a POST answers."""
        answer = self._call("POST", path, json.dumps(body).encode(), "application/json")
        return json.loads(answer) if answer else None

    def delete(self, path: str) -> object:
        """Return what a DELETE answers."""
        answer = self._call("DELETE", path, None, "application/json")
        return json.loads(answer) if answer else None

    def _call(self, method: str, path: str, body: bytes | None, accept: str) -> bytes:
        """Send one request.

        Raises:
            Refused: The answer is a problem, or there is none.
        """
        if urlparse(self.url).scheme not in {"http", "https"}:
            raise Refused(
                f"expected a URL that begins with http:// or https://, found {self.url}"
            )
        headers = {"accept": accept, "content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        request = Request(self.url.rstrip("/") + path, body, headers, method=method)  # noqa: S310 (the scheme is checked above)
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 (as above)
                return bytes(answer.read())
        except HTTPError as error:
            raise Refused(_explained(error)) from error
        except URLError as error:
            raise Refused(
                f"nothing answers at {self.url} ({error.reason}); is `leadloop up` running?"
            ) from error


def client_of(url: str) -> Client:
    """Return a client with the token of the environment."""
    token = os.environ.get("LEADLOOP_API_TOKEN", "").partition(",")[0]
    return Client(url, token)


def lead_id_of(client: Client, lead: str) -> str:
    """Return the id of a lead that is named by its id or its e-mail address.

    Raises:
        Refused: It is neither, or no lead has this address.
    """
    if "@" not in lead:
        return _id(lead)
    found: Any = client.get(f"/v1/leads?{urlencode({'email': lead, 'limit': 1})}")
    if not found["items"]:
        raise Refused("no lead has this e-mail address")
    return str(found["items"][0]["id"])


def _id(lead: str) -> str:
    try:
        return str(UUID(lead))
    except ValueError as error:
        raise Refused(f"expected a lead's id or e-mail address, found {lead}") from error


def _explained(error: HTTPError) -> str:
    """Turn a problem (RFC 9457) into lines for a person."""
    try:
        problem = json.loads(error.read())
    except ValueError:
        return f"{error.code} {error.reason}"
    lines = [f"{problem.get('status')} {problem.get('title')}: {problem.get('detail', '')}"]
    for fault in problem.get("errors", []):
        where = fault.get("pointer", "")
        expected, found = fault.get("expected", ""), fault.get("found", "")
        lines.append(f"  {where}: expected {expected}, found {found}")
    return "\n".join(lines)
