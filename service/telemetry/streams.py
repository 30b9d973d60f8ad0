"""Standard output and standard error that nobody has to wait for, whether their reader stops or their disk is full."""

import atexit
import logging
import os
from contextlib import suppress
from io import RawIOBase, TextIOWrapper
from queue import SimpleQueue
from threading import Event, RLock, Thread
from typing import Any

_LINES_MAX = 4096
"""Lines that wait to be written: about 1 MB, and what 200 calls a second log in 20 s."""
_EXIT_S = 0.5
"""Longest wait at exit for lines to be written."""


class _Outlet(RawIOBase):
    """Leaves writing to a thread; drops and counts the lines that do not fit its queue.

    A pipe that nobody reads is full after some 240 lines. A write would then block: on the event loop, the process.
    """

    def __init__(self, descriptor: int) -> None:
        self.name = self._descriptor = descriptor
        self._lines: SimpleQueue[bytes | Event] = SimpleQueue()  # Of all queues, the one that finalizers may use.
        self._lock = RLock()
        self._thread: Thread | None = None
        self.lost = 0
        """Lines dropped so far."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        line = bytes(data)
        with self._lock:
            if not self._thread:
                self._thread = Thread(target=self._write_all, name="log", daemon=True)
                self._thread.start()
                atexit.register(self.settle)
            if self._lines.qsize() < _LINES_MAX:
                self._lines.put(line)
            else:
                self.lost += 1
        return len(line)

    def settle(self, timeout_s: float = _EXIT_S) -> None:
        """Wait until everything so far is written, or for `timeout_s` seconds."""
        if self._thread:
            self._lines.put(settled := Event())
            settled.wait(timeout_s)

    def _write_all(self) -> None:
        told = 0
        while True:
            line = self._lines.get()
            if isinstance(line, Event):
                line.set()
            else:
                self._write(line)
            if self.lost > told and self._lines.empty():
                lost, told = self.lost - told, self.lost
                logging.getLogger("rerankd").warning("%d log lines were lost: nobody read them", lost)

    def _write(self, line: bytes) -> None:
        with suppress(OSError):  # A full disk: a failed log line must not fail a call.
            while line:
                line = line[os.write(self._descriptor, line) :]


def _stream(descriptor: int) -> tuple[_Outlet, TextIOWrapper]:
    outlet = _Outlet(descriptor)
    # By lines: a line is written as a whole or dropped as a whole.
    return outlet, TextIOWrapper(outlet, encoding="utf-8", errors="backslashreplace", line_buffering=True)


(_OUTPUT, OUTPUT), (_ERRORS, ERRORS) = _stream(1), _stream(2)


def lost_lines() -> int:
    """Return the number of lines of both streams that were dropped so far."""
    return _OUTPUT.lost + _ERRORS.lost


def settle() -> None:
    """Wait for a moment until everything so far is written."""
    _OUTPUT.settle()
    _ERRORS.settle()
