"""`leadloop agreement learn` and `drift`: what outcomes teach, as a text that can be signed."""

from dataclasses import dataclass
from datetime import date, timedelta
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from leadloop.errors import Rejected
from services.commands import history_options as history
from services.commands import history_terminal as terminal
from services.commands.history_terminal import Files

if TYPE_CHECKING:
    import numpy as np

    from services.lab.lessons.gather import Asking, Gathered
    from services.lab.lessons.lessons import Lessons

WATCHED_DAYS: Final = 30
WATCHED_DAYS_MAX: Final = 3_650
# Lines of a diff around what changes.
CONTEXT: Final = 1

File = Annotated[Path, typer.Argument(help="The agreement, YAML.")]
Source = Annotated[
    str, typer.Option("--source", help="Where a lead came from.", rich_help_panel="Columns")
]
Reason = Annotated[
    str,
    typer.Option("--reason", help="Why sales refused a lead.", rich_help_panel="Columns"),
]
Split = Annotated[
    str,
    typer.Option(
        "--split",
        help="Leads from this day on are held back to measure on; else the newest quarter.",
        metavar="DATE",
    ),
]
Days = Annotated[
    int,
    typer.Option(
        "--days",
        help="Judge a lead so long after it came, or when its outcome was known.",
        min=0,
        max=WATCHED_DAYS_MAX,
    ),
]
NoProposals = Annotated[
    bool, typer.Option("--no-proposals", help="Other points only, no further rules.")
]
Write = Annotated[
    Path | None,
    typer.Option("--write", help="Write the suggested text.", rich_help_panel=history.OUTPUT),
]
Predictive = Annotated[
    Path | None,
    typer.Option(
        "--predictive",
        help="Learn a predictive score too; write it.",
        rich_help_panel=history.OUTPUT,
    ),
]


@dataclass(frozen=True, kw_only=True)
class _Past:
    """Which history is asked for, and how leads of it are judged."""

    files: Files
    database: str
    source: str
    reason: str
    days: int
    jobs: int


def learn(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    context: typer.Context,
    file: File,
    database: history.DatabaseUrl = "",
    leads: history.Leads = None,
    outcome: history.Outcome = "",
    time: history.Time = "",
    lead_id: history.Id = "",
    source: Source = "",
    reason: Reason = "",
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
    decimal_comma: history.DecimalComma = False,
    split: Split = "",
    days: Days = WATCHED_DAYS,
    no_proposals: NoProposals = False,
    write: Write = None,
    predictive: Predictive = None,
    html: history.Html = None,
    markdown: history.Markdown = None,
    jobs: history.Jobs = 0,
) -> None:
    """Learn from outcomes what each rule is worth; suggest a text that people may sign."""
    past = _past_of(context, database, source, reason, days, jobs)
    with terminal.refusals_told():
        _learn(file, past, _Wanted(split, not no_proposals, write, predictive, html, markdown))


def drift(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    context: typer.Context,
    file: File,
    database: history.DatabaseUrl = "",
    leads: history.Leads = None,
    outcome: history.Outcome = "",
    time: history.Time = "",
    lead_id: history.Id = "",
    source: Source = "",
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
    decimal_comma: history.DecimalComma = False,
    split: Split = "",
    days: Days = WATCHED_DAYS,
    jobs: history.Jobs = 0,
) -> None:
    """Tell the sources and rules whose rates moved from earlier leads to later ones."""
    past = _past_of(context, database, source, "", days, jobs)
    with terminal.refusals_told():
        _drift(file, past, split)


@dataclass(frozen=True)
class _Wanted:
    """What `learn` is to find and to write."""

    split: str
    with_proposals: bool
    write: Path | None
    predictive: Path | None
    html: Path | None
    markdown: Path | None


def _past_of(
    context: typer.Context, database: str, source: str, reason: str, days: int, jobs: int
) -> _Past:
    return _Past(
        files=terminal.files_of(context.params),
        database=database,
        source=source,
        reason=reason,
        days=days,
        jobs=jobs,
    )


def _learn(file: Path, past: _Past, wanted: _Wanted) -> None:
    """Learn, show what was found, write what was asked for."""
    from services.lab.lessons.lessons import Wishes
    from services.lab.lessons.lessons import learn as learned
    from services.lab.lessons.report import SHOWN, report_of
    from services.scoring.contract import agreement_of

    terminal.require_writable(wanted.write, wanted.predictive, wanted.html, wanted.markdown)
    text = terminal.text_of(file)
    body = terminal.body_of(file, text)
    wishes = Wishes(_moment(wanted.split), wanted.with_proposals, wanted.predictive is not None)
    gathered = _gathered(past, body)
    lessons = learned(text, agreement_of(body), gathered, wishes)
    report = report_of(lessons)
    terminal.show(report, SHOWN)
    if lessons.draft is not None:
        _show_diff(file, text, lessons.draft.text)
    terminal.write(report, wanted.html, wanted.markdown)
    _write(lessons, wanted)


def _drift(file: Path, past: _Past, split: str) -> None:
    """Show whose rate moved."""
    from services.lab.lessons.lessons import drifts_of, parted
    from services.lab.lessons.report import DRIFT, drift_section
    from services.lab.report.sections import Report

    gathered = _gathered(past, terminal.body_of(file, terminal.text_of(file)))
    parts = parted(gathered, _moment(split))
    if parts.moment is None:
        raise Rejected(
            "Rates move in time: name the column that says when a lead came: --time."
        )
    section = drift_section(drifts_of(parts))
    day = str(parts.moment.astype("datetime64[D]"))
    told = f"{len(parts.earlier):,} leads before {day}, {len(parts.later):,} from then on."
    title = f"Drift under {file.name}, in {gathered.source}"
    report = Report(title, (told, *section.text), gathered.remarks.warnings, (section,))
    terminal.show(report, (DRIFT,))


def _gathered(past: _Past, body: bytes) -> "Gathered":
    """Read the history that was named."""
    from services.lab.lessons.gather import Asking, gather

    asking = Asking(body, timedelta(days=past.days), past.source, past.reason, past.jobs)
    if past.database:
        return _of_ledger(past, asking)
    told = terminal.told_of(past.files)
    with terminal.watching("judges") as watch:
        return gather(told, asking, watch)


def _of_ledger(past: _Past, asking: "Asking") -> "Gathered":
    from services.lab.lessons.from_ledger import gather_ledger

    if past.files.leads or past.files.activities:
        raise Rejected("Name one history: --database, or --leads.")
    if past.source or past.reason or past.days != WATCHED_DAYS:
        raise Rejected(
            "--source, --reason and --days are about files: our own ledger knows where a lead "
            "came from, why it was refused, and when it was handed to sales."
        )
    with terminal.watching("judges") as watch:
        return gather_ledger(past.database, asking, watch)


def _moment(split: str) -> "np.datetime64 | None":
    """Read the day at which history is cut; None when none is named."""
    if not split:
        return None
    import numpy as np

    try:
        return np.datetime64(date.fromisoformat(split), "s")
    except ValueError as error:
        raise Rejected(
            f"--split: expected a date such as 2026-04-15, found {split!r}."
        ) from error


def _show_diff(file: Path, before: str, after: str) -> None:
    """Print what would change in the text."""
    lines = list(
        unified_diff(
            before.splitlines(),
            after.splitlines(),
            f"{file.name}, as it is",
            f"{file.name}, suggested",
            n=CONTEXT,
            lineterm="",
        )
    )
    terminal.out.print()
    for line in lines:
        style = {"+": "green", "-": "red"}.get(line[:1], "")
        terminal.out.print(line, style=style, markup=False, soft_wrap=True)
    if not lines:
        terminal.out.print("The points fit: nothing is to be changed in the text.")


def _write(lessons: "Lessons", wanted: _Wanted) -> None:
    """Write the suggested text and the model."""
    from services.lab.lessons.lessons import Foreseen

    if wanted.write is not None:
        if lessons.draft is None:
            terminal.aside.print(f"{wanted.write} is not written: there is nothing to suggest.")
        else:
            terminal.write_file(wanted.write, lessons.draft.text)
    if wanted.predictive is None:
        return
    if not isinstance(lessons.foreseen, Foreseen):
        terminal.aside.print(f"{wanted.predictive} is not written: {lessons.foreseen}")
        return
    model = lessons.foreseen.predictor
    terminal.write_file(wanted.predictive, model.to_json())
    terminal.aside.print(
        f"To use it: `leadloop model add {wanted.predictive}`, then sign an agreement with "
        f"`predictive_model: {model.version}` and a tier that reads `predicted`.",
        markup=False,
        soft_wrap=True,
    )
