"""`leadloop model`: predictive models that an agreement may name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.console import Console

from services.client import DEFAULT_URL, Client, Refused, client_of
from services.commands.url import Url

model = typer.Typer(
    help="Predictive models that an agreement may name: add one, see what it was learned from.",
    no_args_is_help=True,
)
out = Console()

Version = Annotated[str, typer.Argument(metavar="VERSION", help="As `model list` shows it.")]
# Any: what the API answers, as JSON has it.
Answer = dict[str, Any]


@model.command("add")
def add_model(
    file: Annotated[
        Path,
        typer.Argument(
            help="As `agreement learn --predictive` wrote it.", exists=True, dir_okay=False
        ),
    ],
    note: Annotated[str, typer.Option(help="For people, kept with it.")] = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Add a model; nothing is scored by it before an agreement that names it is signed."""
    query = f"?{urlencode({'note': note})}" if note else ""
    answer: Any = client_of(url).post(f"/v1/models{query}", _read(file))
    _print(_line(answer))
    _print(f"To use it, sign an agreement with predictive_model: {answer['version']}")


@model.command("list")
def list_models(url: Url = DEFAULT_URL) -> None:
    """List the models that are kept, the newest first."""
    found = list(_each(client_of(url)))
    for one in found:
        _print(_line(one))
    if not found:
        _print("No model was added.")


@model.command("show")
def show_model(version: Version, url: Url = DEFAULT_URL) -> None:
    """Show what a model was learned from, what it reads, and which agreements name it."""
    answer: Any = client_of(url).get(f"/v1/models/{version}")
    _print(_line(answer))
    _print(f"{answer['trees']} trees, grown by {answer['library']}")
    _print(f"reads the fields: {', '.join(answer['columns']) or 'none'}")
    _print(f"reads the rules: {', '.join(answer['rules']) or 'none'}")
    for user in answer["used_by"]:
        version_of = f"version {user['version']}" if user["version"] else "a shadow"
        _print(f"named by the agreement {user['name']}, {version_of}")


@model.command("remove")
def remove_model(version: Version, url: Url = DEFAULT_URL) -> None:
    """Forget a model that no agreement names."""
    client_of(url).delete(f"/v1/models/{version}")
    _print(f"Model {version} is forgotten.")


def what_is_missing(version: str, url: str) -> str:
    """Return what is to be told of a model that an agreement names; empty when it is there.

    Raises:
        Refused: No Leadloop answers there.
    """
    if not version or any(one["version"] == version for one in _each(client_of(url))):
        return ""
    return (
        f"predictive_model: warning: the model {version} was not added at {url}. Until it is, "
        "conditions on predicted do not hold; add it: leadloop model add FILE"
    )


def _each(client: Client) -> Iterator[Answer]:
    """Yield the models that are kept, page by page."""
    answer: Any = client.get("/v1/models")
    yield from answer["items"]
    while answer["next"]:
        answer = client.get(f"/v1/models?{urlencode({'cursor': answer['next']})}")
        yield from answer["items"]


def _read(file: Path) -> Answer:
    """Read a model's file as JSON."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise Refused(f"{file}: expected a model in JSON, found something else.") from error
    if not isinstance(found, dict):
        raise Refused(f"{file}: expected a model in JSON, found something else.")
    return found


def _line(one: Answer) -> str:
    note = f": {one['note']}" if one["note"] else ""
    return (
        f"{one['version']}  from {one['learned_from']:,} leads until {one['until'][:10]}, "
        f"{one['won']:,} won; added on {one['created_at'][:10]}{note}"
    )


def _print(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)
