"""`leadloop agreement backtest`: try an agreement on the past before anyone signs it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from leadloop.errors import Rejected
from services.commands import history_options as history
from services.commands import history_terminal as terminal
from services.commands.history_terminal import Files

if TYPE_CHECKING:
    from services.lab.backtest.run import Proposal
    from services.lab.report.sections import Report

# The sections that are shown on the terminal; the files hold all of them.
SHOWN: Final = ("At a glance", "Tiers", "What changes against the current version")
BRIEF_ROWS: Final = 5
BRIEF: Final = ("Could not be judged", "Rows set aside")

File = Annotated[Path, typer.Argument(help="The proposed agreement, YAML.")]
Against = Annotated[
    Path | None, typer.Option("--against", help="The current agreement, to compare with.")
]
People = Annotated[
    int,
    typer.Option(
        "--people", help="In sales, for volume per person.", min=0, show_default=False
    ),
]
ChangesFile = Annotated[
    Path | None,
    typer.Option(
        "--changes", help="Write every changed lead as CSV.", rich_help_panel=history.OUTPUT
    ),
]


@dataclass(frozen=True)
class Request:
    """What was asked on the command line."""

    file: Path
    against: Path | None
    database: str
    files: Files
    models: tuple[Path, ...]
    people: int
    html: Path | None
    markdown: Path | None
    changes: Path | None
    jobs: int


def backtest(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    context: typer.Context,
    file: File,
    against: Against = None,
    database: history.DatabaseUrl = "",
    leads: history.Leads = None,
    outcome: history.Outcome = "",
    time: history.Time = "",
    lead_id: history.Id = "",
    activities: history.Activities = None,
    model: history.Model = None,
    activity_lead_id: history.LeadId = "",
    activity_kind: history.Kind = "",
    activity_time: history.ActivityTime = "",
    won: history.Won = None,
    lost: history.Lost = None,
    time_format: history.TimeFormat = "",
    zone: history.Zone = "UTC",
    encoding: history.Encoding = "",
    delimiter: history.Delimiter = "",
    decimal_comma: history.DecimalComma = False,
    people: People = 0,
    html: history.Html = None,
    markdown: history.Markdown = None,
    changes: ChangesFile = None,
    jobs: history.Jobs = 0,
) -> None:
    """Replay history under an agreement: who would have been qualified, when, and how well."""
    files = terminal.files_of(context.params)
    with terminal.refusals_told():
        models = tuple(model or ())
        _run(
            Request(
                file, against, database, files, models, people, html, markdown, changes, jobs
            )
        )


def _run(request: Request) -> None:
    """Replay, show what was found, write the files that were asked for."""
    from services.lab.backtest.ledger_run import backtest_ledger
    from services.lab.backtest.report import report_of
    from services.lab.backtest.run import Options, backtest_export

    terminal.require_writable(request.html, request.markdown, request.changes)
    proposal = _proposal(request)
    options = Options(request.people, request.jobs, request.changes)
    if request.database:
        _require_no_files(request)
        with terminal.watching("replays") as watch:
            found = backtest_ledger(request.database, proposal, options, watch)
    else:
        told = terminal.told_of(request.files, "the history to replay")
        with terminal.watching("replays") as watch:
            found = backtest_export(told, proposal, options, watch)
    report = report_of(found)
    _show(report)
    terminal.write(report, request.html, request.markdown)
    if request.changes is not None:
        terminal.aside.print(f"wrote {request.changes}", markup=False)


def _proposal(request: Request) -> "Proposal":
    from services.lab.backtest.run import Proposal
    from services.scoring.models.named import models_from

    current = _body(request.against, 1) if request.against else None
    return Proposal(_body(request.file, 2), current, models_from(request.models))


def _body(file: Path, version: int) -> bytes:
    return terminal.body_of(file, terminal.text_of(file), version)


def _require_no_files(request: Request) -> None:
    """Refuse two histories at once."""
    if request.files.leads or request.files.activities:
        raise Rejected("Name one history: --database, or --leads.")


def _show(report: "Report") -> None:
    """Print the main findings; the files hold the rest."""
    terminal.show_head(report)
    for section in report.sections:
        if section.title in SHOWN:
            terminal.show_table(section.title, section.tables[0])
        elif section.title in BRIEF:
            # The last table names single rules and rows: the first show what to mend.
            table = section.tables[-1]
            terminal.show_table(section.title, replace(table, rows=table.rows[:BRIEF_ROWS]))
            terminal.out.print(section.text[0], markup=False, soft_wrap=True)
