"""What a simulation was asked for, checked and turned into what runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from leadloop.errors import Rejected
from services.lab.history.export import Told as Export
from services.lab.simulation import history
from services.lab.simulation.pattern import Pattern
from services.lab.simulation.report import QUARTER_WEEKS
from services.lab.simulation.runs import Coming
from services.lab.simulation.stream import Stream
from services.lab.simulation.team import PEOPLE_MAX, Team, alike, market_of
from services.lab.simulation.team_file import read_team
from services.lab.simulation.trial import Trial, read_trial
from services.scoring.definition import Agreement as Definition
from services.scoring.models.named import models_from, require_named

MONTHS_PER_QUARTER: Final = 3
LEADS_MAX: Final = 2_000_000


@dataclass(frozen=True, kw_only=True)
class MadeUp:
    """A stream to make up.

    Attributes:
        per_week: 0: as many as the agreement says marketing owes.
        tiers: Shares such as A=30,B=70; empty: all alike.
    """

    per_week: float
    pattern: Pattern
    weeks: int
    first_day: date
    tiers: str
    seed: int


def read_text(file: Path) -> str:
    """Return a file's text.

    Raises:
        Rejected: It can't be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text in UTF-8"
        raise Rejected(f"{file}: {reason.lower()}.") from error


def trial_from(file: Path, first_day: date) -> Trial:
    """Read an agreement that is to be tried.

    Raises:
        Rejected: With one error for each fault.
    """
    text = read_text(file)
    try:
        return read_trial(text, first_day)
    except Rejected as refusal:
        raise Rejected(f"{file}: {refusal.detail}", *refusal.errors) from refusal


def team_from(people: int, file: Path | None, trial: Trial, first_day: date) -> Team:
    """Return who works: so many alike, or those of a file.

    Raises:
        Rejected: Nobody was named, or both ways were used, or the file has faults.
    """
    if (people > 0) == (file is not None):
        raise Rejected("Say who takes leads: --people N, or --team FILE.yaml, one of the two.")
    if people > PEOPLE_MAX:
        raise Rejected(f"Expected at most {PEOPLE_MAX:,} people, found {people:,}.")
    text = None if file is None else read_text(file)
    try:
        return team_of(people, text, trial, first_day)
    except Rejected as refusal:
        raise Rejected(f"{file}: {refusal.detail}", *refusal.errors) from refusal


def team_of(people: int, text: str | None, trial: Trial, first_day: date) -> Team:
    """Return those whom a text names; without one, so many who work alike.

    Raises:
        Rejected: The text has faults.
    """
    calendar, market = trial.terms.calendar, market_of(trial.agreement)
    if text is None:
        return alike(people, calendar, market)
    return read_team(text, calendar, market, first_day)


def stream_from(asked: MadeUp, trial: Trial) -> tuple[Coming, str]:
    """Make up what comes; return it with what to know about it.

    Raises:
        Rejected: Nothing says how many, or too many would come.
    """
    per_week, why = asked.per_week, ""
    if not per_week:
        level = trial.agreement.marketing_level
        if level is None:
            raise Rejected(
                "Say what leads come: --leads-per-week N, --leads FILE.csv or --database URL; "
                "the agreement has no marketing_owes to go by."
            )
        per_week = level.qualified_per_month * MONTHS_PER_QUARTER / QUARTER_WEEKS
        why = ", which is what marketing owes"
    if per_week * asked.weeks > LEADS_MAX:
        raise Rejected(f"Expected at most {LEADS_MAX:,} leads in all, found more.")
    zone = trial.terms.calendar.time_zone
    stream = Stream(asked.first_day, asked.weeks, per_week, asked.pattern, zone, asked.seed)
    prospects = list(stream.prospects())
    if not prospects:
        raise Rejected(f"Not one lead comes in {asked.weeks} weeks: ask for more a week.")
    coming = Coming(stream.begins_at, stream.ends_at, prospects, stream, shares_of(asked.tiers))
    hours = "at office hours" if asked.pattern is Pattern.OFFICE else "at any hour"
    shared = asked.tiers.replace(",", ", ") or "shared evenly among the tiers"
    return coming, (
        f"Leads: made up, {per_week:,.1f} qualified a week for {asked.weeks} weeks from "
        f"{asked.first_day}, {hours}{why}; {shared}. They do not go through the rules."
        f"{words_on_models([trial], made_up=True)}"
    )


def shares_of(told: str) -> tuple[tuple[str, float], ...]:
    """Read shares of tiers such as A=30,B=70.

    Raises:
        Rejected: They are written another way.
    """
    found: list[tuple[str, float]] = []
    for part in filter(None, (one.strip() for one in told.split(","))):
        tier, _, share = part.rpartition("=")
        if not tier or not share.strip().isdigit():
            raise Rejected(f"Expected shares of tiers such as A=30,B=70, found {part!r}.")
        found.append((tier.strip(), float(share)))
    return tuple(found)


def history_from(
    export: Export | None, url: str, trials: list[Trial], tell: Callable[[str], None]
) -> tuple[Coming, str]:
    """Read what came.

    Raises:
        Rejected: It can't be read, or its leads have no times.
    """
    coming, words = _history_from(export, url, trials, tell)
    return coming, words + words_on_models(trials, made_up=False)


def _history_from(
    export: Export | None, url: str, trials: list[Trial], tell: Callable[[str], None]
) -> tuple[Coming, str]:
    if export is None:
        return history.from_ledger(url, trials, tell)
    if not export.time:
        raise Rejected(
            "Name the column that says when a lead came: --time COLUMN; "
            "without it nothing tells how many come at once."
        )
    return history.from_export(export, trials, tell)


def with_models(trials: Sequence[Trial], files: Sequence[Path], url: str) -> list[Trial]:
    """Return agreements with the models that they name, of files or of scoring's database.

    Args:
        trials: The agreements.
        files: As `leadloop agreement learn` writes them.
        url: Of the database; empty when the leads are of files.

    Raises:
        Rejected: A file is no sound model, none of the agreements names it, or the database
            can't be read.
    """
    models = models_from(files)
    require_named(models, [trial.definition for trial in trials])
    if url and any(trial.definition.predictive_model for trial in trials):
        models = history.models_kept(url, trials, models)
    return [trial.with_models(models) for trial in trials]


def words_on_models(trials: Sequence[Trial], *, made_up: bool) -> str:
    """Say what is assumed of the predicted score; nothing where no agreement names a model."""
    said = [_words_on_model(trial.definition, made_up) for trial in trials]
    return "".join(f" {words}" for words in dict.fromkeys(said) if words)


def _words_on_model(definition: Definition, made_up: bool) -> str:
    version, model = definition.predictive_model, definition.model
    if not version:
        return ""
    if made_up:
        return f"Nothing is known of them that the model {version} could predict from."
    if model is None:
        return (
            f"The model {version} is not at hand (--model FILE.json, or `leadloop model add`), "
            "so conditions on `predicted` do not hold."
        )
    return (
        f"The model {version} says at each moment what it would have said then; it has learned "
        f"from leads that came up to {model.predictor.until[:10]}."
    )


def next_monday(today: date) -> date:
    """Return the Monday after a day."""
    return today + timedelta(days=7 - today.weekday())
