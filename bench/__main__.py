"""All benchmarks at small sizes, one after another: that nothing is broken."""

import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

import typer

from bench import report

# Each takes up to a few minutes at these sizes. The figures of record come from full sizes.
SMALL: Final = {
    "bench.agreements": (),
    "bench.backtest": ("--leads", "5000"),
    "bench.replay": ("--size", "small"),
    "bench.score_truth": ("--cases", "2000"),
    "bench.scoring": ("--leads", "300"),
    "bench.posting": ("--posts", "1000"),
    "bench.relay": ("--seconds", "8"),
    "bench.clocks": ("--timers", "500", "--seconds", "5"),
    "bench.loop": ("--leads", "5000", "--assembled-leads", "500", "--seconds", "10"),
    "bench.kill": ("--leads", "2000", "--kills", "6"),
}

app = report.command_line()


@app.command()
def main() -> None:
    """Run every benchmark at a small size; each prints its own line of JSON."""
    broken = [module for module, arguments in SMALL.items() if not _works(module, arguments)]
    if broken:
        report.console.print(f"\nbroken: {', '.join(broken)}", style="red")
        raise typer.Exit(1)


def _works(module: str, arguments: Sequence[str]) -> bool:
    """Run one benchmark; say whether it came to its end."""
    report.console.print(f"\n{module} {' '.join(arguments)}", style="bold cyan")
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
    report.tell(f"{module}: {time.monotonic() - began:.0f} s")
    return done.returncode == 0


if __name__ == "__main__":
    app()
