"""Files that are reloaded when they change."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger("rerankd")


class FileError(Exception):
    """An unusable file; the message names the line and the problem."""


class ReloadingFile(Generic[T]):
    """The parsed value of a file, read again when the file changes.

    While a changed file cannot be used, the previous value stays, which is logged once.
    """

    def __init__(self, name: str, path: Path, parse: Callable[[str], T]) -> None:
        """Read the file, called `name` in messages; `parse` takes its text. Raises FileError, as `parse` may."""
        self._name = f"{name} {path}"
        self._path = path
        self._parse = parse
        self._stamp = self._read_stamp()
        self._value = self._read()
        self._problem: str | None = None

    @property
    def value(self) -> T:
        """The present value. Costs a stat of the file."""
        try:
            stamp = self._read_stamp()
            if stamp != self._stamp:
                self._stamp = stamp  # First, so that an unusable file is not read again for every call.
                self._value, self._problem = self._read(), None
        except FileError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("reload failed, the previous contents stay in use: %s", self._problem)
        return self._value

    def _read_stamp(self) -> tuple[int, int, int]:
        """Return inode, modification time and size, one of which changes when the file does.

        A mounted secret is replaced by a link to another inode; a file that was read half written may be finished
        within the same tick of the clock.
        """
        try:
            status = self._path.stat()
        except OSError as error:
            raise FileError(f"{self._name} cannot be read: {error.strerror}") from None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> T:
        try:
            return self._parse(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(f"{self._name} cannot be read: {error}") from None
        except FileError as error:
            raise FileError(f"{self._name}{error}") from None
