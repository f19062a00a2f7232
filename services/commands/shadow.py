"""`leadloop agreement shadow`: let a proposal score live traffic, see what differs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from services.client import DEFAULT_URL, client_of
from services.commands.url import Url

shadow = typer.Typer(
    help="Score live traffic by a proposed agreement too, without effect; see what differs.",
    no_args_is_help=True,
)
out = Console()

LISTED = 20
_WHY_MAX = 4

Id = Annotated[str, typer.Argument(metavar="ID", help="A shadow's id.")]
# Any: what the API answers, as JSON has it.
Answer = dict[str, Any]


@shadow.command("start")
def start_shadow(
    file: Annotated[
        Path, typer.Argument(help="The proposed agreement, YAML.", exists=True, dir_okay=False)
    ],
    days: Annotated[int, typer.Option(help="End by itself after so many.", min=1)] = 14,
    url: Url = DEFAULT_URL,
) -> None:
    """Have live traffic scored by this text too; nothing else changes."""
    answer: Any = client_of(url).post("/v1/shadows", {"text": file.read_text(), "days": days})
    _print(f"Shadow {answer['shadow_id']} runs until {_day(answer['ends_at'])}.")


@shadow.command("list")
def list_shadows(url: Url = DEFAULT_URL) -> None:
    """List the shadows that run, and those that ended."""
    answer: Any = client_of(url).get("/v1/shadows")
    if not answer["items"]:
        _print("No shadow was ever started.")
    for one in answer["items"]:
        _print(_line(one))


@shadow.command("show")
def show_shadow(
    shadow_id: Id,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Count whom each of the two agreements qualifies; name leads that differ, and why."""
    client = client_of(url)
    counts: Any = client.get(f"/v1/shadows/{shadow_id}")
    found: Any = client.get(f"/v1/shadows/{shadow_id}/differences?limit={LISTED}")
    if as_json:
        out.print_json(data={**counts, "differences": found["items"]})
        return
    for line in page(counts, found["items"], has_more=bool(found["next"])):
        _print(line)


@shadow.command("stop")
def stop_shadow(shadow_id: Id, url: Url = DEFAULT_URL) -> None:
    """End a shadow; what it found stays for 90 days."""
    answer: Any = client_of(url).delete(f"/v1/shadows/{shadow_id}")
    _print(_line(answer))


def page(counts: Answer, differing: list[Answer], *, has_more: bool) -> Iterator[str]:
    """Give the lines of a page that tells what a shadow found."""
    yield _line(counts)
    yield ""
    yield from _counts(counts)
    yield ""
    yield "Tier in force -> tier under the proposal"
    for one in counts["tiers"]:
        yield f"{one['leads']:>9,}  {_tier(one['live_tier'])} -> {_tier(one['tier'])}"
    if differing:
        yield ""
        yield "Leads whose tiers differ, or did, the oldest first"
    for one in differing:
        yield from _difference(one)
    if has_more:
        yield f"  ... and more: GET /v1/shadows/{counts['shadow_id']}/differences"


def _counts(counts: Answer) -> Iterator[str]:
    qualified = counts["qualified"]
    yield f"{counts['leads']:>9,}  leads changed while it ran"
    yield f"{qualified['by_both']:>9,}  qualified by both"
    yield f"{qualified['only_live']:>9,}  qualified in force only: the proposal would lose them"
    yield f"{qualified['only_shadow']:>9,}  qualified by the proposal only: it would add them"
    yield f"{qualified['by_neither']:>9,}  qualified by neither"


def _difference(one: Answer) -> Iterator[str]:
    live, proposed = one["live"], one["shadow"]
    yield (
        f"  {one['lead_id']}  {_tier(live['tier'])} ({live['total']} points) -> "
        f"{_tier(proposed['tier'])} ({proposed['total']} points)"
    )
    for why in one["why"][:_WHY_MAX]:
        yield f"      {_why(why)}"


def _why(why: Answer) -> str:
    if why["what"] != "rule":
        return f"{why['what']} {why['name']}, {why['told']}"
    points = (_points(why["live_points"]), _points(why["points"]))
    return f"{why['name']}: {points[0]} -> {points[1]}"


def _points(points: int | None) -> str:
    return "nothing" if points is None else f"{points:+}"


def _tier(name: str) -> str:
    return f"tier {name}" if name else "no tier"


def _line(one: Answer) -> str:
    ended, started = one["ended_at"], _day(one["started_at"])
    until = f"ended on {_day(ended)}" if ended else f"runs until {_day(one['ends_at'])}"
    return (
        f"Shadow {one['shadow_id']} of {one['name']!r}, text {one['text_sha256'][:12]}: "
        f"started on {started}, {until}"
    )


def _day(moment: str) -> str:
    return moment[:10]


def _print(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)
