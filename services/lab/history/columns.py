"""The columns of a file by the names that rules use, and cells as rules see them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from leadloop.conditions import Value, Values
from leadloop.errors import Rejected
from leadloop.nearest import did_you_mean
from services.scoring.contract import attributes_of

# What every lead has for rules, known or not, as `contract.facts_of` gives it.
UNKNOWN: Final[Values] = {
    **dict.fromkeys(
        (
            *("email", "email_domain", "first_name", "last_name"),
            *("phone", "company", "job_title", "country"),
        ),
        "",
    ),
    "consent": "unknown",
}
# What every activity has, as `contract.activity_of` gives it.
UNKNOWN_OF_ACTIVITY: Final[Values] = {"url": "", "form": ""}

_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")
# As many languages write numbers: dots may part thousands, a comma stands before decimals.
_WITH_COMMA: Final = re.compile(
    r"(?P<whole>-?[0-9]{1,3}(?:\.[0-9]{3})+|-?[0-9]+)(?:,(?P<decimals>[0-9]+))?", re.ASCII
)


def alias_of(name: str) -> str:
    """Return a name as a rule can write it after a dot: "Größe (m)" is groesse_m."""
    plain = unicodedata.normalize("NFC", name).lower().translate(_GERMAN)
    ascii_only = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    alias = _NO_WORD.sub("_", ascii_only).strip("_")
    return f"_{alias}" if alias[:1].isdigit() else alias


@dataclass(frozen=True)
class Columns:
    """The columns of one file.

    Attributes:
        names: As the file has them; one that is there twice or blank got a number.
        places: Where each name leads, aliases included.
        renamed: The columns whose name could not stay.
    """

    file: str
    names: tuple[str, ...]
    places: Mapping[str, int]
    renamed: tuple[str, ...]

    def place(self, name: str) -> int | None:
        """Return where a column stands; None when there is no such column."""
        return self.places.get(name)

    def require(self, name: str, option: str) -> int:
        """Return where a column stands.

        Raises:
            Rejected: There is none of this name.
        """
        place = self.places.get(name, self.places.get(alias_of(name)))
        if place is None:
            hint = did_you_mean(name, self.names)
            raise Rejected(
                f"{self.file} has no column {name!r}{hint}, which {option} names; "
                f"it has {self.listed()}."
            )
        return place

    def listed(self) -> str:
        """Return the names for people."""
        return ", ".join(self.names[:40]) + (", …" if len(self.names) > 40 else "")


def columns_of(file: str, header: Sequence[str]) -> Columns:
    """Name the columns; what two columns share as an alias is an alias of none."""
    names: list[str] = []
    renamed: list[str] = []
    for n, said in enumerate(header, 1):
        name, number = said or f"column_{n}", 2
        while name in names:
            name, number = f"{said or 'column'}_{number}", number + 1
        if name != said:
            renamed.append(name)
        names.append(name)
    shared = Counter(map(alias_of, names))
    aliases = {alias_of(name): n for n, name in enumerate(names) if shared[alias_of(name)] == 1}
    places = {**aliases, **{name: n for n, name in enumerate(names)}}
    places.pop("", None)
    return Columns(file, tuple(names), places, tuple(renamed))


class Cell(NamedTuple):
    """A field of a record: the name that rules use and the place among the cells."""

    name: str
    place: int


class Reading(NamedTuple):
    """Which columns are read, and how their cells become values.

    Attributes:
        columns: The places of the columns, in the order in which cells are handed over.
        read: Makes values from those cells.
    """

    columns: tuple[int, ...]
    read: Callable[[Sequence[str]], Values]


def reading_of(
    columns: Columns,
    wanted: Collection[str] | None,
    unknown: Values,
    own: Values = UNKNOWN,
    *,
    decimal_comma: bool = False,
) -> Reading:
    """Return how to read the fields that rules ask for.

    Args:
        columns: Of the file.
        wanted: The names that rules read; None when that can't be told, so all are read.
        unknown: What is always there.
        own: The names whose values stay texts, as they do for a lead of our own.
        decimal_comma: Numbers are written as 1.234,56.
    """
    names = list(columns.places) if wanted is None else sorted(set(wanted) & {*columns.places})
    used = sorted({columns.places[name] for name in names})
    cells = [Cell(name, used.index(columns.places[name])) for name in names]
    blank = {k: v for k, v in unknown.items() if wanted is None or k in wanted}
    derived = _email_place(columns) if "email_domain" in blank else None
    if derived is not None and "email_domain" not in columns.places:
        if derived not in used:
            used.append(derived)
        cells.append(Cell("email_domain", used.index(derived)))
    read_value = value_with_comma if decimal_comma else value_of
    return Reading(tuple(used), _Reader(tuple(cells), blank, own, read_value).read)


def _email_place(columns: Columns) -> int | None:
    return columns.places.get("email")


class _Reader:
    """Makes values from cells; leads with equal cells share them."""

    def __init__(
        self,
        cells: tuple[Cell, ...],
        blank: Values,
        own: Values,
        read_value: Callable[[str], Value],
    ) -> None:
        self._texts = tuple(
            cell for cell in cells if cell.name in own and cell.name != "email_domain"
        )
        self._numbers = tuple(cell for cell in cells if cell.name not in own)
        self._domain = next((c.place for c in cells if c.name == "email_domain"), None)
        self._blank = dict(blank)
        self._value_of = read_value

    def read(self, cells: Sequence[str]) -> Values:
        """Return the values that are there."""
        values: dict[str, Value] = dict(self._blank)
        for name, place in self._texts:
            text = cells[place].strip()
            if text:
                values[name] = text
        for name, place in self._numbers:
            value = self._value_of(cells[place])
            if value != "":
                values[name] = value
        if self._domain is not None:
            values["email_domain"] = cells[self._domain].strip().rpartition("@")[2]
        return values


@lru_cache(maxsize=65_536, typed=True)
def value_of(text: str) -> Value:
    """Return a cell as rules see it, by the rule for attributes; "" when it is blank."""
    return attributes_of({"": text.strip()}).get("", "")


@lru_cache(maxsize=65_536, typed=True)
def value_with_comma(text: str) -> Value:
    """Return a cell as rules see it, where numbers are written as 1.234,56."""
    found = _WITH_COMMA.fullmatch(text.strip())
    if found is None:
        return value_of(text)
    decimals = found["decimals"]
    number = value_of(found["whole"].replace(".", "") + (f".{decimals}" if decimals else ""))
    return value_of(text) if isinstance(number, str) else number


class Missing(NamedTuple):
    """A field that rules read and the file does not have."""

    field: str
    hint: str


def missing_fields(columns: Columns, wanted: Iterable[str], given: Values) -> list[Missing]:
    """Return the fields that no column fills; those of `given` are blank for every lead."""
    has_domain = "email" in columns.places
    return [
        Missing(name, did_you_mean(name, columns.places))
        for name in sorted(wanted)
        if name not in columns.places
        and not (name == "email_domain" and has_domain)
        and name not in given.keys() - UNKNOWN.keys() - UNKNOWN_OF_ACTIVITY.keys()
    ]
