"""The folder that a demo leaves behind: made anew each time, never in place of other data."""

import json
import shutil
from pathlib import Path

from leadloop.postgres import is_alive
from services.client import Refused
from services.demo.company import SOURCES as OWN_SOURCES
from services.demo.company import secrets
from services.embedded import POSTGRES, SECRETS, SOURCES
from services.up import write_secrets, writing_in

MARK = "demo.json"


def claim(folder: Path, *, size: str, seed: int, force: bool) -> None:
    """Make the folder ready for a new quarter.

    Raises:
        Refused: It holds data that are not a demo's own, a server works on them now, or
            nothing can be written there.
    """
    if _is_served(folder):
        raise Refused(f"{folder} is in use, perhaps by `leadloop up`: stop that first.")
    if _holds_other_data(folder) and not force:
        raise Refused(
            f"{folder} holds data that are not a demo's own. Keep the demo elsewhere with "
            "--keep, or replace them with --force."
        )
    shutil.rmtree(folder / POSTGRES, ignore_errors=True)
    with writing_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # The mark comes first: what a run leaves that was interrupted may be replaced too.
        (folder / MARK).write_text(json.dumps({"size": size, "seed": seed}) + "\n")
        shutil.copyfile(OWN_SOURCES, folder / SOURCES)
        write_secrets(folder, secrets())


def _holds_other_data(folder: Path) -> bool:
    if (folder / MARK).exists():
        return False
    return any((folder / name).exists() for name in (POSTGRES, SOURCES, SECRETS))


def _is_served(folder: Path) -> bool:
    """Say whether a PostgreSQL runs on the folder's data."""
    lock = folder / POSTGRES / "postmaster.pid"
    first = lock.read_text().split("\n")[0] if lock.exists() else ""
    return first.strip().isdecimal() and is_alive(int(first))
