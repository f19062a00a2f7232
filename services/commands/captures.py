"""`leadloop captures`: what senders sent, what became of it; read again what waits."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import typer
from rich.console import Console

from services.client import DEFAULT_URL, Client, Refused, client_of
from services.commands.url import Url

captures = typer.Typer(
    help="Messages of senders: what became of each, and why; read them again, or dismiss them.",
    no_args_is_help=True,
)
out = Console()

PAGE = 100

# Any: what the API answers, as JSON has it.
Answer = dict[str, Any]
Source = Annotated[str, typer.Option("--source", help="Of this source only.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Which captures.")]


@captures.command("list")
def list_captures(
    state: Annotated[
        Literal["parked", "unmatched", "ignored", "recorded"] | None,
        typer.Option("--state", help="In this state only."),
    ] = None,
    source: Source = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List captures, the newest first; those that are parked with the field at fault."""
    wanted = {"state": state, "source": source}
    found, has_more = _listed(client_of(url), wanted, limit)
    if as_json:
        out.print_json(data=found)
        return
    for one in found:
        _print(_line(one))
    if not found:
        _print("There is no such capture.")
    if has_more:
        _print(f"... and more: --limit is {limit}.")


@captures.command("show")
def show_capture(
    capture_id: Annotated[str, typer.Argument(metavar="ID", help="Which capture.")],
    as_json: Json = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Show a capture with the payload that it came in, which holds personal data."""
    one: Any = client_of(url).get(f"/v1/captures/{quote(capture_id, safe='')}")
    if as_json:
        out.print_json(data=one)
        return
    _print(_line(one))
    for name, value in one["headers"].items():
        _print(f"{name}: {value}")
    _print(f"message {one['position'] + 1} of its payload:")
    _print(one["body"] or f"(base64) {one['body_base64']}")


@captures.command("retry")
def retry_captures(
    capture_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Which captures.")
    ] = None,
    state: Annotated[
        Literal["parked", "unmatched"] | None,
        typer.Option("--state", help="All in this state; of a source, parked if left out."),
    ] = None,
    source: Source = "",
    limit: Annotated[
        int, typer.Option(help="How many at most, the oldest first.", min=1)
    ] = 1_000,
    url: Url = DEFAULT_URL,
) -> None:
    """Read captures again by the mappings of today: those named, or of a source or state."""
    if bool(capture_ids) == bool(state or source):
        raise Refused("Name captures, or else --source or --state.")
    client = client_of(url)
    if capture_ids:
        _tell(Counter(_retried(client, capture_id) for capture_id in capture_ids))
        return
    wanted = {"state": state or "parked", "source": source or None}
    states, has_more = _retry_all(client, wanted, limit)
    _tell(states)
    if has_more:
        _print(f"There may be more: --limit is {limit}.")


@captures.command("dismiss")
def dismiss_captures(capture_ids: Ids, url: Url = DEFAULT_URL) -> None:
    """Ignore parked captures from now on; they stay, with their errors."""
    client = client_of(url)
    for capture_id in capture_ids:
        one: Any = client.post(f"/v1/captures/{quote(capture_id, safe='')}/dismiss", {})
        _print(_line(one))


def _listed(
    client: Client, wanted: dict[str, str | None], limit: int
) -> tuple[list[Answer], bool]:
    """Return so many captures, page by page; and whether there are more."""
    found: list[Answer] = []
    query = {key: value for key, value in wanted.items() if value}
    while True:
        asked = urlencode({**query, "limit": min(PAGE, limit - len(found))})
        answer: Any = client.get(f"/v1/captures?{asked}")
        found += answer["items"]
        if not answer["next"] or len(found) >= limit:
            return found, bool(answer["next"])
        query["cursor"] = answer["next"]


def _retried(client: Client, capture_id: str) -> str:
    """Read one again; return its state."""
    one: Any = client.post(f"/v1/captures/{quote(capture_id, safe='')}/retry", {})
    _print(_line(one))
    return str(one["state"])


def _retry_all(
    client: Client, wanted: dict[str, str | None], limit: int
) -> tuple[Counter[str], bool]:
    """Read what is wanted again, page by page; return states, and whether there is more."""
    states: Counter[str] = Counter()
    cursor = None
    while True:
        size = min(PAGE, limit - states.total())
        asked = {**wanted, "limit": size, "cursor": cursor}
        answer: Any = client.post("/v1/captures/retry", asked)
        states.update(answer["states"])
        cursor = answer["next"]
        if not cursor or states.total() >= limit:
            return states, bool(cursor)


def _tell(states: Counter[str]) -> None:
    told = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
    _print(f"Read {states.total():,} again{': ' if told else ''}{told}.")


def _line(one: Answer) -> str:
    return "  ".join((one["id"], one["received_at"][:19], *_words(one)))


def _words(one: Answer) -> Iterator[str]:
    """Yield what is told of a capture after its id and time."""
    yield one["source"]
    yield one["state"]
    if one["activity_kind"]:
        yield one["activity_kind"]
    if one["external_id"]:
        yield f"of {one['external_id']}"
    if error := one["error"]:
        where = error["pointer"] or "the body"
        yield f"{where}: expected {error['expected']}, found {error['found']}"


def _print(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)
