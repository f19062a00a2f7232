"""`leadloop parked`: see what a service could not handle, have it handled, or give it up."""

from typing import Annotated, Literal

import typer
from rich.console import Console

from services.client import DEFAULT_URL, client_of
from services.commands.url import Url

parked = typer.Typer(
    help="Events that could not be handled: see why, have them handled again, or give them up.",
    no_args_is_help=True,
)
out = Console()

Room = Annotated[
    Literal["intake", "scoring", "handoff", "feedback"], typer.Argument(help="Which service.")
]
EventIds = Annotated[list[str], typer.Argument(metavar="ID", help="Which events.")]


@parked.command("list")
def list_parked(room: Room, url: Url = DEFAULT_URL) -> None:
    """List the events that a service could not handle, with their errors."""
    out.print_json(data=client_of(url).get(f"/v1/parked/{room}"))


@parked.command("retry")
def retry_parked(room: Room, event_ids: EventIds, url: Url = DEFAULT_URL) -> None:
    """Have parked events handled again: all that are named, or none."""
    answer = client_of(url).post(f"/v1/parked/{room}/retry", {"event_ids": event_ids})
    out.print_json(data=answer)


@parked.command("discard")
def discard_parked(
    room: Room,
    event_ids: EventIds,
    by: Annotated[str, typer.Option(help="Who gives them up; goes to the service's log.")],
    reason: Annotated[
        str, typer.Option(help="Why; goes to the service's log, so nothing personal.")
    ],
    url: Url = DEFAULT_URL,
) -> None:
    """Give parked events up for good: all that are named, or none."""
    wanted = {"event_ids": event_ids, "by": by, "reason": reason}
    out.print_json(data=client_of(url).post(f"/v1/parked/{room}/discard", wanted))
