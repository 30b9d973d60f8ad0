"""Standard output and standard error that tolerate failed writes, such as to a full disk."""

from io import FileIO, TextIOWrapper
from typing import Any, TextIO


class _Lossy(FileIO):
    """Discards data that cannot be written: a failed log line must not fail a call."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _unbuffered(descriptor: int) -> TextIO:
    # Without a buffer: flushing one at exit would fail again and change the exit status.
    return TextIOWrapper(_Lossy(descriptor, "w", closefd=False), encoding="utf-8", write_through=True)


OUTPUT, ERRORS = _unbuffered(1), _unbuffered(2)
