"""What is going on, on standard error."""

import sys
from time import monotonic
from typing import TextIO

_EVERY_S = 10.0  # Between lines that only say how far it is, where they cannot be written over.


class Progress:
    """One line that is written over on a terminal; elsewhere a line now and then."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._next = 0.0

    def step(self, text: str) -> None:
        """Say what begins."""
        self._write(f"... {text}", end="\n")
        self._next = monotonic() + _EVERY_S

    def update(self, text: str) -> None:
        """Say how far it is."""
        if self._out.isatty():
            self._write(f"    {text}", end="")
        elif monotonic() >= self._next:
            self._next = monotonic() + _EVERY_S
            self._write(f"    {text}", end="\n")

    def clear(self) -> None:
        """Leave nothing on the line that is written over."""
        self._write("", end="")

    def _write(self, text: str, end: str) -> None:
        over = "\r\x1b[K" if self._out.isatty() else ""
        print(f"{over}{text}", end=end, file=self._out, flush=True)
