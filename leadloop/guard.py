"""Never leave a process behind, however ours ends."""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

# The shell leaves a watcher behind and then becomes the program itself: so there is no moment
# at which the program runs and nobody watches. The watcher reads from a pipe that only we hold
# open. A line lets it go; the end of the pipe is ours. It asks again, as a program that has
# just begun may not hear yet, but not forever, as a dead one may stay listed.
#
# Not PR_SET_PDEATHSIG: that one fires when the *thread* that forked ends, so a child started by
# a worker thread would die at random.
_LEASH = """
exec 3<&0 </dev/null
({
    read -r _ <&3 && exit
    tries=0
    while [ $tries -lt 600 ] && kill -s "$1" -- "$2$$"; do sleep 0.1; tries=$((tries + 1)); done
    kill -s KILL -- "$2$$"
} >/dev/null 2>&1 &)
exec 3<&-
shift 2
exec "$@"
"""


def guarded(
    command: Sequence[str],
    *,
    signal_name: str = "KILL",
    is_group: bool = False,
    **options: Any,  # noqa: ANN401 (those of Popen, passed on)
) -> subprocess.Popen[bytes]:
    """Start a program that ends with this process, whenever and however that ends.

    It runs in a session of its own, so Ctrl-C reaches only us.

    Args:
        command: The program with its arguments; it reads nothing.
        signal_name: What it is sent once we are gone.
        is_group: All processes of its group are sent it.
        options: Of Popen.
    """
    target = "-" if is_group else ""
    return subprocess.Popen(
        ["/bin/sh", "-c", _LEASH, "guard", signal_name, target, *command],
        stdin=subprocess.PIPE,
        start_new_session=True,
        **options,
    )


def release(process: subprocess.Popen[bytes]) -> None:
    """Send nothing any more: the program has ended, and another one may get its id."""
    if process.stdin is not None and not process.stdin.closed:
        # The watcher may have gone with the program's group.
        with suppress(BrokenPipeError):
            process.stdin.write(b"\n")
            process.stdin.flush()
        with suppress(BrokenPipeError):
            process.stdin.close()
