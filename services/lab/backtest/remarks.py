"""What a reader of a backtest has to know about the history that it stands on."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from leadloop.nearest import did_you_mean
from services.lab.backtest.counts import Counts
from services.lab.backtest.reads import Asked
from services.lab.history.columns import (
    UNKNOWN,
    UNKNOWN_OF_ACTIVITY,
    Columns,
    missing_fields,
)
from services.lab.history.export import Past, Table
from services.scoring.definition import Agreement

# With fewer leads of the rarer outcome, no share can be trusted.
OUTCOMES_MIN: Final = 30
NAMES_MAX: Final = 5


class Deeds(NamedTuple):
    """How the activities of a history lie to its leads.

    Attributes:
        all: Of leads that are there.
        early: Before their lead was known.
        late: After the outcome, and left out.
    """

    all: int = 0
    early: int = 0
    late: int = 0


class Remarks(NamedTuple):
    """Sentences: how the history was read, and what is doubtful about it."""

    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def remarks_on(
    past: Past, asked: Asked, agreements: Sequence[Agreement], counts: Counts, deeds: Deeds
) -> Remarks:
    """Return what to know about CSV files and how rules fit them."""
    notes = (*_how_read(past), *_on_deeds(deeds))
    warnings = (
        *_missing(past, asked),
        *_missing_of_models(past, asked),
        *_unknown_kinds(past, asked),
        *_leaky(past, asked),
        *_idle(past, agreements),
        *_few(counts),
    )
    return Remarks(tuple(notes), tuple(warnings))


def remarks_on_ledger(counts: Counts) -> Remarks:
    """Return what to know about our own past and how rules fit it."""
    return Remarks(
        (
            "Outcome: won: a cycle was won; lost: the last one was lost, returned or "
            "disqualified; open: sales never had the lead, or still has it.",
            "A lead is replayed until its outcome was known, with what was known of it then.",
        ),
        tuple(_few(counts)),
    )


def _how_read(past: Past) -> Iterator[str]:
    export = past.export
    for table in (export.leads, export.activities):
        if table is not None:
            yield _about(table)
            yield from _renamed(table.columns)
    yield f"Outcome: {past.plan.meaning.how}."
    if past.plan.leads.form is None:
        yield "No --time was named, so there are no volumes by week."
    elif past.plan.leads.form.form in ("dmy", "mdy"):
        order = {"dmy": "day first", "mdy": "month first"}[past.plan.leads.form.form]
        yield f"Times such as 3/4/2026 are read {order}, as their other values show."
    if past.foreign:
        yield (
            f"{past.foreign:,} lines are not {export.leads.dialect.encoding.upper()} and were "
            "read as Windows-1252; --encoding says otherwise."
        )
    renamed = {said: kind for said, kind in past.kinds.items() if said != kind}
    if renamed:
        shown = ", ".join(f"{said} is {kind}" for said, kind in list(renamed.items())[:10])
        yield f"Kinds of activities by the names that rules use: {shown}."


def _about(table: Table) -> str:
    dialect = table.dialect
    return (
        f"{dialect.name}: {len(dialect.header)} columns, {dialect.encoding.upper()}, "
        f"separated by {dialect.delimiter_name}."
    )


def _renamed(columns: Columns) -> Iterator[str]:
    if columns.renamed:
        shown = ", ".join(columns.renamed[:NAMES_MAX])
        yield f"{columns.file}: columns without a name of their own are called {shown}."


def _on_deeds(deeds: Deeds) -> Iterator[str]:
    if deeds.early:
        yield (
            f"{deeds.early:,} of {deeds.all:,} activities are from before their lead was "
            "known; they count from then on."
        )
    if deeds.late:
        yield f"{deeds.late:,} activities came after the outcome and do not count."


def _missing(past: Past, asked: Asked) -> Iterator[str]:
    """Tell the fields that rules read and no column fills."""
    export = past.export
    for one in missing_fields(export.leads.columns, asked.lead, UNKNOWN):
        result = "is blank for every lead" if one.field in UNKNOWN else "is never there"
        yield (
            f"lead.{one.field} {result}: {export.leads.dialect.name} has no such column"
            f"{one.hint}. Read by {named(asked.lead[one.field])}."
        )
    if export.activities is None:
        return
    given = {*UNKNOWN_OF_ACTIVITY, "kind"}
    for one in missing_fields(export.activities.columns, asked.activity.keys() - given, {}):
        yield (
            f"activity.{one.field} is never there: {export.activities.dialect.name} has no "
            f"such column{one.hint}. Read by {named(asked.activity[one.field])}."
        )


def _missing_of_models(past: Past, asked: Asked) -> Iterator[str]:
    """Tell the fields that models ask about and no column fills."""
    leads = past.export.leads
    by_model: dict[str, list[str]] = {}
    for one in missing_fields(leads.columns, asked.foretelling, UNKNOWN):
        for model in asked.foretelling[one.field]:
            by_model.setdefault(model, []).append(one.field)
    for model, fields in by_model.items():
        yield (
            f"{model} asks about {len(fields)} fields that {leads.dialect.name} does not have, "
            f"and takes them as not known: {named(fields)}."
        )


def _unknown_kinds(past: Past, asked: Asked) -> Iterator[str]:
    if past.export.activities is None:
        return
    known = sorted(set(past.kinds.values()))
    for kind, rules in asked.kinds.items():
        if kind not in known:
            hint = did_you_mean(kind, known)
            yield f"No activity is of the kind {kind}{hint}. Rules on it: {named(rules)}."


def _leaky(past: Past, asked: Asked) -> Iterator[str]:
    """Tell columns that were filled in when the outcome was known."""
    columns, outcome = past.export.leads.columns, past.export.leads.value
    unread = []
    if outcome is not None and (readers := _readers(columns, outcome, asked)):
        yield f"What reads the outcome itself proves nothing: {named(readers)}."
    for leak in past.leaks:
        readers = _readers(columns, columns.places[leak.column], asked)
        if readers:
            yield (
                f"The column {leak.column!r} {leak.why}. It was probably filled in when the "
                f"outcome was known, so what rests on it proves nothing: {named(readers)}."
            )
        else:
            unread.append(leak.column)
    if unread:
        yield (
            f"Write no rule on {named(unread)}: such columns were probably filled in when the "
            "outcome was known."
        )


def _readers(columns: Columns, place: int, asked: Asked) -> list[str]:
    """Return what reads a column, by any of its names."""
    asking = (*asked.lead.items(), *asked.foretelling.items())
    fields = (names for field, names in asking if columns.place(field) == place)
    return [name for names in fields for name in names]


def _idle(past: Past, agreements: Sequence[Agreement]) -> Iterator[str]:
    """Tell what an agreement asks that no CSV file can give."""
    if past.export.activities is None and any(a.engagement_rules for a in agreements):
        yield "There are no activities (--activities), so engagement rules give nothing."


def _few(counts: Counts) -> Iterator[str]:
    leads = counts.leads
    rarer = min(leads.won, leads.known - leads.won)
    if rarer < OUTCOMES_MIN:
        yield (
            f"Of {leads.known:,} leads with an outcome {leads.won:,} were won: too few of one "
            "kind to trust the shares; mind their intervals."
        )


def named(names: Sequence[str]) -> str:
    """Return some names as words, the first few of many."""
    shown = ", ".join(dict.fromkeys(names[:NAMES_MAX]))
    return shown + (f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else "")
