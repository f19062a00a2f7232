"""The four services by name: how each is set up, migrated and built."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from leadloop.clock import Clock
from leadloop.environment import misspelt
from leadloop.ids import Ids
from leadloop.migrate import migrate
from leadloop.service import Service
from leadloop.settings import ServiceSettings

ROOMS = ("intake", "scoring", "handoff", "feedback")
_FOLDER = Path(__file__).parent
# What a study needs stands above the rooms, so scoring is told what to start. Not in the folder
# that the service runs in, where other packages may have our names.
STUDIES = (sys.executable, "-P", "-m", "services.lab.studies")
_PARTS: Mapping[str, Mapping[str, object]] = {"scoring": {"studies": STUDIES}}

Build = Callable[..., Service]


@dataclass(frozen=True)
class Room:
    """One service's parts, imported only when it is asked for.

    Attributes:
        name: The room's name; also its schema and its consumer group.
        settings: Its class of settings.
        build: Puts the service together.
        migrations: Its folder of migrations.
    """

    name: str
    settings: Callable[..., ServiceSettings]
    build: Build
    migrations: Path


def room_of(name: str) -> Room:
    """Return the room of this name."""
    settings = _settings_of(name)
    build = import_module(f"services.{name}.app").build
    return Room(name, settings, build, _FOLDER / name / "migrations")


def build_service(
    name: str,
    *,
    clock: Clock,
    ids: Ids,
    settings: ServiceSettings | None = None,
    **parts: object,
) -> Service:
    """Build one service, from its environment when no settings are given.

    Args:
        name: Which room.
        clock: What it knows of time.
        ids: Where its identifiers come from.
        settings: Instead of its environment.
        parts: What stands in for parts that `build` would make itself, such as `post`.
    """
    room = room_of(name)
    given = {**_PARTS.get(name, {}), **parts}
    return room.build(settings or room.settings(), clock=clock, ids=ids, **given)


def misspelt_variables(environ: Iterable[str]) -> list[tuple[str, str]]:
    """Return variables that no service reads, each with the one that was likely meant."""
    known = {variable for name in ROOMS for variable in _settings_of(name).variables()}
    return list(misspelt(environ, known, ROOMS))


def _settings_of(name: str) -> type[ServiceSettings]:
    settings: type[ServiceSettings] = import_module(f"services.{name}.settings").Settings
    return settings


async def migrate_room(name: str, database_url: str) -> None:
    """Bring one room's schema up to date."""
    await migrate(database_url, name, _FOLDER / name / "migrations")
