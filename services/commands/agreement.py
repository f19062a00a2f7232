"""`leadloop agreement`: check, compare and show texts here; propose and sign at a Leadloop."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.table import Table

from services.client import DEFAULT_URL, Refused, client_of
from services.commands.url import Url

if TYPE_CHECKING:
    from leadloop.agreement.checks import Examined, Known
    from leadloop.agreement.terms import Agreement

app = typer.Typer(
    help="The contract that marketing and sales sign: check it, propose it, sign it.",
    no_args_is_help=True,
)
out = Console(highlight=False)
aside = Console(stderr=True, highlight=False)

_STYLES = {"error": "red", "warning": "yellow"}
# An agreement of a running Leadloop: its name, and a version if not the one in force.
_REFERENCE = re.compile(r"([a-z][a-z0-9_-]{0,62})(?:@([0-9]{1,9}))?")

File = Annotated[Path, typer.Argument(help="The agreement, YAML.", exists=True, dir_okay=False)]
Name = Annotated[str, typer.Argument(help="The agreement's name.")]
Sources = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="The senders: tells what nobody fills."),
]
Leads = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="A CSV whose columns the rules read."),
]
Reference = Annotated[
    str, typer.Argument(help="A file, or NAME or NAME@VERSION at a running Leadloop.")
]


@app.command()
def check(
    file: File,
    sources: Sources = None,
    leads: Leads = None,
    strict: Annotated[bool, typer.Option(help="Fail on warnings too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    url: Annotated[
        str, typer.Option(help="Ask this Leadloop whether it has the predictive model.")
    ] = "",
) -> None:
    """Tell all that is wrong in a text or can't work, by line, with what to do about it."""
    from leadloop.agreement.checks import examine

    found = examine(_text_of(file), _today(), _known(sources, leads))
    if as_json:
        told = {
            "sound": found.is_sound,
            "faults": [asdict(fault) for fault in found.faults],
            "findings": [asdict(finding) for finding in found.findings],
        }
        out.print_json(json.dumps(told))
    else:
        _tell(found)
        out.print(f"{file}: {_summed_up(found)}")
    if url:
        _tell_missing_model(found, url)
    if not found.is_sound or (strict and found.findings):
        raise typer.Exit(1)


@app.command()
def diff(old: Reference, new: Reference, url: Url = DEFAULT_URL) -> None:
    """Tell in words what changes from one agreement to another, rule by rule."""
    from leadloop.agreement.diff import NO_CHANGE, changes

    found = changes(_agreement(old, url), _agreement(new, url))
    for change in found:
        out.print(str(change), markup=False, soft_wrap=True)
    if not found:
        out.print(NO_CHANGE.rstrip())


@app.command()
def show(
    which: Reference,
    version: Annotated[int | None, typer.Option(min=1, help="Not the one in force.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Print an agreement as a page that both teams can read."""
    from leadloop.agreement.show import page

    if version and Path(which).is_file():
        raise Refused(f"--version goes with the NAME of an agreement, and {which} is a file")
    agreement = _agreement(f"{which}@{version}" if version else which, url)
    out.print(page(agreement).rstrip(), markup=False, soft_wrap=True)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a text, by which editors complete and check it."""
    from leadloop.agreement.schema import as_text

    out.print(as_text().rstrip(), markup=False, soft_wrap=True)


@app.command()
def propose(file: File, url: Url = DEFAULT_URL) -> None:
    """Put a text forward for both sides to sign; prints the hash that they sign."""
    from leadloop.agreement.checks import examine

    text = _text_of(file)
    found = examine(text, _today())
    _tell(found)
    if not found.is_sound:
        raise Refused(f"{file} is not proposed: {_summed_up(found)}")
    _tell_missing_model(found, url)
    out.print_json(data=client_of(url).post("/v1/agreements", {"text": text}))


@app.command()
def sign(
    name: Name,
    side: Annotated[Literal["marketing", "sales"], typer.Option(help="For which side.")],
    signer: Annotated[str, typer.Option(help="Who signs, as the agreement names them.")],
    comment: Annotated[str, typer.Option(help="Kept with the signature.")] = "",
    text: Annotated[
        str,
        typer.Option(
            "--text", "--sha256", help="The text's file, or its hash; asks if left out."
        ),
    ] = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Sign a proposed text; it is in force once both sides have signed that very text."""
    signature = {
        "side": side,
        "signer": signer,
        "text_sha256": _hash_of(text) if text else _looked_at(name, url),
        "comment": comment,
    }
    out.print_json(data=client_of(url).post(f"/v1/agreements/{quote(name)}/sign", signature))


@app.command()
def history(
    name: Annotated[str, typer.Argument(help="The agreement's name; all if left out.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List what was proposed and signed: by whom, when, and with which comment."""
    query = urlencode({"limit": limit, **({"name": name} if name else {})})
    found = client_of(url).get(f"/v1/agreements?{query}")
    if as_json:
        out.print_json(data=found)
        return
    items = cast(Mapping[str, Any], found)["items"]
    if not items:
        called = f"No agreement called {name!r}" if name else "No agreement"
        out.print(f"{called} was proposed yet.", markup=False)
        return
    table = Table("agreement", "version", "state", "proposed", "text", "signatures")
    for item in items:
        signatures = "\n".join(_signature(one) for one in item["signatures"])
        table.add_row(
            item["name"],
            str(item["version"] or "-"),
            item["state"],
            _minute(item["proposed_at"]),
            item["text_sha256"][:12],
            signatures,
        )
    out.print(table)


@app.command()
def restore(
    name: Name,
    version: Annotated[int, typer.Option(min=1, help="Which version to come back to.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Propose the text of an old version again; both sides sign it anew."""
    text = _referred(f"{name}@{version}", url)
    out.print_json(data=client_of(url).post("/v1/agreements", {"text": text}))


def _text_of(file: Path) -> str:
    """Return a file's text.

    Raises:
        Refused: It is far too large to be an agreement, or no text.
    """
    from leadloop.agreement.document import SIZE_BYTES_MAX

    size = file.stat().st_size
    if size > SIZE_BYTES_MAX:
        most = SIZE_BYTES_MAX // 1024
        raise Refused(
            f"{file}: expected an agreement of at most {most} KiB, found {size // 1024} KiB"
        )
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Refused(
            f"{file}: expected text in UTF-8, found byte {error.start + 1} that is none"
        ) from error


def _known(sources: Path | None, leads: Path | None) -> "Known | None":
    """Return what is filled, by a file of sources or by a CSV; None when nothing is told.

    Raises:
        Refused: The file tells nothing.
    """
    from leadloop.agreement.sources import known_by_csv, known_by_sources

    with _refusals():
        if leads:
            return known_by_csv(leads)
        return known_by_sources(_text_of(sources), sources.name) if sources else None


def _referred(reference: str, url: str) -> str:
    """Return the text of a file, or of a version at a running Leadloop.

    Raises:
        Refused: It is neither.
    """
    if Path(reference).is_file():
        return _text_of(Path(reference))
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise Refused(
            f"expected a file that exists, or NAME or NAME@VERSION, found {reference}"
        )
    query = f"?version={found[2]}" if found[2] else ""
    answer = client_of(url).get(f"/v1/agreements/{found[1]}{query}")
    return str(cast(Mapping[str, Any], answer)["text"])


def _agreement(reference: str, url: str) -> "Agreement":
    """Return the agreement of a file, or of a version at a running Leadloop.

    Raises:
        Refused: There is none, or it can't be read.
    """
    from leadloop.agreement.reader import read_agreement

    text = _referred(reference, url)
    try:
        with _refusals():
            return read_agreement(text, _today())
    except Refused as refused:
        raise Refused(f"{reference}: {refused}") from refused


def _hash_of(text: str) -> str:
    """Return the hash of a text that is given by its file, or by the hash itself.

    Raises:
        Refused: It is neither.
    """
    from leadloop.agreement.reader import sha256_of

    if Path(text).is_file():
        return sha256_of(_text_of(Path(text)))
    if re.fullmatch("[0-9a-f]{64}", text):
        return text
    raise Refused(f"expected the text's file, or its hash of 64 digits, found {text}")


def _looked_at(name: str, url: str) -> str:
    """Show the text that is open for signing; return its hash once it is agreed to.

    Raises:
        Refused: No text is open.
    """
    client = client_of(url)
    found = client.get(f"/v1/agreements?{urlencode({'name': name, 'limit': 1})}")
    newest = next(iter(cast(Mapping[str, Any], found)["items"]), None)
    if newest is None or newest["state"] != "open":
        raise Refused(f"no text of {name} is open for signing; propose one first")
    text_sha256 = str(newest["text_sha256"])
    try:
        aside.print(client.text(f"/v1/agreements/{quote(name)}/diff"), markup=False)
    except Refused:
        aside.print("It is the first text of this name: there is nothing to compare it with.")
    typer.confirm(f"Sign the text {text_sha256}?", abort=True, err=True)
    return text_sha256


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what a reader refuses into lines for a person.

    Raises:
        Refused: It can't be read.
    """
    from leadloop.errors import Problem

    try:
        yield
    except Problem as problem:
        lines = [f"{e.pointer}: expected {e.expected}, found {e.found}" for e in problem.errors]
        raise Refused("\n".join([problem.detail, *lines])) from problem
    except (OSError, ValueError) as error:
        raise Refused(str(error)) from error


def _tell_missing_model(found: "Examined", url: str) -> None:
    """Warn of a predictive model that a Leadloop does not have."""
    from services.commands.model import what_is_missing

    named = found.agreement.definition.predictive_model if found.agreement else ""
    told = what_is_missing(named, url)
    if told:
        aside.print(told, style=_STYLES["warning"], markup=False, soft_wrap=True)


def _tell(found: "Examined") -> None:
    """Print what is wrong in a text, and what can't work, beside the results."""
    for fault in found.faults:
        aside.print(str(fault), style="red", markup=False, soft_wrap=True)
    for finding in found.findings:
        style = _STYLES[finding.level]
        aside.print(str(finding), style=style, markup=False, soft_wrap=True)


def _summed_up(found: "Examined") -> str:
    levels = [str(finding.level) for finding in found.findings]
    counts = {
        "fault": len(found.faults),
        "error": levels.count("error"),
        "warning": levels.count("warning"),
    }
    told = ", ".join(f"{n} {word}{'s' * (n > 1)}" for word, n in counts.items() if n)
    return " with ".join(filter(None, ["sound", told])) if found.is_sound else told


def _signature(one: Mapping[str, str]) -> str:
    comment = f": {one['comment']}" if one["comment"] else ""
    return f"{one['side']}, {one['signer']}, {_minute(one['signed_at'])}{comment}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _today() -> date:
    from leadloop.clock import SystemClock

    return SystemClock().now().date()
