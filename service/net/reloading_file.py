"""Files that are read again when they change."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger("rerankd")


class FileError(Exception):
    """A file that cannot be used; the message says which line and why."""


class ReloadingFile(Generic[T]):
    """What a file says, read again when it has changed.

    While a changed file cannot be used, it says what it said before, and the log says so once.
    """

    def __init__(self, what: str, path: Path, parse: Callable[[str], T]) -> None:
        """Read the file, `what` in messages; `parse` takes its text and may raise FileError. Raises FileError."""
        self._name = f"{what} {path}"
        self._path = path
        self._parse = parse
        self._stamp = self._look()
        self._value = self._read()
        self._problem: str | None = None

    @property
    def value(self) -> T:
        """What it says now. Costs a look at the file's date."""
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp  # First, so that a file that cannot be used is not read for every call.
                self._value, self._problem = self._read(), None
        except FileError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("all stays as it was: %s", self._problem)
        return self._value

    def _look(self) -> tuple[int, int, int]:
        """Return what changes when the file does: a mounted secret is replaced whole, by a link to another file.

        Its size, too: one that was read half written may be finished within the same tick of the clock.
        """
        try:
            found = self._path.stat()
        except OSError as error:
            raise FileError(f"{self._name} cannot be read: {error.strerror}") from None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> T:
        try:
            return self._parse(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(f"{self._name} cannot be read: {error}") from None
        except FileError as error:
            raise FileError(f"{self._name}{error}") from None
