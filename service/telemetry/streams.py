"""Standard output and standard error, without failing when they go to a full disk."""

from io import FileIO, TextIOWrapper
from typing import Any, TextIO


class _Lossy(FileIO):
    """Drops a line that cannot be written: a call is worth more than its log line."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _unbuffered(descriptor: int) -> TextIO:
    # A buffer that could not be flushed would fail again at the exit, and change its status.
    return TextIOWrapper(_Lossy(descriptor, "w", closefd=False), encoding="utf-8", write_through=True)


OUTPUT, ERRORS = _unbuffered(1), _unbuffered(2)
