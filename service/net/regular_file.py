"""Reading of files that settings name, whatever they turn out to be."""

import errno
import os
import stat
from pathlib import Path

BYTES_MAX = 16 * 2**20
"""Largest file: twice the size of 100,000 keys as SHA-256 digests with a name and a priority."""


def read_regular(path: Path) -> tuple[str, os.stat_result]:
    """Return the text of a file and its state before it was read; never waits for a writer.

    Raises OSError if it is not a regular file, is too large or cannot be read, and UnicodeDecodeError.
    """
    _check(path.stat())  # Before opening: to open a device may have effects.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    with os.fdopen(os.open(path, flags), "rb") as file:
        state = os.fstat(file.fileno())
        _check(state)  # It may be another file by now.
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise OSError(errno.EFBIG, f"it is larger than {BYTES_MAX // 2**20} MiB")
    return content.decode(), state


def _check(state: os.stat_result) -> None:
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
