"""Never leave a process behind, however ours ends."""

import subprocess


class Guard:
    """Send a process group or process a signal once this process is gone, however it went.

    A shell waits on a pipe that only we hold open. Not PR_SET_PDEATHSIG: that one fires when
    the *thread* that forked ends, so a child started by a worker thread would die at random.
    """

    def __init__(self, target: int, signal_name: str = "KILL") -> None:
        """Watch over `target`, a process id, or a negative one for a whole group."""
        script = 'read -r _; kill -s "$1" -- "$2" 2>/dev/null'
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", script, "guard", signal_name, str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def release(self) -> None:
        """Stop watching, without sending anything."""
        # Killed before the pipe closes: a closed pipe is the signal to act.
        self._shell.kill()
        self._shell.wait()
        if self._shell.stdin is not None:
            self._shell.stdin.close()
