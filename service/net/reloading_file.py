"""Files that are reloaded when they change."""

import logging
import os
import stat
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from typing import Generic, NamedTuple, TypeVar

from service.net.regular_file import read_regular

T = TypeVar("T")
_log = logging.getLogger("rerankd")
_LOOK_S = 0.25
"""Seconds between two looks at a file: with the next, how soon a revoked key stops working."""
_SETTLED_S = 1.0
"""Seconds for which a changed file must have been left alone: nobody that writes a file pauses for as long."""


class FileError(Exception):
    """An unusable file; the message names the line and the problem."""


class _Stamp(NamedTuple):
    """State of a file, of which something changes when the file does.

    Kubernetes replaces a mounted secret by a link to another file: the inode changes. A file that was read half
    written may be completed within the resolution of the clock: the size changes.
    """

    inode: tuple[int, int]
    modified_ns: int
    size: int

    @classmethod
    def of(cls, state: os.stat_result) -> "_Stamp":
        return cls((state.st_dev, state.st_ino), state.st_mtime_ns, state.st_size)


class ReloadingFiles(Generic[T]):
    """The parsed contents of several files together, read again by a thread when one of them changes.

    The previous contents stay until the new ones are whole, and if they are unusable. Each problem is logged once.
    """

    def __init__(self, files: Mapping[str, Path], parse: Callable[..., T], *, private: bool = False) -> None:
        """Read `files`, by their names in messages; `parse` takes a text for each and may raise FileError.

        Warn of a file that others may read or write if `private`. Raises FileError.
        """
        self._files = {f"{name} {path}": path for name, path in files.items()}
        self._parse = parse
        self._private = private
        self._used: list[_Stamp] = []
        self.value = self._read()
        """The current contents; the same object until the files change."""
        self._seen: list[_Stamp | None] = [*self._used]
        self._changed: list[_Stamp | None] = []
        self._since = 0.0
        self._problem: str | None = None
        Thread(target=_watch, args=(weakref.ref(self),), name="reload", daemon=True).start()

    def look(self) -> None:
        """Read the files if they have changed since the last time and have been left alone for a while."""
        stamps = [_stamp(path) for path in self._files.values()]
        now = time.monotonic()
        if stamps == self._seen:
            self._changed = []
        elif stamps != self._changed:
            self._changed, self._since = stamps, now
        elif now - self._since >= _SETTLED_S:
            self._seen = stamps  # First, so that unusable files are not read again at each look.
            try:
                self.value, self._problem = self._read(), None
            except FileError as error:
                if str(error) != self._problem:
                    self._problem = str(error)
                    _log.error("reload failed, keeping the previous contents: %s", self._problem)

    def _read(self) -> T:
        texts, stamps = [], []
        for number, (name, path) in enumerate(self._files.items()):
            try:
                text, state = read_regular(path)
            except OSError as error:
                raise FileError(f"{name} cannot be read: {error.strerror}") from None
            except UnicodeDecodeError as error:
                raise FileError(f"{name} cannot be read: {error}") from None
            stamp = _Stamp.of(state)
            if self._used and stamp != self._used[number] and stamp.inode == self._used[number].inode:
                _check_whole(name, text)
            self._warn_of_others(name, state.st_mode)
            texts.append(text)
            stamps.append(stamp)
        value = self._parse(*texts)
        if self._used and stamps != [_stamp(path) for path in self._files.values()]:
            raise FileError(f"{' and '.join(self._files)} changed while being read")
        self._used = stamps
        return value

    def _warn_of_others(self, name: str, mode: int) -> None:
        others = mode & (stat.S_IROTH | stat.S_IWOTH)
        if self._private and others:
            self._private = False  # Once.
            _log.warning("%s may be %s by every user of this machine", name, _OTHERS[others])


class ReloadingFile(ReloadingFiles[T]):
    """The parsed contents of a single file."""

    def __init__(self, name: str, path: Path, parse: Callable[[str], T], *, private: bool = False) -> None:
        """Read the file, called `name` in messages; the messages of `parse` continue this name. Raises FileError."""

        def named(text: str) -> T:
            try:
                return parse(text)
            except FileError as error:
                raise FileError(f"{name} {path}{error}") from None

        super().__init__({name: path}, named, private=private)


_OTHERS = {stat.S_IROTH: "read", stat.S_IWOTH: "written", stat.S_IROTH | stat.S_IWOTH: "read and written"}


def _watch(reference: "weakref.ref[ReloadingFiles[T]]") -> None:
    while True:
        time.sleep(_LOOK_S)
        files = reference()
        if files is None:
            return
        files.look()
        del files


def _stamp(path: Path) -> _Stamp | None:
    try:
        return _Stamp.of(path.stat())
    except OSError:
        return None


def _check_whole(name: str, text: str) -> None:
    """Raise FileError if a file that was written over in place may lack its end.

    A writer that stops half way, as on a full disk, may leave `sec` of the key `secret`, which would let in.
    """
    if not text.endswith("\n"):
        raise FileError(
            f"{name} was written in place and its last line does not end: it may be half written; "
            "end it with a newline, or replace the file by renaming another"
        )
