"""What `make stack` does when a part ends, and when somebody starts it twice."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.child import Child
from deploy.lock import FolderLock, Taken
from deploy.watch import RESTARTS_MAX, Watch
from tests.conftest import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]


def until_ended(child: Child) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while child.is_running:
        assert time.monotonic() < deadline


@pytest.fixture
def ended(tmp_path):
    """Return a child that has run to its end."""
    children = []

    def ended(*command: str) -> Child:
        child = Child(command, log=tmp_path / "log")
        children.append(child)
        child.start()
        until_ended(child)
        return child

    yield ended
    for child in children:
        child.kill()


@pytest.fixture
def told():
    return []


def test_an_end_is_told_with_its_code_and_its_own_lines_only(ended, tmp_path, told):
    (tmp_path / "log").write_text("of an earlier run\n")
    child = ended("sh", "-c", "echo no such port; exit 3")

    Watch({"scoring": child}, told.append, 0.0).look(1.0)

    assert told == [
        "scoring ended: exit code 3. The end of its log:",
        "no such port",
        "scoring is started again in 1 s.",
    ]


def test_a_signal_is_told_by_name(ended, told):
    child = ended("sh", "-c", "kill -KILL $$")

    Watch({"kafka": child}, told.append, 0.0).look(1.0)

    assert told[0] == "kafka ended: signal SIGKILL. The end of its log:"


def test_a_part_is_started_again_once_its_pause_is_over(ended, tmp_path, told):
    again = tmp_path / "again"
    child = ended("sh", "-c", f"[ -e {again} ] && exec sleep 60; touch {again}")
    watch = Watch({"scoring": child}, told.append, 0.0)

    watch.look(1.0)
    watch.look(1.9)
    before = child.is_running
    watch.look(2.0)

    assert (before, child.is_running) == (False, True)


def test_a_part_that_ends_again_and_again_is_left_alone(ended, told):
    child = ended("false")
    watch = Watch({"scoring": child}, told.append, 0.0)

    for now in range(200):
        watch.look(float(now))
        until_ended(child)

    pauses = [line.split()[-2] for line in told if "again in" in line]
    assert pauses == ["1", "2", "4", "8", "16"]
    assert len(pauses) == RESTARTS_MAX
    assert told[-1].startswith("scoring was started again 5 times and is left alone now.")


def test_who_has_run_for_long_begins_to_count_anew(ended, told):
    child = ended("false")
    watch = Watch({"scoring": child}, told.append, 0.0)

    for minutes in range(2, 40, 2):
        watch.look(minutes * 60.0)
        watch.look(minutes * 60.0 + 1)
        until_ended(child)

    assert {line for line in told if "again in" in line} == {"scoring is started again in 1 s."}


def test_a_folder_is_locked_as_long_as_the_process_lives_and_says_how_to_stop_it(tmp_path):
    script = (
        "import sys; from pathlib import Path; from deploy.lock import FolderLock\n"
        "lock = FolderLock(Path(sys.argv[1])); lock.take(); lock.say('intake: http://here')\n"
        "print('taken', flush=True); sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"taken\n"

    with pytest.raises(Taken, match=rf"(?s)already:\nintake: http://here\n.*kill {other.pid}"):
        FolderLock(tmp_path).take()
    other.send_signal(signal.SIGKILL)
    other.communicate()

    lock = FolderLock(tmp_path)
    lock.take()
    lock.release()


def test_a_fresh_start_forgets_everything_but_the_lock(tmp_path):
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "server.properties").touch()
    lock = FolderLock(tmp_path)
    lock.take()

    lock.clear()
    lock.release()

    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
