"""`leadloop agreement simulate`: live through the loop under an agreement nobody signed yet."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from leadloop.errors import Rejected
from services.commands import history_options as history
from services.commands import history_terminal as terminal
from services.commands.history_terminal import LINE_EVERY_SECONDS, Files, aside
from services.lab.simulation.pattern import Pattern

if TYPE_CHECKING:
    from services.lab.simulation.runs import Coming
    from services.lab.simulation.trial import Trial
    from services.lab.simulation.whole import Answer

_STREAM, _PEOPLE = "Leads that are made up", "People in sales"

File = Annotated[Path, typer.Argument(help="The proposed agreement, YAML.")]
Against = Annotated[
    Path | None,
    typer.Option("--against", help="Another agreement: the same leads, the same chances."),
]
PerWeek = Annotated[
    float,
    typer.Option(
        "--leads-per-week",
        help="Qualified leads; left out: what marketing owes.",
        min=0,
        show_default=False,
        rich_help_panel=_STREAM,
    ),
]
When = Annotated[
    Pattern, typer.Option("--pattern", help="When they come.", rich_help_panel=_STREAM)
]
Weeks = Annotated[
    int, typer.Option(help="How long they come.", min=1, max=520, rich_help_panel=_STREAM)
]
Start = Annotated[
    str,
    typer.Option(help="Their first day; left out: next Monday.", rich_help_panel=_STREAM),
]
Tiers = Annotated[
    str,
    typer.Option(help="Their shares, such as A=30,B=70.", rich_help_panel=_STREAM),
]
People = Annotated[
    int,
    typer.Option(
        "--people",
        help="So many, all alike.",
        min=0,
        show_default=False,
        rich_help_panel=_PEOPLE,
    ),
]
TeamFile = Annotated[
    Path | None,
    typer.Option("--team", help="Who they are and how they work.", rich_help_panel=_PEOPLE),
]
Kept = Annotated[
    float,
    typer.Option(help="Percent of its clocks by which a level holds.", min=1, max=100),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.")]
Mend = Annotated[bool, typer.Option(help="Try what would mend what breaks.")]
Json = Annotated[
    bool,
    typer.Option("--json", help="End with a line of JSON.", rich_help_panel=history.OUTPUT),
]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked on the command line; the names are those of the command's parameters."""

    file: Path
    against: Path | None
    leads_per_week: float
    pattern: Pattern
    weeks: int
    start: str
    tiers: str
    database: str
    files: Files
    model: list[Path] | None
    people: int
    team: Path | None
    kept: float
    seed: int
    mend: bool
    html: Path | None
    markdown: Path | None
    as_json: bool


OWN: Final = frozenset(Request.__dataclass_fields__) - {"files"}


def simulate(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    context: typer.Context,
    file: File,
    against: Against = None,
    leads_per_week: PerWeek = 0,
    pattern: When = Pattern.OFFICE,
    weeks: Weeks = 13,
    start: Start = "",
    tiers: Tiers = "",
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
    team: TeamFile = None,
    kept: Kept = 95,
    seed: Seed = 1,
    mend: Mend = True,
    html: history.Html = None,
    markdown: history.Markdown = None,
    as_json: Json = False,
) -> None:
    """Live through the loop under an agreement: which service levels would break, and why."""
    own = {name: value for name, value in context.params.items() if name in OWN}
    _guarded(Request(files=terminal.files_of(context.params), **own))


def _guarded(request: Request) -> None:
    """Simulate; whatever can't be done is told in a sentence."""
    with terminal.refusals_told():
        from services.lab.simulation.whole import closed_told

        with closed_told():
            _run(request)


def _run(request: Request) -> None:
    """Simulate, show what was found, write the files that were asked for."""
    began_at = monotonic()
    terminal.require_writable(request.html, request.markdown)
    found = _answer(request)
    terminal.show(found.report, [section.title for section in found.report.sections])
    terminal.write(found.report, request.html, request.markdown)
    if request.as_json:
        seconds = round(monotonic() - began_at, 2)
        # Nothing may follow it; not through rich, which would break a long line.
        typer.echo(json.dumps(found.figures | {"seconds": seconds}))


def _answer(request: Request) -> "Answer":
    """Read what was named, and simulate it."""
    from services.lab.simulation.asked import team_from, trial_from
    from services.lab.simulation.whole import Question, answer

    first_day = _first_day(request)
    trial = trial_from(request.file, first_day)
    other = trial_from(request.against, first_day) if request.against else None
    trial, other = _with_models(request, trial, other)
    team = team_from(request.people, request.team, trial, first_day)
    with _watching() as watch:
        coming, words = _coming(request, trial, other, first_day, watch)
        question = Question(
            trial=trial,
            other=other,
            other_name=request.against.name if request.against else "",
            team=team,
            coming=coming,
            words=words,
            kept=request.kept,
            seed=request.seed,
            mend=request.mend,
        )
        return answer(question, watch)


class Watch:
    """Says how far it is: a bar on a terminal, else a line now and then."""

    def __init__(self, bar: Progress) -> None:
        """Show on `bar`, if there is a terminal."""
        self._bar = bar
        self._task = bar.add_task("", total=None)
        self._what = ""
        self._said_at = monotonic()

    def begin(self, what: str) -> None:
        """Name what goes on now."""
        self._what = what
        self._bar.update(self._task, description=what, total=None, completed=0)
        self._line("")

    def show(self, share: float) -> None:
        """Say what share of it is done."""
        self._bar.update(self._task, total=1.0, completed=share)
        self._line(f" {share:.0%}")

    def _line(self, how_far: str) -> None:
        if not aside.is_terminal and monotonic() - self._said_at >= LINE_EVERY_SECONDS:
            self._said_at = monotonic()
            aside.print(f"{self._what}{how_far}", markup=False)


def _first_day(request: Request) -> date:
    from leadloop.clock import SystemClock
    from services.lab.simulation.asked import next_monday

    if not request.start:
        return next_monday(SystemClock().now().date())
    try:
        return datetime.strptime(request.start, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise Rejected(
            f"Expected a day such as 2026-04-01 for --start, found {request.start!r}."
        ) from error


def _with_models(
    request: Request, trial: "Trial", other: "Trial | None"
) -> "tuple[Trial, Trial | None]":
    """Have at hand the models that the agreements name."""
    from services.lab.simulation.asked import with_models

    if not (request.files.leads or request.database):
        if request.model:
            raise Rejected(
                "Of leads that are made up nothing is known to predict from: leave --model "
                "out, or name a history with --leads or --database."
            )
        return trial, other
    trials = [one for one in (trial, other) if one is not None]
    found = with_models(trials, request.model or (), request.database)
    return found[0], found[1] if other else None


def _coming(
    request: Request, trial: "Trial", other: "Trial | None", first_day: date, watch: Watch
) -> "tuple[Coming, str]":
    """Find what leads come."""
    from services.lab.simulation.asked import MadeUp, history_from, stream_from

    told = [bool(request.files.leads), bool(request.database), request.leads_per_week > 0]
    if sum(told) > 1:
        raise Rejected("Name one source: --leads FILE.csv, --database URL or --leads-per-week.")
    if request.files.leads or request.database:
        export = terminal.told_of(request.files) if request.files.leads else None
        trials = [one for one in (trial, other) if one is not None]
        return history_from(export, request.database, trials, watch.begin)
    made_up = MadeUp(
        per_week=request.leads_per_week,
        pattern=request.pattern,
        weeks=request.weeks,
        first_day=first_day,
        tiers=request.tiers,
        seed=request.seed,
    )
    return stream_from(made_up, trial)


@contextmanager
def _watching() -> Iterator[Watch]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    is_shown = aside.is_terminal
    with Progress(*columns, console=aside, transient=True, disable=not is_shown) as bar:
        yield Watch(bar)
