"""`leadloop agreement backtest`: try an agreement on the past before anyone signs it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Shown

from leadloop.errors import Problem, Rejected
from services import history_options as history

if TYPE_CHECKING:
    from services.scoring.backtest.report import Report
    from services.scoring.backtest.run import Proposal, Step, Watch
    from services.scoring.backtest.sections import Table
    from services.scoring.history.export import Told

out = Console(highlight=False)
aside = Console(stderr=True, highlight=False)
errors = Console(stderr=True, highlight=False, style="red")

# In a log file there is no line to overwrite; a new one this often shows that it goes on.
LINE_EVERY_SECONDS: Final = 5.0
INTERRUPTED: Final = 130
# The sections that are shown on the terminal; the files hold all of them.
OUTPUT: Final = "Output"
SHOWN: Final = ("At a glance", "Tiers", "What changes against the current version")
BRIEF: Final = ("Could not be judged", "Rows set aside")

File = Annotated[Path, typer.Argument(help="The proposed agreement, YAML.")]
Against = Annotated[
    Path | None, typer.Option("--against", help="The current agreement, to compare with.")
]
DatabaseUrl = Annotated[
    str,
    typer.Option("--database", help="Our own history: scoring's database.", metavar="URL"),
]
People = Annotated[
    int, typer.Option("--people", help="In sales, for volume per person.", min=0)
]
Html = Annotated[
    Path | None, typer.Option("--html", help="Write a page.", rich_help_panel=OUTPUT)
]
Markdown = Annotated[
    Path | None, typer.Option("--markdown", help="Write a text.", rich_help_panel=OUTPUT)
]
ChangesFile = Annotated[
    Path | None,
    typer.Option("--changes", help="Write every changed lead as CSV.", rich_help_panel=OUTPUT),
]
Jobs = Annotated[int, typer.Option("--jobs", help="Processes; 0: one a core.", min=0)]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked on the command line; the names are those of the command's parameters."""

    file: Path
    against: Path | None
    database: str
    leads: Path | None
    outcome: str
    time: str
    lead_id: str
    activities: Path | None
    activity_lead_id: str
    activity_kind: str
    activity_time: str
    won: list[str] | None
    lost: list[str] | None
    time_format: str
    zone: str
    encoding: str
    delimiter: str
    people: int
    html: Path | None
    markdown: Path | None
    changes: Path | None
    jobs: int


def backtest(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    context: typer.Context,
    file: File,
    against: Against = None,
    database: DatabaseUrl = "",
    leads: history.Leads = None,
    outcome: history.Outcome = "",
    time: history.Time = "",
    lead_id: history.Id = "",
    activities: history.Activities = None,
    activity_lead_id: history.LeadId = "",
    activity_kind: history.Kind = "",
    activity_time: history.ActivityTime = "",
    won: history.Won = None,
    lost: history.Lost = None,
    time_format: history.TimeFormat = "",
    zone: history.Zone = "UTC",
    encoding: history.Encoding = "",
    delimiter: history.Delimiter = "",
    people: People = 0,
    html: Html = None,
    markdown: Markdown = None,
    changes: ChangesFile = None,
    jobs: Jobs = 0,
) -> None:
    """Replay history under an agreement: who would have been qualified, when, and how well."""
    # Who ends it in another way than by Ctrl-C leaves no copies on the disk either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run(Request(**context.params))
    except Problem as problem:
        _tell(problem)
        raise typer.Exit(1) from problem
    except OSError as error:
        # Such as a disk that is full; TMPDIR names another one.
        errors.print(f"{error.filename or 'A file'}: {error.strerror}", markup=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as stop:
        aside.print("Stopped; nothing was written.")
        raise typer.Exit(INTERRUPTED) from stop


def _run(request: Request) -> None:
    """Replay, show what was found, write the files that were asked for."""
    from services.scoring.backtest.ledger_run import backtest_ledger
    from services.scoring.backtest.report import report_of
    from services.scoring.backtest.run import Options, backtest_export

    _require_writable(request.html, request.markdown, request.changes)
    proposal = _proposal(request)
    options = Options(request.people, request.jobs, request.changes)
    if request.database:
        _require_no_files(request)
        with _watching() as watch:
            found = backtest_ledger(request.database, proposal, options, watch)
    else:
        told = _told(request)
        with _watching() as watch:
            found = backtest_export(told, proposal, options, watch)
    report = report_of(found)
    _show(report)
    _write(report, request)


def _proposal(request: Request) -> "Proposal":
    from services.scoring.backtest.run import Proposal

    current = _body(request.against, 1) if request.against else None
    return Proposal(_body(request.file, 2), current)


def _body(file: Path, version: int) -> bytes:
    """Read an agreement and return it as the contract has it."""
    from leadloop.agreement.contract import to_contract
    from leadloop.agreement.reader import read_agreement

    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text in UTF-8"
        raise Rejected(f"{file}: {reason.lower()}.") from error
    try:
        return to_contract(read_agreement(text), version, ()).SerializeToString()
    except Rejected as refusal:
        raise Rejected(f"{file}: {refusal.detail}", *refusal.errors) from refusal


def _told(request: Request) -> "Told":
    from services.scoring.history.export import Told

    if request.leads is None:
        raise Rejected(
            "Name the history to replay: --leads FILE.csv with --outcome COLUMN, or --database."
        )
    if not request.outcome:
        raise Rejected("Name the column that says what came of a lead: --outcome COLUMN.")
    return Told(
        leads=request.leads,
        outcome=request.outcome,
        time=request.time,
        lead_id=request.lead_id,
        won=request.won or (),
        lost=request.lost or (),
        activities=request.activities,
        activity_lead_id=request.activity_lead_id,
        activity_kind=request.activity_kind,
        activity_time=request.activity_time,
        time_format=request.time_format,
        zone=request.zone,
        encoding=request.encoding,
        delimiter=request.delimiter,
    )


def _require_no_files(request: Request) -> None:
    """Refuse two histories at once."""
    if request.leads or request.activities or request.changes:
        raise Rejected("Name one history: --database, or --leads (with --changes if you like).")


def _require_writable(*paths: Path | None) -> None:
    """Refuse a file that could not be written in the end."""
    for path in paths:
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise Rejected(f"{path} can't be written: there is no such folder, or it is one.")


def _show(report: "Report") -> None:
    """Print the main findings; the files hold the rest."""
    out.print(f"\n{report.title}", style="bold", markup=False)
    for line in report.summary:
        out.print(line, markup=False, soft_wrap=True)
    for warning in report.warnings:
        out.print(f"! {warning}", style="yellow", markup=False, soft_wrap=True)
    for section in report.sections:
        if section.title in SHOWN:
            _show_table(section.title, section.tables[0])
        elif section.title in BRIEF:
            out.print(f"{section.title}: {section.text[0]}", markup=False)


def _show_table(title: str, table: "Table") -> None:
    shown = Shown(title=title, title_justify="left")
    for n, name in enumerate(table.header):
        shown.add_column(name, justify="left" if n in table.texts else "right")
    for row in table.rows:
        shown.add_row(*map(escape, row))
    out.print(shown)


def _write(report: "Report", request: Request) -> None:
    """Write the files that were asked for."""
    from services.scoring.backtest.markdown import markdown
    from services.scoring.backtest.page import page

    for path, written in ((request.html, page), (request.markdown, markdown)):
        if path is not None:
            path.write_text(written(report), encoding="utf-8")
    for path in (request.html, request.markdown, request.changes):
        if path is not None:
            aside.print(f"wrote {path}", markup=False)


def _tell(problem: Problem) -> None:
    """Say why it can't be done."""
    errors.print(problem.detail, markup=False, soft_wrap=True)
    for fault in problem.errors:
        line = f"{fault.pointer}: expected {fault.expected}, found {fault.found}"
        errors.print(line, markup=False, soft_wrap=True)


@contextmanager
def _watching() -> "Iterator[Watch]":
    """Show a bar, or a line now and then where there is no terminal."""
    if not aside.is_terminal:
        yield _lines()
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
                description=_verb(step),
                completed=step.done,
                total=step.total,
                done=_amount(step),
            )

        yield watch


def _lines() -> "Watch":
    said_at = monotonic() - LINE_EVERY_SECONDS

    def watch(step: "Step") -> None:
        nonlocal said_at
        if monotonic() - said_at >= LINE_EVERY_SECONDS:
            said_at = monotonic()
            aside.print(f"{_verb(step)} {_amount(step)}", markup=False)

    return watch


def _verb(step: "Step") -> str:
    return "reads" if step.what == "bytes" else "replays"


def _amount(step: "Step") -> str:
    if step.what == "bytes":
        return f"{step.done / 1e6:,.0f} of {step.total / 1e6:,.0f} MB"
    return f"{step.done:,} of {step.total:,} {step.what}"
