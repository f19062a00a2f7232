import csv
import os
import signal
from random import Random

import pytest

from bench import past
from bench.backtest import replay
from leadloop.errors import Rejected
from services.lab.backtest.workers import Workers


@pytest.fixture
def folder(tmp_path):
    list(past.write_past(tmp_path, leads=400, activities=10))
    return tmp_path


def found_in(folder, jobs=1):
    return replay(folder, 400, jobs=jobs, against=True).backtest.found


def test_every_lead_and_activity_is_replayed_once(folder):
    found = found_in(folder)

    assert (found.counts.leads.all, found.deeds.all, found.aside.total) == (400, 4_000, 0)
    assert 0 < found.counts.qualified.all < 400


def test_cores_and_the_order_of_rows_change_nothing(folder, monkeypatch):
    monkeypatch.setattr("services.lab.backtest.workers.SMALL_BYTES", 0)
    monkeypatch.setattr("services.lab.history.export.SHARD_BYTES", 50_000)
    monkeypatch.setattr("services.lab.history.export.RANGE_BYTES", 50_000)
    alone = found_in(folder)

    together = found_in(folder, jobs=2)
    shuffle(folder / "activities.csv")
    shuffled = found_in(folder)

    assert together.counts == alone.counts == shuffled.counts
    assert together.changes == alone.changes
    assert together.changes == shuffled.changes


def shuffle(path):
    header, *rows = path.read_text().splitlines()
    Random(3).shuffle(rows)
    path.write_text("\n".join([header, *rows, ""]))


def test_a_planted_fault_is_seen(folder):
    with (folder / "leads.csv").open(newline="") as file:
        header, first, *rows = csv.reader(file)
    first[-1] = "lost" if first[-1] == "won" else "won"
    alone = found_in(folder)

    with (folder / "leads.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, first, *rows])

    assert found_in(folder).counts != alone.counts


def test_a_process_that_fails_stops_the_whole_with_its_error(monkeypatch):
    monkeypatch.setattr("services.lab.backtest.workers.SMALL_BYTES", 0)

    with pytest.raises(ZeroDivisionError), Workers(2, 1) as workers:
        list(workers.each(divmod_by, [1, 2, 0, 4]))


def divmod_by(number):
    return divmod(12, number)


def test_a_process_that_is_killed_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setattr("services.lab.backtest.workers.SMALL_BYTES", 0)

    with pytest.raises(Rejected, match="A process was killed"), Workers(2, 1) as workers:
        list(workers.each(die, [1, 2]))


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)
