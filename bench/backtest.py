"""How long a backtest of a large past takes, and whether its memory stays flat.

Writes a made-up past as CSV files, leads and a log of activities by time, then replays it under
a proposed agreement on all cores; beside it, with `--against`, under a current one too.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Final, NamedTuple

import psutil  # type: ignore[import-untyped]  # it comes without annotations
import typer

from bench import past, report
from bench.ground import folder_of
from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_agreement
from services.lab.backtest.run import Backtest, Options, Proposal, Step, backtest_export
from services.lab.history.export import Told

SAMPLED_EVERY_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Figures:
    """What the last line tells; memory is of all processes together, the parent included."""

    leads: int
    seconds: float
    rss_mb_max: float
    activities: int
    leads_per_second: float
    csv_mb: float
    qualified: int
    rss_mb_process_max: float
    core_seconds: float


@dataclass
class Memory:
    """The memory of this process and all that it started, in MB."""

    now: float = 0.0
    most: float = 0.0
    most_of_one: float = 0.0
    _stop: Event = field(default_factory=Event)

    def watch(self) -> None:
        """Look now and then, until stopped."""
        own = psutil.Process()
        while not self._stop.wait(SAMPLED_EVERY_SECONDS):
            sizes = [_size(one) for one in (own, *own.children(recursive=True))]
            self.now = sum(sizes)
            self.most = max(self.most, self.now)
            self.most_of_one = max([self.most_of_one, *sizes])

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()


@contextmanager
def watched() -> Iterator[Memory]:
    """Watch the memory meanwhile."""
    memory = Memory()
    thread = Thread(target=memory.watch, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        memory.stop()
        thread.join()


class Tenth(NamedTuple):
    """How things stood at a tenth of the way."""

    phase: str
    done: str
    seconds: float
    rss_mb: float


class Replayed(NamedTuple):
    """What was found, and how it went."""

    backtest: Backtest
    tenths: list[Tenth]


class Cost(NamedTuple):
    """What a replay took; `core_seconds` are those of the processor, of all processes."""

    seconds: float
    core_seconds: float
    csv_mb: float


app = report.command_line()


@app.command()
def main(
    leads: Annotated[int, typer.Option(help="Leads of the past.")] = 1_000_000,
    activities: Annotated[int, typer.Option(help="What each of them did.")] = 10,
    jobs: Annotated[int, typer.Option(help="Processes; 0: one a core.")] = 0,
    against: Annotated[bool, typer.Option(help="Lay a current agreement beside it.")] = False,
) -> None:
    """Replay a large past under a proposed agreement."""
    with folder_of("backtest") as folder:
        with report.Steps("leads written", leads) as steps:
            for done in past.write_past(folder, leads, activities):
                steps.show(done)
        size = sum(path.stat().st_size for path in folder.glob("*.csv")) / 1e6
        report.tell(f"wrote {size:,.0f} MB of CSV; now they are replayed")
        with watched() as memory:
            began, before = time.perf_counter(), spent()
            found = replay(folder, leads, jobs=jobs, against=against, memory=memory)
            seconds = time.perf_counter() - began
            cores = spent() - before
    _present(found, Cost(seconds, cores, size), memory)


def _present(replayed: Replayed, cost: Cost, memory: Memory) -> None:
    found = replayed.backtest.found
    figures = Figures(
        leads=found.counts.leads.all,
        seconds=cost.seconds,
        rss_mb_max=memory.most,
        activities=found.deeds.all,
        leads_per_second=found.counts.leads.all / cost.seconds,
        csv_mb=cost.csv_mb,
        qualified=found.counts.qualified.all,
        rss_mb_process_max=memory.most_of_one,
        core_seconds=cost.core_seconds,
    )
    header = ("phase", "done", "seconds", "RSS in MB")
    report.table("Memory on the way", header, replayed.tenths)
    report.table(
        "A backtest from CSV files",
        (
            "leads",
            "activities",
            "MB of CSV",
            "seconds",
            "of cores",
            "leads/s",
            "RSS in MB, at most",
        ),
        [
            (
                f"{figures.leads:,}",
                figures.activities,
                cost.csv_mb,
                cost.seconds,
                cost.core_seconds,
                figures.leads_per_second,
                memory.most,
            )
        ],
    )
    report.last_line(figures)


def replay(
    folder: Path, leads: int, *, jobs: int, against: bool, memory: Memory | None = None
) -> Replayed:
    """Replay the files of a folder."""
    told = Told(
        leads=folder / "leads.csv",
        outcome="Outcome",
        time="Created",
        lead_id="Lead ID",
        activities=folder / "activities.csv",
        activity_lead_id="lead",
    )
    began, tenths = time.perf_counter(), dict[tuple[str, int], Tenth]()
    rss = memory or Memory()
    with report.Steps("leads replayed", leads) as steps:

        def watch(step: Step) -> None:
            tenth = step.done * 10 // (step.total or 1)
            phase = "reading" if step.what == "bytes" else "replaying"
            passed = time.perf_counter() - began
            now = Tenth(phase, f"{tenth * 10} %", passed, rss.now)
            tenths.setdefault((phase, tenth), now)
            if step.what == "leads":
                steps.show(step.done, f"{rss.now:,.0f} MB")

        proposal = Proposal(_body(past.AGREEMENT), _body(past.CURRENT) if against else None)
        options = Options(people=20, jobs=jobs, folder=folder)
        found = backtest_export(told, proposal, options, watch)
    return Replayed(found, list(tenths.values()))


def spent() -> float:
    """Return the processor seconds of this process and of all that it started and ended."""
    times = psutil.Process().cpu_times()
    own: float = times.user + times.system
    children: float = times.children_user + times.children_system
    return own + children


def _body(text: str) -> bytes:
    return to_contract(read_agreement(text), 1, ()).SerializeToString()


def _size(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


if __name__ == "__main__":
    app()
