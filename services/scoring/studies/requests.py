"""What may be asked of a study, each part within bounds: read from HTTP, and by its process."""

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

BACKTEST: Final = "backtest"
SIMULATION: Final = "simulation"
LESSONS: Final = "lessons"

# More than an agreement may have, so that the fault is told by the reader, with its limit.
TEXT_LENGTH_MAX: Final = 600_000
PEOPLE_MAX: Final = 10_000
# As many as a simulation holds, see services/lab/simulation/team.py.
SIMULATED_PEOPLE_MAX: Final = 2_000
TEAM_LENGTH_MAX: Final = 200_000
WEEKS_MAX: Final = 520
# A lead takes about a millisecond, and mending what breaks may take dozens of runs.
STREAM_LEADS_MAX: Final = 100_000
TIERS_MAX: Final = 50
SHARE_MAX: Final = 1_000_000
SEED_MAX: Final = 2**53 - 1
# Calendars know their holidays between these days.
DAY_MIN: Final = date(2000, 1, 1)
DAY_MAX: Final = date(2100, 1, 1)

_Text = Annotated[str, Field(max_length=TEXT_LENGTH_MAX, description="The agreement, YAML.")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BacktestIn(_In):
    """What to try."""

    text: _Text
    people: int = Field(0, ge=0, le=PEOPLE_MAX, description="In sales, for volume per person.")


class SimulationIn(_In):
    """What to live through."""

    text: _Text
    against: str = Field(
        "",
        max_length=TEXT_LENGTH_MAX,
        description="Another agreement, YAML: the same leads, the same chances.",
    )
    history: bool = Field(
        False, description="The leads of our own ledger, through the rules; else made up."
    )
    leads_per_week: float = Field(
        0, ge=0, le=STREAM_LEADS_MAX, description="Qualified; 0: what marketing owes."
    )
    pattern: Literal["office", "even"] = Field("office", description="When they come.")
    weeks: int = Field(13, ge=1, le=WEEKS_MAX, description="How long they come.")
    first_day: date | None = Field(
        None, ge=DAY_MIN, le=DAY_MAX, description="Left out: next Monday."
    )
    tiers: dict[str, Annotated[int, Field(ge=0, le=SHARE_MAX)]] = Field(
        {},
        max_length=TIERS_MAX,
        description='Their shares, such as {"A": 30, "B": 70}; else even.',
    )
    people: int = Field(
        0, ge=0, le=SIMULATED_PEOPLE_MAX, description="In sales, all alike; or name a team."
    )
    team: str = Field(
        "", max_length=TEAM_LENGTH_MAX, description="Who they are and how they work, YAML."
    )
    kept: float = Field(
        95, ge=1, le=100, description="Percent of its clocks by which a level holds."
    )
    seed: int = Field(1, ge=-SEED_MAX, le=SEED_MAX, description="Of all that is chance.")
    mend: bool = Field(True, description="Try what would mend what breaks.")


class LessonsIn(_In):
    """What to learn from our own outcomes."""

    text: _Text
    split: date | None = Field(
        None,
        ge=DAY_MIN,
        le=DAY_MAX,
        description="Leads from this day on are held back to measure on; else the newest "
        "quarter.",
    )
    proposals: bool = Field(True, description="Further rules too, not only other points.")
    predictive: bool = Field(False, description="Learn a predictive score too.")
