"""Broken agreements, one fault each, and a sound one: each fault found, and nothing else."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer

from bench import report
from leadloop.agreement.checks import findings
from leadloop.agreement.lines import lines_of
from leadloop.agreement.reader import check

FOLDER: Final = Path(__file__).parent.parent / "tests" / "agreements"
# Holidays are resolved around it, so that the same is found on every day.
TODAY: Final = date(2026, 3, 2)
UNREADABLE: Final = "unreadable"

_MARK = re.compile(r"# fault: (\w+)$")


@dataclass(frozen=True)
class Figures:
    """What came of it.

    Attributes:
        faults: Agreements with a fault.
        found: Of these, the ones whose fault was told on its line, as what it is.
        false_alarms: All else that was told, of them or of the sound one.
        slowest_ms: The longest that reading and checking one of them took.
    """

    faults: int
    found: int
    false_alarms: int
    slowest_ms: float


@dataclass(frozen=True)
class Tried:
    """One agreement with what was found in it.

    Attributes:
        expected: Line and code of its fault; None for a sound one.
        told: Line, code and words of each thing that was found.
    """

    name: str
    expected: tuple[int, str] | None
    told: Sequence[tuple[int, str, str]]
    took_ms: float

    @property
    def is_found(self) -> bool:
        """Say whether the fault was told."""
        return self.expected in [(line, code) for line, code, _ in self.told]

    @property
    def false_alarms(self) -> Sequence[str]:
        """Return what was told and is not the fault."""
        return [words for line, code, words in self.told if (line, code) != self.expected]


def try_all(folder: Path = FOLDER) -> list[Tried]:
    """Check every agreement of a folder."""
    return [_tried(path) for path in sorted(folder.glob("*.yaml"))]


def figures_of(tried: Sequence[Tried]) -> Figures:
    """Count what was found."""
    broken = [one for one in tried if one.expected]
    return Figures(
        faults=len(broken),
        found=sum(one.is_found for one in broken),
        false_alarms=sum(len(one.false_alarms) for one in tried),
        slowest_ms=max((one.took_ms for one in tried), default=0.0),
    )


def _tried(path: Path) -> Tried:
    text = path.read_text()
    began = time.perf_counter()
    told = _told(text)
    return Tried(path.stem, _expected(text), told, (time.perf_counter() - began) * 1000)


def _told(text: str) -> list[tuple[int, str, str]]:
    checked = check(text, TODAY)
    if checked.agreement is None:
        return [(fault.line, UNREADABLE, str(fault)) for fault in checked.faults]
    found = findings(checked.agreement, lines_of(text), TODAY)
    return [(finding.line, finding.code, str(finding)) for finding in found]


def _expected(text: str) -> tuple[int, str] | None:
    """Return the line that is marked, with the code of what must be found there."""
    for number, line in enumerate(text.splitlines(), start=1):
        if mark := _MARK.search(line):
            return number, mark[1]
    return None


app = report.command_line()


@app.command()
def main(
    folder: Annotated[Path, typer.Option(help="Agreements, their fault marked.")] = FOLDER,
) -> None:
    """Check agreements of which it is known what is wrong with them."""
    tried = try_all(folder)
    report.table(
        "Agreements, one fault each",
        ("agreement", "its fault", "found", "false alarms", "ms"),
        [
            (
                one.name,
                f"{one.expected[1]}, line {one.expected[0]}" if one.expected else "none",
                "yes" if one.is_found else "no" if one.expected else "-",
                len(one.false_alarms),
                one.took_ms,
            )
            for one in tried
        ],
    )
    for one in tried:
        for words in one.false_alarms:
            report.console.print(f"{one.name}: {words}", style="red", markup=False)
    report.last_line(figures_of(tried))


if __name__ == "__main__":
    app()
