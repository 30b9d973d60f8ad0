"""Standard output and standard error of a service, which may go to a full disk."""

from io import FileIO, TextIOWrapper
from typing import Any, TextIO


class _Lossy(FileIO):
    """Loses what cannot be written: a call is worth more than its line in the log."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _unbuffered(descriptor: int) -> TextIO:
    # What a buffer could not get rid of would fail again at the exit, and change its status.
    return TextIOWrapper(_Lossy(descriptor, "w", closefd=False), encoding="utf-8", write_through=True)


OUTPUT, ERRORS = _unbuffered(1), _unbuffered(2)
