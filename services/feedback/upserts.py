"""Statements that add facts to a table, with just the columns that a batch tells.

An event tells few of a row's columns, and each value sent costs: sending the empty ones too
took half as long again. What happens to a column on a conflict is declared here, once for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import TextClause, text

from services.feedback.facts import ClockFact, CycleFact

KEY = ""
# The first time of a step; LEAST passes over nulls.
FIRST = "LEAST(old.{0}, excluded.{0})"
KNOWN = "COALESCE(old.{0}, excluded.{0})"
HIGHEST = "GREATEST(old.{0}, excluded.{0})"


def newest_by(sequence: str) -> str:
    """Return the rule of a column that belongs to the highest sequence."""
    return (
        f"CASE WHEN excluded.{sequence} > old.{sequence} THEN excluded.{{0}} ELSE old.{{0}} END"
    )


_OWNER, _REASON = newest_by("owner_sequence"), newest_by("reason_sequence")


@dataclass(frozen=True)
class Target:
    """A table that facts are added to.

    Attributes:
        columns: By name, the type in SQL and what happens on a conflict.
        beside: Columns that are told only together with another one.
    """

    table: str
    columns: Mapping[str, tuple[str, str]]
    beside: Mapping[str, str]


CYCLES = Target(
    "cycles",
    {
        "lead_id": ("uuid", KEY),
        "cycle": ("int", KEY),
        "handoff_id": ("uuid", KNOWN),
        "tier": ("text", KNOWN),
        "qualified_at": ("timestamptz", FIRST),
        "is_complete": ("boolean", KNOWN),
        "missing": ("text", KNOWN),
        "routed_at": ("timestamptz", FIRST),
        "owner_sequence": ("int", HIGHEST),
        "owner_id": ("text", _OWNER),
        "accepted_at": ("timestamptz", FIRST),
        "attempted_at": ("timestamptz", FIRST),
        "rejected_at": ("timestamptz", FIRST),
        "recycled_at": ("timestamptz", FIRST),
        "converted_at": ("timestamptz", FIRST),
        "disqualified_at": ("timestamptz", FIRST),
        "withdrawn_at": ("timestamptz", FIRST),
        "reason_sequence": ("int", HIGHEST),
        "reason": ("text", _REASON),
        "reason_label": ("text", _REASON),
        "consequence": ("smallint", _REASON),
    },
    beside={"owner_sequence": "owner_id", "reason_sequence": "reason"},
)

CLOCKS = Target(
    "clocks",
    {
        "handoff_id": ("uuid", KEY),
        "kind": ("smallint", KEY),
        "started_at": ("timestamptz", KEY),
        "lead_id": ("uuid", KNOWN),
        "cycle": ("int", KNOWN),
        "due_at": ("timestamptz", KNOWN),
        "allowed_seconds": ("int", KNOWN),
        "warned_at": ("timestamptz", FIRST),
        "breached_at": ("timestamptz", FIRST),
        "met_at": ("timestamptz", FIRST),
        "used_seconds": ("int", KNOWN),
        "is_late": ("boolean", KNOWN),
    },
    beside={},
)


def told(
    target: Target, facts: Sequence[CycleFact] | Sequence[ClockFact]
) -> dict[str, list[object]]:
    """Return the columns that these facts tell, each as one array."""
    arrays = zip(*facts, strict=True)
    found = {name: list(values) for name, values in zip(facts[0]._fields, arrays, strict=True)}
    known = {name for name, values in found.items() if any(v is not None for v in values)}
    return {
        name: values
        for name, values in found.items()
        if name in known and target.beside.get(name, name) in known
    }


@cache
def statement(kind: str, names: tuple[str, ...]) -> TextClause:
    """Return the statement that adds facts with these columns to the table of a target."""
    target = {"cycles": CYCLES, "clocks": CLOCKS}[kind]
    keys = [name for name in names if target.columns[name][1] == KEY]
    arrays = [f"CAST(:{name} AS {target.columns[name][0]}[])" for name in names]
    changes = [
        f"{name} = {target.columns[name][1].format(name)}" for name in names if name not in keys
    ]
    # All of it is written above; nothing comes from outside.
    return text(
        f"INSERT INTO {target.table} AS old ({', '.join(names)}) "  # noqa: S608 (as said)
        f"SELECT * FROM unnest({', '.join(arrays)}) "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(changes)}"
    )
