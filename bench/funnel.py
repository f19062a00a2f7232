"""A real funnel to learn from: Olist's marketing leads of 2018 with the deals they became.

Two CSV files, published on Kaggle as "Marketing Funnel by Olist" under CC BY-NC-SA 4.0; they
are read where they lie and are no part of this project.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from leadloop.conditions import Condition, Verdict
from services.lab.learning.history import History, RatedRule
from services.scoring.models.columns import Field

LEADS: Final = "olist_marketing_qualified_leads_dataset.csv"
DEALS: Final = "olist_closed_deals_dataset.csv"
FOLDER: Final = "olist_marketing_funnel"
# Deals are recorded from December 2017 on, so leads of 2017 seem lost that were not.
BEGIN: Final = date(2018, 1, 1)
SPLIT: Final = date(2018, 4, 15)


@dataclass(frozen=True)
class Judged:
    """A rule of the agreement."""

    name: str
    condition: str
    points: int


# What two teams might sign at a first meeting, without a look at outcomes: who searched for us
# or was sent by others wants something, who saw a banner does not, weekends are for browsing.
AGREEMENT: Final = (
    Judged("came by a paid search", 'lead.origin == "paid_search"', 20),
    Judged("came by a search", 'lead.origin == "organic_search"', 15),
    Judged("sent by another site", 'lead.origin == "referral"', 25),
    Judged("answered an email", 'lead.origin == "email"', 15),
    Judged("typed our address", 'lead.origin == "direct_traffic"', 20),
    Judged("came from a social network", 'lead.origin == "social"', 5),
    Judged("saw a banner", 'lead.origin == "display"', -5),
    Judged("saw other publicity", 'lead.origin == "other_publicities"', -5),
    Judged("nobody knows from where", 'lead.origin == "unknown"', -10),
    Judged("on a working day", "lead.weekday <= 5", 5),
    Judged("on a weekend", "lead.weekday >= 6", -5),
)


class NoFunnel(Exception):
    """The files are not where they should be."""


@dataclass(frozen=True)
class Lead:
    """One row with what came of it; `won_on` is None for a lead that was not won."""

    fields: Mapping[str, str | int]
    came_on: date
    won_on: date | None


def read_funnel(folder: Path) -> tuple[Lead, ...]:
    """Return the leads of 2018 in the order of time.

    Raises:
        NoFunnel: The folder, or the one named for the funnel in it, does not hold the files.
    """
    place = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    for name in (LEADS, DEALS):
        if not (place / name).is_file():
            raise NoFunnel(f"expected {name} in {place}, found no such file")
    won_on = {
        row["mql_id"]: date.fromisoformat(row["won_date"][:10]) for row in _rows(place / DEALS)
    }
    leads = (_lead(row, won_on.get(row["mql_id"])) for row in _rows(place / LEADS))
    return tuple(
        sorted(
            (lead for lead in leads if lead.came_on >= BEGIN),
            key=lambda lead: (lead.came_on, str(lead.fields["mql_id"])),
        )
    )


def history_of(leads: tuple[Lead, ...], known_on: date = date.max) -> History:
    """Return leads under the agreement, with the outcomes that were known on a day."""
    columns = list(leads[0].fields) if leads else []
    fields: dict[str, list[Field]] = {
        name: [lead.fields[name] or None for lead in leads] for name in columns
    }
    strengths = np.zeros((len(leads), len(AGREEMENT)), dtype=np.float32)
    for place, rule in enumerate(AGREEMENT):
        condition = Condition(rule.condition)
        strengths[:, place] = [_holds(condition, lead) for lead in leads]
    return History(
        rules=tuple(RatedRule(rule.name, rule.points) for rule in AGREEMENT),
        strengths=strengths,
        won=np.array([lead.won_on is not None and lead.won_on < known_on for lead in leads]),
        at=np.array([lead.came_on.isoformat() for lead in leads], dtype="datetime64[s]"),
        fields=fields,
        sources=[str(lead.fields["origin"] or "none") for lead in leads],
    )


def _holds(condition: Condition, lead: Lead) -> bool:
    """Say whether a rule holds; an empty field is one that the lead does not have."""
    present = {name: value for name, value in lead.fields.items() if value != ""}
    return condition.judge(present) is Verdict.HOLDS


def _lead(row: Mapping[str, str], won_on: date | None) -> Lead:
    """Read one lead; its weekday is told from its date, 1 for Monday."""
    came_on = date.fromisoformat(row["first_contact_date"])
    return Lead({**row, "weekday": came_on.isoweekday()}, came_on, won_on)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
