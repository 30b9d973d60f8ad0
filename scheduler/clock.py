"""Time, as the dispatcher needs it."""

import asyncio
from collections.abc import Callable
from typing import Protocol


class Cancellable(Protocol):
    """A callback that was arranged and can be called off."""

    def cancel(self) -> None:
        """Call it off; one that ran or was called off is fine."""


class Clock(Protocol):
    """Monotonic time in seconds, and callbacks at a time."""

    def now(self) -> float:
        """Return the present."""

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        """Run `callback` once at `when`, at once if that has passed."""


class LoopClock:
    """The clock of the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        """Return the loop's monotonic time in seconds."""
        return self._loop.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Run `callback` from the loop at `when`."""
        return self._loop.call_at(when, callback)
