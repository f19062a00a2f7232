"""One study: its order comes in as a line of JSON, and its news go out as lines of JSON."""

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Final

from leadloop.database import is_unreachable
from leadloop.errors import Rejected
from services.lab.studies.telling import Teller
from services.scoring.studies.news import Done, Failed, Order, Outcome, Refused, order_of
from services.scoring.studies.requests import BACKTEST, LESSONS, SIMULATION

LATER_THAN_OTHERS: Final = 10
TRACE_LENGTH_MAX: Final = 20_000
# The system takes this process rather than the service when the memory is full.
_FIRST_TO_GO: Final = "1000"
_OWN_SCORE: Final = Path("/proc/self/oom_score_adj")


def main() -> None:
    """Find out what was asked."""
    _step_back()
    teller = Teller(_own_output())
    order = order_of(sys.stdin.buffer.readline())
    _bound_memory(order.memory_mb_max)
    Thread(target=_end_with_service, daemon=True).start()
    teller.end(_outcome(order, teller))


def _outcome(order: Order, teller: Teller) -> Outcome:
    try:
        return _work_of(order.kind)(order, teller)
    except Rejected as refusal:
        cause = refusal.__cause__
        if cause is not None and is_unreachable(cause):
            return Failed("Scoring's database was away.")
        return Refused(refusal.detail, refusal.errors)
    except MemoryError:
        return Failed(f"It needs more than {order.memory_mb_max:,} MB of memory.")
    except Exception:
        # At the edge: the service records it, and this process ends.
        trace = traceback.format_exc()[-TRACE_LENGTH_MAX:]
        return Failed("It broke off; the log of the service says where.", trace)


def _work_of(kind: str) -> Callable[[Order, Teller], Done]:
    """Return what finds out a kind of study; no other kind's libraries are loaded."""
    if kind == BACKTEST:
        from services.lab.studies.backtests import backtest

        return backtest
    if kind == SIMULATION:
        from services.lab.studies.simulations import simulate

        return simulate
    if kind == LESSONS:
        from services.lab.studies.lessons import learn

        return learn
    raise ValueError(f"expected a kind of study, found {kind!r}")


def _step_back() -> None:
    """Let everything else on this machine go first; leave it to the service when to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(LATER_THAN_OTHERS)
    # Another system than Linux has no such file; some containers keep it from being written.
    with suppress(OSError):
        _OWN_SCORE.write_text(_FIRST_TO_GO)


def _bound_memory(megabytes: int) -> None:
    """Fail alone: where memory is short, some systems end the whole container."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes << 20
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _own_output() -> int:
    """Return where news go; what libraries print goes to the log instead."""
    news = os.dup(1)
    os.dup2(2, 1)
    return news


def _end_with_service() -> None:
    """End when the pipe from the service closes: it stopped, or was killed."""
    # Not by the buffered file, which an interpreter that ends would wait for.
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
