"""A demo replaces what a demo left, and nothing else."""

import json
import os
from pathlib import Path

import pytest

from services.client import Refused
from services.demo.company import secrets
from services.demo.keeping import MARK, claim
from services.embedded import POSTGRES, SECRETS, SOURCES


def test_a_new_folder_gets_its_sources_their_secrets_and_the_mark(tmp_path: Path):
    folder = tmp_path / "new"

    claim(folder, size="small", seed=3, force=False)

    assert json.loads((folder / MARK).read_text()) == {"size": "small", "seed": 3}
    assert "hubspot" in (folder / SOURCES).read_text()
    assert all(
        f"{name}={value}" in (folder / SECRETS).read_text() for name, value in secrets().items()
    )
    assert (folder / SECRETS).stat().st_mode & 0o077 == 0


def test_what_a_demo_left_is_replaced(tmp_path: Path):
    claim(tmp_path, size="small", seed=1, force=False)
    (tmp_path / POSTGRES).mkdir()
    (tmp_path / POSTGRES / "old").touch()

    claim(tmp_path, size="full", seed=2, force=False)

    assert not (tmp_path / POSTGRES).exists()
    assert json.loads((tmp_path / MARK).read_text())["size"] == "full"


@pytest.mark.parametrize("name", [POSTGRES, SOURCES, SECRETS])
def test_other_data_are_kept_unless_forced(tmp_path: Path, name: str):
    (tmp_path / name).mkdir()

    with pytest.raises(Refused, match="--force"):
        claim(tmp_path, size="small", seed=1, force=False)

    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_files_that_are_not_leadloops_are_never_touched(tmp_path: Path):
    (tmp_path / POSTGRES).mkdir()
    (tmp_path / "letter.txt").write_text("mine")

    claim(tmp_path, size="small", seed=1, force=True)

    assert (tmp_path / "letter.txt").read_text() == "mine"
    assert not (tmp_path / POSTGRES).exists()


def test_data_that_are_being_served_are_never_replaced(tmp_path: Path):
    claim(tmp_path, size="small", seed=1, force=False)
    (tmp_path / POSTGRES).mkdir()
    (tmp_path / POSTGRES / "postmaster.pid").write_text(f"{os.getpid()}\n")

    with pytest.raises(Refused, match="in use"):
        claim(tmp_path, size="small", seed=1, force=True)
