"""The quarter told in tables: what the reports of the API say, drawn for a terminal."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.demo.company import (
    ABSENCE,
    BEGIN,
    CAMPAIGNS,
    CURL_TOKEN,
    END,
    FIRST_DAY,
    LAST_DAY,
    NAME,
    SELLER_OF,
    SELLERS,
    ZONE,
    Size,
    holidays,
)

Row = Mapping[str, Any]

_SERVICE_STYLE = {
    "intake": "cyan",
    "scoring": "magenta",
    "handoff": "yellow",
    "feedback": "green",
}
_BROKEN = ("Broken", "Needs a manager", "Goes from")
_SHORTENED = ("Broken", "Warning")
_TELLING_LEADS_MIN = 5


def period() -> str:
    """Return the quarter as the query of a report."""
    return f"from={_utc(BEGIN)}&to={_utc(END)}"


def opening(size: Size) -> RenderableType:
    """Say whose quarter it is, and what happens in it."""
    first, last = f"{FIRST_DAY.day} {FIRST_DAY:%B}", f"{LAST_DAY.day} {LAST_DAY:%B %Y}"
    away = SELLER_OF[ABSENCE.seller_id].name
    closed = ", ".join(f"{name} ({day.day} {day:%B})" for day, name in holidays().items())
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_row(
        "marketing",
        f"reaches {size.leads:,} people by {len(CAMPAIGNS)} campaigns; HubSpot, Mautic and the "
        "website tell of them by signed webhooks",
    )
    facts.add_row(
        "sales",
        f"{len(SELLERS)} people, some quick and some slow; Clara Vogel forgets, and {away} is "
        "away for two weeks and says so a day late",
    )
    facts.add_row(
        "agreement",
        "signed by both sides; its clocks run in working hours, not at night, not on weekends, "
        f"not on {closed}",
    )
    title = f"{NAME} sells shift planning; it is made up. Its quarter, {first} to {last}:"
    return Group(Text(title, style="bold"), "", facts, "")


def summary(counts: Mapping[str, int], seconds: float) -> RenderableType:
    """Say how much happened, and how long it took."""
    return Text.from_markup(
        f"\n[bold]91 days in {seconds:.0f} s.[/bold] {counts['posts']:,} webhooks came in, "
        f"{counts['commands']:,} commands from sales ({counts['too late']} came too late and "
        f"heard so), {counts['events']:,} events were published, {counts['deliveries']:,} "
        "signed webhooks went out.\n"
    )


def funnel(rows: Sequence[Row]) -> RenderableType:
    """Draw how far the people of each campaign came."""
    table = _table("How far people came, by campaign of the first touch", ("campaign",))
    for name in ("people", "qualified", "%", "accepted", "deals", "won", "lost", "back"):
        table.add_column(name, justify="right", style="dim" if name == "%" else "")
    table.add_column("EUR won", justify="right")
    for row in rows:
        table.add_row(row["group"] or "(none)", *_funnel_cells(row))
    table.add_section()
    table.add_row("all", *_funnel_cells(_total(rows)), style="bold")
    return table


def goals(rows: Sequence[Row], size: Size) -> RenderableType:
    """Say how far both teams came towards what they want together."""
    won, euros = _total(rows)["won"], _total(rows)["values"]["EUR"] // 100
    return Text.from_markup(
        f"\nTheir shared goal: {size.customers} customers and {size.revenue:,} EUR. "
        f"Reached: {_kept(won, size.customers, ' customers')} and "
        f"{_kept(euros, size.revenue, ' EUR')}."
    )


def _funnel_cells(row: Row) -> list[str]:
    share = f"{round(100 * row['qualified'] / row['captured'])}" if row["captured"] else "-"
    ends = [str(row[name]) for name in ("accepted", "converted", "won", "lost", "returned")]
    euros = row["values"].get("EUR", 0) // 100
    return [f"{row['captured']:,}", str(row["qualified"]), share, *ends, f"{euros:,}"]


def _total(rows: Sequence[Row]) -> Row:
    names = ("captured", "qualified", "accepted", "converted", "won", "lost", "returned")
    sums: dict[str, Any] = {name: sum(row[name] for row in rows) for name in names}
    return sums | {"values": {"EUR": sum(row["values"].get("EUR", 0) for row in rows)}}


def sales_levels(rows: Sequence[Row]) -> RenderableType:
    """Draw how sales kept its clocks."""
    table = _table("What sales owes a lead: its time, in hours of work", ("tier", "clock"))
    for name in ("agreed", "in time", "late", "not done", "kept", "median", "95 %"):
        table.add_column(name, justify="right")
    for row in rows:
        ended = row["met"] + row["late"] + row["breached"]
        table.add_row(
            row["tier"],
            row["kind"],
            _agreed(row),
            str(row["met"]),
            str(row["late"]),
            str(row["breached"]),
            _graded(row["met"], ended, owed=90),
            _duration(row["p50_seconds"]),
            _duration(row["p95_seconds"]),
        )
    return table


def marketing_levels(rows: Sequence[Row]) -> RenderableType:
    """Draw how marketing kept what it owes."""
    table = _table("What marketing owes sales: leads, and good ones", ("month",))
    for name in ("qualified", "owed", "accepted", "owed", "complete", "owed"):
        table.add_column(name, justify="right", style="dim" if name == "owed" else "")
    for row in rows:
        table.add_row(
            row["month"],
            _kept(row["qualified"], row["owed"], ""),
            str(row["owed"]),
            _kept(row["accepted_percent"], row["accepted_percent_owed"], " %"),
            f"{row['accepted_percent_owed']} %",
            _kept(row["complete_percent"], row["complete_percent_owed"], " %"),
            f"{row['complete_percent_owed']} %",
        )
    return table


def reasons(rows: Sequence[Row]) -> RenderableType:
    """Draw why leads came back, a column a campaign, and say what stands out."""
    campaigns = list(dict.fromkeys(row["group"] or "(none)" for row in rows))
    counts: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        counts[row["label"]][row["group"] or "(none)"] = row
    table = _table("Why sales gave leads back, by campaign of the first touch", ("reason",))
    for campaign in campaigns:
        table.add_column(campaign.replace("-", "-\n"), justify="right")
    table.add_column("all", justify="right", style="bold")
    for label, by_campaign in sorted(counts.items(), key=lambda one: -_sum(one[1].values())):
        cells = [_count(by_campaign.get(campaign)) for campaign in campaigns]
        table.add_row(label, *cells, str(_sum(by_campaign.values())))
    return Group(table, *_what_stands_out(rows))


def _what_stands_out(rows: Sequence[Row]) -> list[RenderableType]:
    """Name the campaign whose leads come back for one reason more than all others do."""
    everyone = _sum(rows)
    of_reason = {row["label"]: 0 for row in rows}
    for row in rows:
        of_reason[row["label"]] += row["leads"]
    telling = [row for row in rows if row["leads"] >= _TELLING_LEADS_MIN]
    if not telling:
        return []
    most = max(telling, key=lambda row: row["percent"] / of_reason[row["label"]])
    sentence = (
        f"\n{most['label']}: {most['percent']} % of what came back from {most['group']}, "
        f"{_percent(of_reason[most['label']], everyone)} of what came back in all."
    )
    return [Text(sentence, style="italic")]


def timeline(items: Sequence[Row], name: str) -> RenderableType:
    """Draw one lead's story, a paragraph a day."""
    title = f"\nOne lead, {name}: why she scored, who got her and why, what was due when"
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=False,
        pad_edge=False,
    )
    table.add_column("time", style="dim", no_wrap=True)
    table.add_column("service", no_wrap=True)
    table.add_column("what", overflow="fold")
    day = ""
    for item in items:
        at = _local(item["at"])
        if f"{at:%d %B}" != day:
            day = f"{at:%d %B}"
            table.add_row("", "", Text(f"{at:%A} {at.day} {at:%B}", style="bold underline"))
        service = Text(item["service"], style=_SERVICE_STYLE.get(item["service"], ""))
        table.add_row(f"{at:%H:%M}", service, _what(item))
    return table


def _what(item: Row) -> Text:
    """Return what happened, and why; each thing is explained once."""
    sentence = item["sentence"]
    if sentence.startswith(_SHORTENED):
        sentence = sentence.partition(" of business time")[0]
    text = Text(sentence, style="red" if sentence.startswith(_BROKEN) else "")
    for detail in [*_gathered(item["details"]), *_slept(item["event"])]:
        text.append(f"\n  {detail}", style="dim")
    return text


def _gathered(details: Sequence[str]) -> list[str]:
    """Name all who were passed over for one reason in one line."""
    lines: dict[str, list[str]] = {}
    for detail in details:
        who, _, why = detail.partition(": ")
        if detail.startswith("not "):
            lines.setdefault(why, []).append(who.removeprefix("not "))
        else:
            lines[detail] = []
    return [f"not {', '.join(who)}: {why}" if who else why for why, who in lines.items()]


def _slept(event: Mapping[str, Any]) -> list[str]:
    """Say which holidays and weekends the clocks of a handoff passed over."""
    stretches = [one for clock in event.get("clocks", ()) for one in clock["intervals"]]
    if not stretches:
        return []
    first = _local(min(one["starts_at"] for one in stretches)).date()
    last = _local(max(one["ends_at"] for one in stretches)).date()
    between = [first + timedelta(days=day) for day in range((last - first).days)]
    free = [word for day in between if (word := _free(day))]
    return [f"no clock runs on {', '.join(dict.fromkeys(free))}"] if free else []


def _free(day: date) -> str:
    """Name a day without work, empty for any other."""
    if name := holidays().get(day):
        return f"{name} ({day.day} {day:%B})"
    return "the weekend" if day.isoweekday() > 5 else ""


def what_next(folder: str, lead_id: str) -> RenderableType:
    """Say what to try with the data that are kept now."""
    url = "http://127.0.0.1:8000"
    report = f"'{url}/v1/reports/funnel?{period()}'"
    up = "leadloop up" if folder == ".leadloop" else f"leadloop up --folder {folder}"
    tries = (
        ("serve what you have just seen; then, in another terminal:", up),
        ("the funnel as programs read it, and as people do", f"curl {report}"),
        ("", f"curl -H 'accept: text/plain' {report}"),
        ("her story again, and why she scores what she scores", f"leadloop timeline {lead_id}"),
        ("", f"leadloop explain {lead_id}"),
        ("be a lead yourself: who gets it, and until when?", _curl_lead(url)),
        ("", f"curl '{url}/v1/handoffs?limit=1'"),
        ("all routes, to try in a browser", f"{url}/docs"),
    )
    lines = Text("What to try next\n", style="bold")
    for why, command in tries:
        lines.append(f"\n  # {why}\n" if why else "", style="not bold dim")
        lines.append(f"  {command}\n", style="not bold cyan")
    return lines


def _curl_lead(url: str) -> str:
    return (
        f"curl {url}/hooks/curl -H 'authorization: Bearer {CURL_TOKEN}' \\\n"
        '    -H \'content-type: application/json\' -d \'{"email": "you@firm.example",\n'
        '    "company": "Firm", "job_title": "Owner", "country": "DE", "employees": 120,\n'
        '    "activity": "demo_request"}\''
    )


def _table(title: str, words: Iterable[str]) -> Table:
    """Return an empty table; the first columns hold words, the others will hold numbers."""
    table = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    for word in words:
        table.add_column(word, no_wrap=True)
    return table


def _percent(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)} %" if whole else "-"


def _graded(kept: int, ended: int, owed: int) -> str:
    """Return a share in the colour of how good it is."""
    if not ended:
        return "-"
    colour = "green" if 100 * kept >= owed * ended else "red"
    return f"[{colour}]{_percent(kept, ended)}[/{colour}]"


def _kept(value: int | None, owed: int | None, unit: str) -> str:
    """Return a value, green when it is what was owed."""
    if value is None:
        return "-"
    colour = "green" if owed is None or value >= owed else "red"
    return f"[{colour}]{value:,}{unit}[/{colour}]"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes}" if minutes else f"{hours} h"


def _agreed(row: Row) -> str:
    shortest, longest = (_duration(row[f"allowed_seconds_{end}"]) for end in ("min", "max"))
    return longest if shortest == longest else f"{shortest} to {longest}"


def _count(row: Row | None) -> str:
    return str(row["leads"]) if row else "[dim]-[/dim]"


def _sum(rows: Iterable[Row]) -> int:
    return sum(row["leads"] for row in rows)


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(ZONE)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
