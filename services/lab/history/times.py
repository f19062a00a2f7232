"""Times as exports write them: the form of a column is told from its values, never guessed."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from leadloop.errors import Rejected

# What --time-format takes, besides a format with % as strptime knows it.
FORMS: Final = ("iso", "dmy", "mdy", "ymd", "epoch", "epoch-ms")
NULLS: Final = frozenset({"", "null", "none", "nan", "nat", "n/a", "na", "-", "\\n", "#n/a"})

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Day 0 of spreadsheets; their first two months are off by a day, which no lead is from.
_SHEET_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 (a day of the file's zone)
_CLOCK: Final = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp])?(?:\.?[Mm]\.?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_NUMBERS: Final = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})\.?" + _CLOCK, re.ASCII
)
_NAMED: Final = re.compile(
    r"(?:[A-Za-z]{2,9},? )?(?:(?P<day>\d{1,2})(?:st|nd|rd|th)?[ .-]+(?P<month>[A-Za-zäé]{3,9})"
    r"|(?P<month2>[A-Za-z]{3,9})[ .-]+(?P<day2>\d{1,2})(?:st|nd|rd|th)?)\.?,?[ .-]+"
    r"(?P<year>\d{4}|\d{2})" + _CLOCK
)
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            *("jan", "feb", "mar mär mrz", "apr", "may mai", "jun", "jul"),
            *("aug", "sep", "oct okt", "nov", "dec dez"),
        ),
        1,
    )
    for name in names.split()
}
# Of whole numbers, by their digits: how many of what they count are a second.
_COUNTS: Final = {9: 1, 10: 1, 12: 10**3, 13: 10**3, 15: 10**6, 16: 10**6, 18: 10**9, 19: 10**9}


@dataclass
class Evidence:
    """What the values of a column say about its form.

    Attributes:
        forms: How many values fit each form.
        days_first: Values whose first number can only be a day.
        days_second: Values whose second number can only be a day.
        strange: A few values that fit no form.
    """

    forms: Counter[str] = field(default_factory=Counter)
    days_first: int = 0
    days_second: int = 0
    strange: list[str] = field(default_factory=list)

    def look_at(self, texts: Iterable[str]) -> None:
        """Take note of values; blank ones say nothing."""
        for text in map(str.strip, texts):
            if text.lower() not in NULLS:
                self._note(text)

    def merge(self, other: "Evidence") -> None:
        """Add what other values say."""
        self.forms.update(other.forms)
        self.days_first += other.days_first
        self.days_second += other.days_second
        self.strange = (self.strange + other.strange)[:3]

    @property
    def is_of_times(self) -> bool:
        """Say whether most values are times, and none could be a mere number."""
        fitting = sum(n for form, n in self.forms.items() if form not in {"", "sheet"})
        return fitting > 0 and fitting >= 0.8 * self.forms.total()

    def _note(self, text: str) -> None:
        form = _form_of(text)
        if form == "d/m":
            found = _NUMBERS.fullmatch(text)
            self.days_first += bool(found and int(found["a"]) > 12)
            self.days_second += bool(found and int(found["b"]) > 12)
        elif not form and len(self.strange) < 3:
            self.strange.append(text[:40])
        self.forms[form] += 1


def _form_of(text: str) -> str:
    """Return the form of one value, "d/m" when day and month are told apart by others only."""
    whole, _, part = text.partition(".")
    if whole.isdigit() and (not part or (part.isdigit() and len(whole) > 8)):
        return _numeric_form(len(whole))
    if re.fullmatch(r"\d{5}\.\d+", text):
        return "sheet"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return "iso"
    found = _NUMBERS.fullmatch(text)
    if found:
        if len(found["a"]) == 4:
            return "ymd"
        return "dmy" if found["sep"] == "." else "d/m"
    return "named" if _NAMED.fullmatch(text) else ""


def _numeric_form(digits: int) -> str:
    if digits in _COUNTS:
        return "epoch"
    return {8: "iso", 14: "packed", 5: "sheet"}.get(digits, "")


Reader = Callable[[str], datetime | None]


class TimeForm(NamedTuple):
    """How a column writes times; picklable, unlike what it makes.

    Attributes:
        form: A name of FORMS, one found, or a format with %.
        zone: Where times without a zone are from; an IANA name.
    """

    form: str
    zone: str = "UTC"

    def reader(self) -> Reader:
        """Return what reads a value, as UTC; None when it does not fit."""
        zone = zone_of(self.zone)
        parse = _parser(self.form)
        # Most columns are ISO, which Python reads fastest.
        first = _iso if self.form in ("any", *FORMS[:4]) else _never

        def read(text: str) -> datetime | None:
            try:
                found = first(text)
            except ValueError:
                try:
                    found = parse(text.strip())
                except (ValueError, OverflowError, LookupError):
                    return None
            if found.tzinfo is UTC:
                return found
            if found.tzinfo is None:
                if zone is UTC:
                    return found.replace(tzinfo=UTC)
                found = found.replace(tzinfo=zone)
            return found.astimezone(UTC)

        return read


def zone_of(name: str) -> tzinfo:
    """Return a zone.

    Raises:
        Rejected: There is none of this name.
    """
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise Rejected(
            f"There is no time zone {name!r}: say one such as Europe/Berlin."
        ) from error


def form_of(evidence: Evidence, column: str, told: str = "", zone: str = "UTC") -> TimeForm:
    """Decide how a column writes times.

    Raises:
        Rejected: It holds no times, or day and month can't be told apart.
    """
    zone_of(zone)
    if told:
        if told not in FORMS and "%" not in told:
            raise Rejected(
                f"--time-format {told!r} is no format: say {', '.join(FORMS)}, or a format "
                "such as %d.%m.%Y %H:%M."
            )
        return TimeForm(told, zone)
    fitting = sum(n for form, n in evidence.forms.items() if form)
    if fitting * 2 <= evidence.forms.total() or not fitting:
        shown = ", ".join(map(repr, evidence.strange)) or "nothing"
        raise Rejected(
            f"The column {column!r} holds no times that can be read, found {shown}: name "
            "another column, or say how it writes them with --time-format."
        )
    return TimeForm(_main_form(evidence, column), zone)


def _main_form(evidence: Evidence, column: str) -> str:
    """Return one form that reads all values which fit any, as far as that is possible."""
    if not evidence.forms["d/m"]:
        return "any"
    if evidence.days_first and not evidence.days_second:
        return "dmy"
    if evidence.days_second and not evidence.days_first:
        return "mdy"
    clash = "some are a day first and some a month" if evidence.days_first else "no day is > 12"
    raise Rejected(
        f"The column {column!r} writes times such as 3/4/2026, and {clash}: say "
        "--time-format dmy for 3 April, or mdy for March 4."
    )


def _parser(form: str) -> Callable[[str], datetime]:
    if "%" in form:
        return lambda text: datetime.strptime(text, form)  # noqa: DTZ007 (the zone comes later)
    if form == "epoch":
        return lambda text: _EPOCH + timedelta(seconds=float(text))
    if form == "epoch-ms":
        return lambda text: _EPOCH + timedelta(milliseconds=float(text))
    return _Mixed(form).parse


def _iso(text: str) -> datetime:
    # Ten or more digits count seconds, though some of them look like a date.
    if text.isdigit():
        raise ValueError("expected a date with marks")
    return datetime.fromisoformat(text)


def _never(text: str) -> datetime:
    raise ValueError(f"expected another form, found {text!r}")


class _Mixed:
    """Reads every form that is clear by itself, and days and months in one order."""

    def __init__(self, order: str) -> None:
        self._month_first = order == "mdy"

    def parse(self, text: str) -> datetime:
        """Return a time, without a zone when it says none.

        Raises:
            ValueError: It is no time.
        """
        if text.isascii() and text.replace(".", "", 1).isdigit():
            return _counted(text)
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            found = _NUMBERS.fullmatch(text)
        if found:
            return _clocked(self._day(found["a"], found["b"], found["c"]), found)
        named = _NAMED.fullmatch(text)
        if named is None:
            raise ValueError(f"expected a time, found {text!r}")
        month = _MONTHS[(named["month"] or named["month2"])[:3].lower()]
        day = date(_year(named["year"]), month, int(named["day"] or named["day2"]))
        return _clocked(day, named)

    def _day(self, a: str, b: str, c: str) -> date:
        if len(a) == 4:
            return date(int(a), int(b), int(c))
        day, month = (b, a) if self._month_first else (a, b)
        return date(_year(c), int(month), int(day))


def _counted(text: str) -> datetime:
    """Read seconds, parts of seconds, days of a spreadsheet, or digits without marks."""
    whole = text.partition(".")[0]
    if len(whole) in _COUNTS:
        # Whole numbers first: a float does not hold nanoseconds.
        seconds = int(whole) // _COUNTS[len(whole)]
        return _EPOCH + timedelta(seconds=seconds)
    if len(text) == 8:
        return datetime.fromisoformat(text)
    if len(text) == 14:
        return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007 (the zone comes later)
    if len(whole) == 5:
        return _SHEET_EPOCH + timedelta(days=float(text))
    raise ValueError(f"expected a time, found {text!r}")


def _year(text: str) -> int:
    """Return a year; of two digits as POSIX reads them."""
    year = int(text)
    return year if len(text) > 2 else year + (1900 if year > 68 else 2000)


def _clocked(day: date, found: re.Match[str]) -> datetime:
    """Return the moment of a day that the clock of a match says, midnight when it says none."""
    if found["hour"] is None:
        return datetime(day.year, day.month, day.day)  # noqa: DTZ001 (the zone comes later)
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + 12 * (found["half"] in "Pp")
    micros = int((found["part"] or "0").ljust(6, "0")[:6])
    clock = (hour, int(found["minute"]), int(found["second"] or 0), micros)
    return datetime(day.year, day.month, day.day, *clock, tzinfo=_offset(found["zone"]))


def _offset(zone: str | None) -> tzinfo | None:
    if zone is None:
        return None
    return UTC if zone[0] not in "+-" else datetime.strptime(zone, "%z").tzinfo


def time_columns(names: Sequence[str], samples: Sequence[Sequence[str]]) -> list[str]:
    """Return the columns that hold times, for a hint."""
    found = []
    for n, name in enumerate(names):
        evidence = Evidence()
        evidence.look_at(row[n] for row in samples)
        if evidence.is_of_times:
            found.append(name)
    return found
