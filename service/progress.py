"""Progress messages on standard error."""

import sys
from time import monotonic
from typing import TextIO

_EVERY_S = 10.0  # Shortest time between updates where a line cannot be overwritten, as in a log.


class Progress:
    """Overwrites a status line on a terminal; elsewhere prints one at most every 10 s."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._next = 0.0

    def step(self, text: str) -> None:
        """Print the name of a step that begins."""
        self._write(f"... {text}", end="\n")
        self._next = monotonic() + _EVERY_S

    def update(self, text: str) -> None:
        """Show the progress of the current step."""
        if self._out.isatty():
            self._write(f"    {text}", end="")
        elif monotonic() >= self._next:
            self._next = monotonic() + _EVERY_S
            self._write(f"    {text}", end="\n")

    def clear(self) -> None:
        """Erase the status line."""
        self._write("", end="")

    def _write(self, text: str, end: str) -> None:
        over = "\r\x1b[K" if self._out.isatty() else ""
        print(f"{over}{text}", end=end, file=self._out, flush=True)
