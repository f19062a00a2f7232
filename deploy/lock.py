"""One stack a folder: a lock that ends with the process that holds it, however it ends."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

NAME = "lock"


class Taken(RuntimeError):
    """Another process has the folder; the message says which, and how to stop it."""


class FolderLock:
    """Keeps others out of a folder while this process lives."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; take() locks it."""
        self.folder = folder
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Lock the folder, which is made when it is missing.

        Raises:
            Taken: another process has it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = (self.folder / NAME).open("a+")
        try:
            # The system's own lock: no file is left that says so after a crash.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            with file:
                said = f"A stack runs in {self.folder} already:\n{file.read()}"
            raise Taken(said) from None
        self._file = file

    def release(self) -> None:
        """Let others have the folder."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def clear(self) -> None:
        """Forget everything in the folder but the lock."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != NAME:
                path.unlink()

    def say(self, where: str) -> None:
        """Leave word for who finds the folder taken: where the stack answers."""
        if self._file is not None:
            self._file.truncate(0)
            stop = f"Ctrl-C in its terminal stops it, or: kill {os.getpid()}"
            self._file.write(f"{where}\n{stop}\n")
            self._file.flush()
