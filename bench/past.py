"""A made-up past as a company would export it: leads with outcomes, a log of what they did."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

START: Final = datetime(2024, 1, 1, 6, tzinfo=UTC)
DAYS: Final = 700
# Leads whose activities are mixed with one another, as in a log that is kept by time.
MIXED: Final = 5_000

HEADER: Final = (
    "Lead ID,Created,Email,Country,Job Title,Industry,Employees,Source,Consent,Outcome\n"
)
_COUNTRIES: Final = ("DE", "AT", "CH", "FR", "PL", "US")
_TITLES: Final = ("Head of IT", "Student", "Purchasing Manager", "Engineer", "Owner", "Intern")
_INDUSTRIES: Final = ("steel", "games", "logistics", "retail", "public")
_SOURCES: Final = ("search", "social", "partner", "fair", "referral")
_DEEDS: Final = (
    "page_view,https://shop.example/pricing,,45",
    "page_view,https://shop.example/,,5",
    "page_view,https://shop.example/blog/42,,120",
    "page_view,https://shop.example/jobs,,30",
    "email_click,https://shop.example/news,,3",
    "email_open,,,0",
    "webinar,,spring,1800",
    "form_submit,,newsletter,60",
    "form_submit,,contact,90",
)
_DEMO: Final = "demo_request,,demo,200"

AGREEMENT: Final = """
agreement: tried
signers: {marketing: Mara Lindt, sales: Tom Berger}
qualified_lead:
  caps: {web: 40, mail: 15, engagement: 90}
  fit:
    - {name: our market, when: 'lead.country in ["DE", "AT", "CH"]', points: 20}
    - {name: neighbours, when: 'lead.country in ["FR", "PL"]', points: 8}
    - name: can decide
      when: 'lead.job_title.contains("Head") || lead.job_title == "Owner"'
      points: 20
    - {name: buys, when: 'lead.job_title.startsWith("Purchasing")', points: 12}
    - {name: still learns, when: 'lead.job_title in ["Student", "Intern"]', points: -25}
    - {name: large, when: lead.employees >= 250, points: 15}
    - {name: middling, when: lead.employees >= 50 && lead.employees < 250, points: 8}
    - {name: makes things, when: 'lead.industry in ["steel", "logistics"]', points: 10}
    - name: knows us
      when: 'lead.source == "referral" || lead.source == "partner"'
      points: 10
    - {name: private mailbox, when: 'lead.email_domain in ["gmail.com", "gmx.de"]', points: -15}
  engagement:
    - {name: asked for a demo, on: demo_request, points: 40, at_most: 1}
    - name: wrote to us
      on: form_submit
      when: 'activity.form == "contact"'
      points: 20
      at_most: 2
    - name: wants news
      on: form_submit
      when: 'activity.form == "newsletter"'
      points: 5
      at_most: 1
    - name: looked at prices
      on: page_view
      when: 'activity.url.contains("/pricing")'
      points: 10
      at_most: 3 per 7d
      half_life: 30d
      group: web
    - name: read
      on: page_view
      when: activity.seconds >= 60
      points: 4
      half_life: 30d
      group: web
    - {name: looked around, on: page_view, points: 1, within: 30d, group: web}
    - name: looks for work
      on: page_view
      when: 'activity.url.contains("/jobs")'
      points: -20
      at_most: 1
    - {name: clicked, on: email_click, points: 4, half_life: 14d, group: mail}
    - {name: opened, on: email_open, points: 1, within: 14d, at_most: 5, group: mail}
    - {name: listened, on: webinar, when: activity.seconds > 900, points: 15, half_life: 60d}
  gates:
    - {name: may be contacted, when: 'lead.consent != "denied"', reason: No consent.}
  tiers:
    - {name: hand-raiser, when: 'activity.kind == "demo_request" && fit >= 10'}
    - {name: A, when: total >= 80 && fit >= 30}
    - {name: B, when: total >= 55}
service_levels:
  calendar: office
  tiers:
    hand-raiser: {accept: 5m, first_attempt: 15m}
    A: {accept: 15m, first_attempt: 1h}
    B: {accept: 2h, first_attempt: 8h}
calendars:
  office: {time_zone: Europe/Berlin, open: {mon-fri: ["09:00-17:00"]}}
reasons:
  no_need: {label: No need now, then: return, cool_down: 90d, new_evidence: A new request}
"""
CURRENT: Final = AGREEMENT.replace("total >= 55", "total >= 45").replace(
    "points: 15, half_life: 60d", "points: 15"
)


def write_past(folder: Path, leads: int, activities: int, seed: int = 1) -> Iterator[int]:
    """Write leads.csv and activities.csv; yield the number of leads written so far.

    The activities are in the order of their time, so that those of a lead lie far apart.
    """
    random = Random(seed)
    step = timedelta(days=DAYS) / (leads * activities or 1)
    with (
        (folder / "leads.csv").open("w") as people,
        (folder / "activities.csv").open("w") as log,
    ):
        people.write(HEADER)
        log.write("lead,kind,url,form,seconds,at\n")
        for begin in range(0, leads, MIXED):
            block = range(begin, min(begin + MIXED, leads))
            moment = START + step * (begin * activities)
            wanting = {n for n in block if random.random() < 0.1}
            people.writelines(_lead(n, moment, random, n in wanting) for n in block)
            doing = [n for n in block for _ in range(activities)]
            random.shuffle(doing)
            for k, n in enumerate(doing):
                deed = (
                    _DEMO if n in wanting and random.random() < 0.1 else random.choice(_DEEDS)
                )
                at = moment + step * k
                log.write(f"L{n:07},{deed},{at.isoformat(timespec='seconds')}\n")
            yield block[-1] + 1


def _lead(number: int, moment: datetime, random: Random, wants: bool) -> str:
    """Return a row; who wants it, and sits in the right place, is won more often."""
    country, title = random.choice(_COUNTRIES), random.choice(_TITLES)
    chance = 0.03 + 0.25 * wants + 0.06 * (country in _COUNTRIES[:3])
    outcome = "won" if random.random() < chance else "lost"
    domain = random.choice(("gmail.com", "steel.example", "logistics.example"))
    cells = (
        f"L{number:07}",
        moment.isoformat(timespec="seconds"),
        f"p{number}@{domain}",
        country,
        title,
        random.choice(_INDUSTRIES),
        str(random.choice((5, 60, 300, 4000))),
        random.choice(_SOURCES),
        random.choice(("granted", "granted", "unknown", "denied")),
        outcome,
    )
    return ",".join(cells) + "\n"
