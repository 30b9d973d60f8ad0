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
    """The parsed contents of a file, reloaded when the file changes.

    If a changed file is unusable, the previous contents stay, and each problem is logged once.
    """

    def __init__(self, name: str, path: Path, parse: Callable[[str], T]) -> None:
        """Read the file, called `name` in messages; `parse` may raise FileError. Raises FileError."""
        self._name = f"{name} {path}"
        self._path = path
        self._parse = parse
        self._stamp = self._current_stamp()
        self._value = self._read()
        self._problem: str | None = None

    @property
    def value(self) -> T:
        """The current contents. Costs one stat call."""
        try:
            stamp = self._current_stamp()
            if stamp != self._stamp:
                self._stamp = stamp  # First, so that an unusable file is not read again for every call.
                self._value, self._problem = self._read(), None
        except FileError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("reload failed, keeping the previous contents: %s", self._problem)
        return self._value

    def _current_stamp(self) -> tuple[int, int, int]:
        """Return inode, modification time in ns and size, at least one of which changes with the file.

        Kubernetes replaces a mounted secret by a link to another file: the inode changes. A file that was read half
        written may be completed within the resolution of the clock: the size changes.
        """
        try:
            stat = self._path.stat()
        except OSError as error:
            raise FileError(f"{self._name} cannot be read: {error.strerror}") from None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _read(self) -> T:
        try:
            return self._parse(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(f"{self._name} cannot be read: {error}") from None
        except FileError as error:
            raise FileError(f"{self._name}{error}") from None
