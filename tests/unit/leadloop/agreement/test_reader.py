from datetime import date, timedelta
from pathlib import Path

import pytest

from leadloop.agreement.calendars import ClosedDay, Opening
from leadloop.agreement.document import SIZE_BYTES_MAX
from leadloop.agreement.reader import Checked, check, sha256_of
from tests.unit.feedback.builders import SOUND

TODAY = date(2026, 3, 2)
EXAMPLE = Path(__file__).parents[4] / "deploy" / "agreement.example.yaml"

TWO_TIERS = SOUND[SOUND.index("    - {name: A") : SOUND.index("  cycles_at_most")]

# What is changed in the sound text, the line and path that must be named, what must be said.
BROKEN = {
    "syntax": ("reasons:\n", "reasons: [\n", 30, "", "YAML"),
    "unknown key": (
        "cycles_at_most",
        "cycle_at_most",
        14,
        "/qualified_lead/cycle_at_most",
        "did you mean cycles_at_most",
    ),
    "missing key": (", points: 20", "", 5, "/qualified_lead/fit/0", "the key points"),
    "wrong type": (
        "points: 20",
        "points: twenty",
        5,
        "/qualified_lead/fit/0/points",
        "a whole number",
    ),
    "list for a mapping": (
        "{marketing: Mara, sales: Tom}",
        "[Mara, Tom]",
        2,
        "/signers",
        "a mapping",
    ),
    "a number for a name": (
        "label: No budget",
        "label: 12",
        29,
        "/reasons/no_budget/label",
        "the number 12",
    ),
    "points out of range": (
        "points: -15",
        "points: -15000000",
        6,
        "/qualified_lead/fit/1/points",
        "-10000",
    ),
    "condition does not compile": (
        "total >= 60",
        "total >=",
        12,
        "/qualified_lead/tiers/0/when",
        "CEL",
    ),
    "unknown name in a condition": (
        "total >= 40",
        "totl >= 40",
        13,
        "/qualified_lead/tiers/1/when",
        "did you mean total",
    ),
    "unknown function": (
        "endsWith",
        "endswith",
        6,
        "/qualified_lead/fit/1/when",
        "did you mean endsWith",
    ),
    "two rules of one name": (
        "asked for a demo",
        "our market",
        8,
        "/qualified_lead/engagement/0/name",
        "again",
    ),
    "two tiers of one name": (
        "  cycles_at_most",
        "    - {name: A, when: total > 0}\n  cycles_at_most",
        14,
        "/qualified_lead/tiers/2/name",
        "again",
    ),
    "key given twice": (
        "  warn_at: 50%",
        "  calendar: office",
        17,
        "/service_levels/calendar",
        "again",
    ),
    "tier without service level": (
        "    B: {accept: 2h, first_attempt: 8h}\n",
        "",
        19,
        "/service_levels/tiers",
        "B",
    ),
    "service level without tier": (
        "    B: {",
        "    C: {accept: 1h, first_attempt: 1h}\n    B: {",
        20,
        "/service_levels/tiers/C",
        "one of A, B",
    ),
    "unknown zone": (
        "Europe/Berlin",
        "Europe/Berln",
        23,
        "/calendars/office/time_zone",
        "did you mean Europe/Berlin",
    ),
    "no open hour": (
        '{mon-fri: ["09:00-12:30", "13:30-17:30"]}',
        "{}",
        24,
        "/calendars/office/open",
        "at least one open hour",
    ),
    "end before start": (
        "13:30-17:30",
        "17:30-13:30",
        24,
        "/calendars/office/open/mon-fri/1",
        "the end after the start",
    ),
    "hours overlap": (
        "13:30-17:30",
        "12:00-17:30",
        24,
        "/calendars/office/open/mon-fri/1",
        "overlap",
    ),
    "unknown weekday": (
        "mon-fri",
        "mon-fry",
        24,
        "/calendars/office/open/mon-fry",
        "a weekday",
    ),
    "warning out of range": ("50%", "150%", 17, "/service_levels/warn_at", "from 1% to 99%"),
    "unknown country": ("DE-BE", "XX", 25, "/calendars/office/holidays", "a country"),
    "unknown part of a country": (
        "DE-BE",
        "DE-ZZ",
        25,
        "/calendars/office/holidays",
        "a part of DE",
    ),
    "no such day": ("2026-12-24", "2026-02-30", 26, "/calendars/office/closed/0", "a date"),
    "duration without unit": (
        "accept: 15m",
        "accept: 15",
        19,
        "/service_levels/tiers/A/accept",
        "15m or 4h",
    ),
    "days of business time": (
        "accept: 2h",
        "accept: 1d",
        20,
        "/service_levels/tiers/B/accept",
        "15m or 4h",
    ),
    "unknown calendar": (
        "calendar: office",
        "calendar: ofice",
        16,
        "/service_levels/calendar",
        "did you mean office",
    ),
    "reason that leads nowhere": (
        "then: reroute",
        "then: forget",
        30,
        "/reasons/elsewhere/then",
        "one of disqualify",
    ),
    "return without a time": (", cool_down: 90d", "", 29, "/reasons/no_budget", "cool_down"),
    "a time that nothing waits for": (
        "then: reroute",
        "then: reroute, cool_down: 3d",
        30,
        "/reasons/elsewhere/cool_down",
        "no cool_down",
    ),
    "no code": ("  elsewhere:", "  Else Where:", 30, "/reasons/Else Where", "a code"),
    "one signer for both": ("sales: Tom", "sales: Mara", 2, "/signers/sales", "someone else"),
    "money without currency": ("480000 EUR", "480000", 31, "/goals/revenue", "currency"),
    "no tier": (TWO_TIERS, "    []\n", 12, "/qualified_lead/tiers", "at least one tier"),
    "a reference": (
        "{marketing: Mara, sales: Tom}",
        "*signers",
        2,
        "",
        "the reference *signers",
    ),
    "python in a tag": (
        "marketing: Mara",
        "marketing: !!python/name:os.system Mara",
        2,
        "/signers/marketing",
        "a person's name",
    ),
    "a broken escape": ("marketing: Mara", 'marketing: "\\UFFFFFFFF"', 1, "", "YAML"),
    "a control character": (
        "marketing: Mara",
        'marketing: "Ma\\0ra"',
        2,
        "/signers/marketing",
        "a person's name",
    ),
}


def checked(text: str) -> Checked:
    return check(text, TODAY)


def test_a_sound_agreement_has_no_fault_and_every_term():
    agreement = checked(SOUND).agreement

    assert agreement is not None
    assert agreement.text_sha256 == sha256_of(SOUND)
    assert agreement.signers.sales == "Tom"
    assert [rule.points for rule in agreement.definition.rules] == [20, -15, 40]
    assert agreement.definition.rules[2].activity_kind == "demo_request"
    assert agreement.service_levels[0].accept == timedelta(minutes=15)
    assert agreement.calendar.openings[0] == Opening(1, 540, 750)
    assert ClosedDay(date(2026, 12, 24), "closed") in agreement.calendar.closed_days
    assert ClosedDay(date(2026, 4, 6), "Easter Monday") in agreement.calendar.closed_days
    assert agreement.reasons[0].cool_down == timedelta(days=90)
    assert agreement.goals is not None
    assert agreement.goals.revenue_cents == 48_000_000


def test_the_example_is_sound():
    found = checked(EXAMPLE.read_text())

    assert found.faults == ()
    assert found.agreement is not None


@pytest.mark.parametrize("name", BROKEN)
def test_one_fault_is_found_with_its_line(name):
    sound, broken, line, path, said = BROKEN[name]
    assert sound in SOUND

    found = checked(SOUND.replace(sound, broken, 1))

    assert found.agreement is None
    assert [(fault.line, fault.path) for fault in found.faults] == [(line, path)]
    assert said in str(found.faults[0])


def test_several_faults_are_told_at_once_in_the_order_of_their_lines():
    text = SOUND.replace("points: 20", "points: x").replace("50%", "0%").replace("90d", "90")

    assert [fault.line for fault in checked(text).faults] == [5, 17, 29]


def test_a_norwegian_calendar_is_not_taken_for_a_no():
    assert checked(SOUND.replace("DE-BE", "NO")).agreement is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty text"),
        ("x: " + "y" * SIZE_BYTES_MAX, "256 KiB"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "the reference *a"),
        ("[" * 100_000, "12 levels"),
        ("- " * 100_000, "12 levels"),
        ("{a: " * 50_000, "12 levels"),
        ("- a\n" * 60_000, "10000 values"),
        ("a: 1\n---\nb: 2", "YAML"),
        ("\x00", "YAML"),
        ("\ud800", "surrogate"),
        ("just a word", "a mapping"),
    ],
    ids=lambda value: value[:12].strip() or "empty",
)
def test_a_text_made_to_hurt_is_refused_early(text, said):
    found = checked(text)

    assert found.agreement is None
    assert said in str(found.faults[0])


@pytest.mark.parametrize(
    "condition", ["(" * 500 + ")" * 500, "x" * 2_000, "[1" * 300, "!" * 999 + "true"]
)
def test_a_condition_made_to_hurt_is_a_fault_or_harmless(condition):
    found = checked(SOUND.replace("total >= 60", f"'{condition}'"))

    assert (found.agreement is None) == bool(found.faults)


def test_faults_are_bounded_however_many_there_are():
    many = "".join(f"  r{n}: {n}\n" for n in range(45)) + "".join(
        f"  s{n}: {n}\n" for n in range(5)
    )

    assert (
        len(checked(SOUND.replace("reasons:\n", "reasons:\n" + many[: 20 * 40])).faults) <= 50
    )
