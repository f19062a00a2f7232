"""All benchmarks at small sizes, one after another: that nothing is broken."""

import subprocess
import sys
import time
from typing import Final

from bench import report

# Each takes up to a few minutes at these sizes. The figures of record come from full sizes.
SMALL: Final = {
    "bench.replay": ("--size", "small"),
    "bench.relay": ("--seconds", "8"),
    "bench.clocks": ("--timers", "500", "--seconds", "5"),
    "bench.loop": ("--leads", "5000", "--assembled-leads", "500", "--seconds", "10"),
    "bench.kill": ("--leads", "2000", "--kills", "6"),
}

app = report.command_line()


@app.command()
def main() -> None:
    """Run every benchmark at a small size; each prints its own line of JSON."""
    for module, arguments in SMALL.items():
        report.console.print(f"\n{module} {' '.join(arguments)}", style="bold cyan")
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", module, *arguments], check=True)
        report.tell(f"{module}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    app()
