"""An agreement as one page of plain text that both teams can read."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from leadloop.agreement.calendars import WEEKDAYS, Calendar
from leadloop.agreement.goals import MONTHS, needed, revenue_cents_each
from leadloop.agreement.items import FOLLOWS, calendar_terms, money, rule_terms, time_in_words
from leadloop.agreement.terms import Agreement, Definition, Goals, Reason, Rule

# What a line tells of a rule beside its name, points and condition, in this order.
_HOW_IT_COUNTS = ("on", "counts", "fades", "within", "group", "product")
_SAID_BEFORE = {"on": "on ", "within": "in ", "group": "in group ", "product": "for product "}


def page(agreement: Agreement) -> str:
    """Return what both sides agree on, section by section, without what they left out."""
    parts = (
        _head(agreement),
        *_definition(agreement.definition),
        _service_levels(agreement),
        _calendar(agreement.calendar),
        _reasons(agreement),
        _goals(agreement),
        _content(agreement),
    )
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _head(agreement: Agreement) -> list[str]:
    signers = agreement.signers
    return [
        f"AGREEMENT {agreement.name}",
        f"between marketing ({signers.marketing} signs) and sales ({signers.sales} signs)",
        f"text {agreement.text_sha256}",
    ]


def _definition(definition: Definition) -> Iterator[list[str]]:
    fit = [rule for rule in definition.rules if not rule.is_engagement]
    engagement = [rule for rule in definition.rules if rule.is_engagement]
    yield _titled("WHO THEY ARE (fit)", _rules(fit))
    yield _titled("WHAT THEY DID (engagement)", _rules(engagement))
    caps = [(cap.group, f"at most {cap.points} points") for cap in definition.caps]
    yield _titled("CAPS", _columns(caps))
    if definition.products:
        yield _titled("PRODUCT LINES", [f"  {', '.join(definition.products)}"])
    gates = [(gate.name, gate.condition, gate.reason) for gate in definition.gates]
    yield _titled("GATES, whatever the points", _columns(gates))
    tiers = [(tier.name, tier.condition) for tier in definition.tiers]
    most = definition.cycles_max
    yield _titled(
        "TIERS, the first that holds",
        [
            *_columns(tiers),
            f"  A person is handed to sales at most {most} times." if most else "",
            f"  predicted is by model {definition.predictive_model}."
            if definition.predictive_model
            else "",
        ],
    )


def _rules(rules: Sequence[Rule]) -> list[str]:
    return _columns(
        [(rule.name, f"{rule.points:+}", _manner(rule), _condition(rule)) for rule in rules],
        right=(1,),
    )


def _manner(rule: Rule) -> str:
    terms = rule_terms(rule)
    told = (_SAID_BEFORE.get(key, "") + terms[key] for key in _HOW_IT_COUNTS if key in terms)
    return ", ".join(told)


def _condition(rule: Rule) -> str:
    return "" if rule.condition == "true" else rule.condition


def _service_levels(agreement: Agreement) -> list[str]:
    rows = [("", "accept", "first attempt", "warned at")]
    rows += [
        (
            level.tier,
            time_in_words(level.accept),
            time_in_words(level.first_attempt),
            f"{level.warn_percent}%",
        )
        for level in agreement.service_levels
    ]
    moved = agreement.reassign_max
    often = "once" if moved == 1 else f"at most {moved} times"
    after = f"  After a breach a lead goes to another person, {often}."
    return _titled("SALES OWES, in business time", [*_columns(rows), after if moved else ""])


def _calendar(calendar: Calendar) -> list[str]:
    terms = calendar_terms(calendar)
    rows = []
    for hours, days in groupby(WEEKDAYS, key=lambda day: terms[day]):
        named = list(days)
        rows.append((named[0] if len(named) == 1 else f"{named[0]}-{named[-1]}", hours))
    if holidays := [one for one in calendar.closed_days if one.name != "closed"]:
        years = f"{holidays[0].day.year} to {holidays[-1].day.year}"
        rows.append(("holidays", f"closed on {len(holidays)} of them, {years}"))
    rows += [("closed", terms["closed"])] if "closed" in terms else []
    return _titled(f"CALENDAR {calendar.name}, {calendar.time_zone}", _columns(rows))


def _reasons(agreement: Agreement) -> list[str]:
    rows = [
        (reason.code, reason.label, FOLLOWS[reason.then], _way_back(reason))
        for reason in agreement.reasons
    ]
    return _titled("REASONS to refuse a lead or give it back", _columns(rows))


def _way_back(reason: Reason) -> str:
    told = [
        f"after {time_in_words(reason.cool_down)}" if reason.cool_down else "",
        f"with: {reason.new_evidence}" if reason.new_evidence else "",
        f"proven by {reason.reopened_by}" if reason.reopened_by else "",
    ]
    return ", ".join(one for one in told if one)


def _goals(agreement: Agreement) -> list[str]:
    goals, owed = agreement.goals, agreement.marketing_level
    lines: list[str] = _of_quarter(goals) if goals else []
    if owed:
        lines.append(
            f"  Marketing owes {owed.qualified_per_month} qualified leads a month "
            f"({owed.qualified_per_month * MONTHS} a quarter): {owed.accepted_percent}% "
            f"accepted, {owed.complete_percent}% with complete data."
        )
    return _titled("GOALS", lines)


def _of_quarter(goals: Goals) -> list[str]:
    each = money(revenue_cents_each(goals), goals.currency)
    lines = [
        f"  A quarter: {goals.customers} customers, "
        f"{money(goals.revenue_cents, goals.currency)} ({each} a customer)."
    ]
    if found := needed(goals):
        lines += [
            f"  That needs {found.qualified} qualified leads, "
            f"{found.qualified_per_month} a month:",
            *_columns(
                [
                    (str(found.qualified), "qualified", ""),
                    (str(found.accepted), "accepted", f"{goals.accepted_percent}%"),
                    (str(found.opportunities), "converted", f"{goals.converted_percent}%"),
                    (str(found.customers), "won", f"{goals.won_percent}%"),
                ],
                right=(0, 2),
            ),
        ]
    return lines


def _content(agreement: Agreement) -> list[str]:
    rows = [(asset.name, asset.condition, asset.url) for asset in agreement.content]
    return _titled("CONTENT, and whom it suits", _columns(rows))


def _titled(title: str, lines: Iterable[str]) -> list[str]:
    """Return lines under a title; nothing without lines."""
    kept = [line for line in lines if line]
    return [title, *kept] if kept else []


def _columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Return rows with their columns below one another, each row a line."""
    if not rows:
        return []
    rows = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if n in right else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
