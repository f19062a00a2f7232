"""The `leadloop` command."""

import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

import typer
from rich.console import Console

from services.client import DEFAULT_URL, Client, Refused, client_of, lead_id_of
from services.commands import agreement as agreement_cli
from services.commands import backtest as backtest_cli
from services.commands import captures as captures_cli
from services.commands import learn as learn_cli
from services.commands import model as model_cli
from services.commands import parked as parked_cli
from services.commands import shadow as shadow_cli
from services.commands import simulate as simulate_cli
from services.commands.starting import Unusable, problems, start
from services.commands.url import Url

app = typer.Typer(
    name="leadloop",
    help="The handoff loop between marketing and sales: capture, qualify, hand over, learn.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)
agreement_cli.app.add_typer(shadow_cli.shadow, name="shadow")
agreement_cli.app.command()(backtest_cli.backtest)
agreement_cli.app.command()(simulate_cli.simulate)
agreement_cli.app.command()(learn_cli.learn)
agreement_cli.app.command()(learn_cli.drift)
app.add_typer(agreement_cli.app, name="agreement")
app.add_typer(parked_cli.parked, name="parked")
app.add_typer(model_cli.model, name="model")
app.add_typer(captures_cli.captures, name="captures")

out = Console()

RoomName = Literal["intake", "scoring", "handoff", "feedback"]
Folder = Annotated[
    Path, typer.Option("--folder", help="Where the embedded mode keeps its data and sources.")
]
DEFAULT_FOLDER = Path(".leadloop")
Lead = Annotated[str, typer.Argument(metavar="LEAD", help="A lead's id or e-mail address.")]
Zone = Annotated[
    str,
    typer.Option(
        help="Zone of the times, such as Europe/Berlin; by default that of the agreement's "
        "calendar.",
        show_default=False,
    ),
]
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@app.command()
def up(
    folder: Folder = DEFAULT_FOLDER,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
) -> None:
    """Run everything in one process, on a PostgreSQL of its own; stop it with Ctrl-C."""
    from services.up import up as run_up

    start(run_up(folder, host=host, port=port, tell=_tell))


@app.command()
def run(room: Annotated[RoomName, typer.Argument(help="Which service.")]) -> None:
    """Run one service against PostgreSQL and Kafka; its settings are environment variables."""
    from services.up import run_room

    start(run_room(room), warns=False)


@app.command()
def migrate(
    room: Annotated[
        RoomName | None, typer.Argument(help="Which service; all when none is named.")
    ] = None,
) -> None:
    """Bring the database schemas up to date; safe to run many times and in several places."""
    from services.rooms import ROOMS
    from services.up import migrate_all

    start(migrate_all([room] if room else list(ROOMS), tell=out.print))


@app.command()
def topics(
    partitions: Annotated[int, typer.Option(help="Partitions of each new topic.", min=1)] = 8,
    replicas: Annotated[int, typer.Option(help="Copies of each new topic.", min=1)] = 1,
) -> None:
    """Create the Kafka topics that do not exist yet, on the brokers of LEADLOOP_KAFKA."""
    from services.up import create_all_topics

    start(create_all_topics(partitions, replicas, tell=out.print))


@app.command()
def demo(
    size: Annotated[
        Literal["small", "full"], typer.Option(help="200 or 2,000 leads.")
    ] = "full",
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 1,
    keep: Annotated[Path, typer.Option(help="Where `leadloop up` finds it afterwards.")] = (
        DEFAULT_FOLDER
    ),
    force: Annotated[bool, typer.Option(help="Replace data that is not a demo's own.")] = False,
) -> None:
    """Live through a quarter of a made-up company in virtual time, then tell its story."""
    from services.demo.show import show_quarter

    start(show_quarter(size=size, seed=seed, folder=keep, force=force))


@app.command()
def explain(
    lead: Lead,
    at: Annotated[
        str,
        typer.Option(help="As of then, such as 2026-04-01T12:00Z; of a day its end, UTC."),
    ] = "",
    version: Annotated[
        int,
        typer.Option(help="Under this version of the agreement.", min=0, show_default=False),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    zone: Zone = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Say why a lead scores what it scores, part by part, and what would change it."""
    client = client_of(url)
    moment = f"{at}T23:59:59Z" if _DAY.fullmatch(at) else at
    path = f"/v1/scores/{_quoted(client, lead)}"
    if as_json:
        out.print_json(data=client.get(path + _query(at=moment, version=version)))
    else:
        query = _query(at=moment, version=version, zone=zone)
        _print(url, f"{path}/explanation{query}")


@app.command()
def timeline(lead: Lead, zone: Zone = "", url: Url = DEFAULT_URL) -> None:
    """Tell one lead's story, from the first touch to what came of it."""
    _print(url, f"/v1/timelines/{_quoted(client_of(url), lead)}{_query(zone=zone)}")


@app.command()
def report(
    name: Annotated[
        Literal["funnel", "service-levels", "reasons"], typer.Argument(help="Which report.")
    ],
    since: Annotated[
        str, typer.Option("--from", help="First moment, such as 2026-04-01T00:00Z.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", help="First moment after it; now if left out.")
    ] = "",
    touch: Annotated[
        Literal["first", "last"] | None,
        typer.Option(
            help="Funnel and reasons: by campaign of the first touch, or of the last, which is "
            "the one that events such as LeadReturned carry.",
            show_default="first",
        ),
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Print a report that both teams share, of the last 90 days or of a period.

    The funnel and the reasons are by campaign of the first touch.
    """
    query = _query(**{"from": since, "to": until, "touch": touch or ""})
    _print(url, f"/v1/reports/{name}{query}")


@app.command()
def version() -> None:
    """Print the version."""
    out.print(version_of("leadloop"))


def main() -> None:
    """Run the command; a refusal is one message, not a stack trace."""
    try:
        app()
    except Unusable as unusable:
        problems.print(str(unusable), markup=False, soft_wrap=True)
        sys.exit(2)
    except Refused as refused:
        problems.print(str(refused), markup=False, soft_wrap=True)
        sys.exit(1)


def _tell(line: str) -> None:
    """Print a line as it is: what is copied from it must not be broken in two."""
    out.print(line, markup=False, soft_wrap=True)


def _quoted(client: Client, lead: str) -> str:
    """Return a lead's id, whichever way it is named, as a part of a path."""
    return quote(lead_id_of(client, lead), safe="")


def _query(**asked: str | int) -> str:
    """Return a query of what is given."""
    given = {name: value for name, value in asked.items() if value}
    return f"?{urlencode(given)}" if given else ""


def _print(url: str, path: str) -> None:
    """Print a page of a running Leadloop."""
    out.print(client_of(url).text(path), markup=False, highlight=False, soft_wrap=True)
