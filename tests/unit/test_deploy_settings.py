"""What docs and examples say about settings is what the services read."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("intake", "scoring", "handoff", "feedback")


def settings_of(room: str) -> set[str]:
    """The environment variables of a room, each by the name that people are told."""
    fields = import_module(f"services.{room}.settings").Settings.model_fields
    names = set()
    for name, field in fields.items():
        shared = name in import_module("leadloop.settings").ServiceSettings.model_fields
        own_alias = field.validation_alias is not None and not shared
        names.add(f"LEADLOOP_{room}_{name}" if own_alias else f"LEADLOOP_{name}")
    return {name.upper() for name in names}


def written_in(path: str) -> set[str]:
    return set(re.findall(r"\bLEADLOOP_[A-Z_]+\b", (ROOT / path).read_text()))


@pytest.mark.parametrize("room", ROOMS)
def test_the_runbook_lists_every_setting(room: str) -> None:
    assert settings_of(room) - written_in("docs/operations.md") == set()


def test_the_example_sets_nothing_that_nobody_reads() -> None:
    known = set().union(*(settings_of(room) for room in ROOMS))
    per_room = {
        f"LEADLOOP_{room.upper()}_{name}" for room in ROOMS for name in ("DATABASE_URL", "PORT")
    }

    assert written_in(".env.example") - known - per_room == set()
