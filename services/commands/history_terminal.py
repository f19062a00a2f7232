"""What the commands on a history share: what was asked, how far it is, what was found."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Shown

from leadloop.errors import Problem, Rejected

if TYPE_CHECKING:
    from services.lab.backtest.run import Step, Watch
    from services.lab.history.export import Told
    from services.lab.report.sections import Report, Table

out = Console(highlight=False)
aside = Console(stderr=True, highlight=False)
errors = Console(stderr=True, highlight=False, style="red")

# In a log file there is no line to overwrite; a new one this often shows that it goes on.
LINE_EVERY_SECONDS: Final = 5.0
INTERRUPTED: Final = 130
# A file or a pipe has no width that a table must fit in.
WIDTH: Final = 120


@dataclass(frozen=True, kw_only=True)
class Files:
    """CSV files as they were named on the command line; the names are the parameters'."""

    leads: Path | None = None
    outcome: str = ""
    time: str = ""
    lead_id: str = ""
    activities: Path | None = None
    activity_lead_id: str = ""
    activity_kind: str = ""
    activity_time: str = ""
    won: list[str] | None = None
    lost: list[str] | None = None
    time_format: str = ""
    zone: str = "UTC"
    encoding: str = ""
    delimiter: str = ""
    decimal_comma: bool = False


# Any: typer hands a command's parameters over by name.
def files_of(parameters: Mapping[str, Any]) -> Files:
    """Pick what names the files out of a command's parameters."""
    return Files(**{name: parameters[name] for name in Files.__dataclass_fields__})


def told_of(files: Files, what: str = "the history") -> "Told":
    """Return the files as the reader takes them; `what` they are for is told to people.

    Raises:
        Rejected: No file is named, or no outcome.
    """
    from services.lab.history.export import Told

    if files.leads is None:
        raise Rejected(
            f"Name {what}: --leads FILE.csv with --outcome COLUMN, or --database URL."
        )
    if not files.outcome:
        raise Rejected("Name the column that says what came of a lead: --outcome COLUMN.")
    return Told(
        leads=files.leads,
        outcome=files.outcome,
        time=files.time,
        lead_id=files.lead_id,
        won=files.won or (),
        lost=files.lost or (),
        activities=files.activities,
        activity_lead_id=files.activity_lead_id,
        activity_kind=files.activity_kind,
        activity_time=files.activity_time,
        time_format=files.time_format,
        zone=files.zone,
        encoding=files.encoding,
        delimiter=files.delimiter,
        decimal_comma=files.decimal_comma,
    )


def text_of(file: Path) -> str:
    """Read a text with its line ends as they are.

    Raises:
        Rejected: There is no such file, or it is no text.
    """
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text in UTF-8"
        raise Rejected(f"{file}: {reason.lower()}.") from error


def body_of(file: Path, text: str, version: int = 1) -> bytes:
    """Return an agreement's text as the contract has it; the file's name is for people.

    Raises:
        Rejected: The text is no sound agreement.
    """
    from leadloop.agreement.contract import to_contract
    from leadloop.agreement.reader import read_draft

    try:
        return to_contract(read_draft(text), version, ()).SerializeToString()
    except Rejected as refusal:
        raise Rejected(f"{file}: {refusal.detail}", *refusal.errors) from refusal


def require_writable(*paths: Path | None) -> None:
    """Refuse a file that could not be written in the end."""
    for path in paths:
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise Rejected(f"{path} can't be written: there is no such folder, or it is one.")


def show(report: "Report", shown: Sequence[str]) -> None:
    """Print a report's summary, its warnings, and some of its sections."""
    show_head(report)
    for section in report.sections:
        if section.title not in shown:
            continue
        for table in section.tables:
            show_table(section.title, table)
        if section.text and not section.tables:
            out.print(f"\n{section.title}", style="bold", markup=False)
        for line in section.text if not section.tables else section.text[1:]:
            out.print(line, markup=False, soft_wrap=True)


def show_head(report: "Report") -> None:
    """Print a report's title, its summary and its warnings."""
    out.print(f"\n{report.title}", style="bold", markup=False)
    for line in report.summary:
        out.print(line, markup=False, soft_wrap=True)
    for warning in report.warnings:
        out.print(f"! {warning}", style="yellow", markup=False, soft_wrap=True)


def show_table(title: str, table: "Table") -> None:
    """Print a table."""
    shown = Shown(title=title, title_justify="left")
    for n, name in enumerate(table.header):
        shown.add_column(name, justify="left" if n in table.texts else "right")
    for row in table.rows:
        shown.add_row(*map(escape, row))
    out.print(shown, width=None if out.is_terminal else max(out.width, WIDTH))


def write(report: "Report", html: Path | None, markdown: Path | None) -> None:
    """Write the reports that were asked for."""
    from services.lab.report.markdown import markdown as as_markdown
    from services.lab.report.page import page

    for path, written in ((html, page), (markdown, as_markdown)):
        if path is not None:
            write_file(path, written(report))


def write_file(path: Path, text: str) -> None:
    """Write a text as it is, and say so."""
    path.write_bytes(text.encode())
    aside.print(f"wrote {path}", markup=False)


def tell(problem: Problem) -> None:
    """Say why it can't be done."""
    errors.print(problem.detail, markup=False, soft_wrap=True)
    for fault in problem.errors:
        line = f"{fault.pointer}: expected {fault.expected}, found {fault.found}"
        errors.print(line, markup=False, soft_wrap=True)


@contextmanager
def refusals_told() -> Iterator[None]:
    """End the command with one sentence when it can't be done."""
    # Who ends it in another way than by Ctrl-C leaves no copies on the disk either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except Problem as problem:
        tell(problem)
        raise typer.Exit(1) from problem
    except OSError as error:
        # Such as a disk that is full; TMPDIR names another one.
        told = f"{error.filename or 'A file'}: {error.strerror}"
        errors.print(told, markup=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as stop:
        aside.print("Stopped; nothing was written.")
        raise typer.Exit(INTERRUPTED) from stop


@contextmanager
def watching(verb: str) -> "Iterator[Watch]":
    """Show a bar, or a line now and then where there is no terminal.

    Args:
        verb: What is done to leads once they are read.
    """
    if not aside.is_terminal:
        yield _lines(verb)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[done]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=aside, transient=True) as bar:
        task = bar.add_task("reads", total=None, done="")

        def watch(step: "Step") -> None:
            bar.update(
                task,
                description=_verb(step, verb),
                completed=step.done,
                total=step.total,
                done=_amount(step),
            )

        yield watch


def _lines(verb: str) -> "Watch":
    said_at = monotonic() - LINE_EVERY_SECONDS

    def watch(step: "Step") -> None:
        nonlocal said_at
        if monotonic() - said_at >= LINE_EVERY_SECONDS:
            said_at = monotonic()
            aside.print(f"{_verb(step, verb)} {_amount(step)}", markup=False)

    return watch


def _verb(step: "Step", verb: str) -> str:
    return "reads" if step.what == "bytes" else verb


def _amount(step: "Step") -> str:
    if step.what == "bytes":
        return f"{step.done / 1e6:,.0f} of {step.total / 1e6:,.0f} MB"
    return f"{step.done:,} of {step.total:,} {step.what}"
