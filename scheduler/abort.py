"""Calling off a batch that is on a worker."""

from collections.abc import Callable


class Abort:
    """Lets the event loop stop what a worker thread runs.

    The thread arms it before each run with what stops that run; the loop fires it. A run that cannot be stopped
    does not arm it. Firing twice, or between runs, is fine.
    """

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self.fired = 0
        """How often it was."""
        self.partial = False
        """Whether the thread ran less than the batch, because it knew the rest: what it took says nothing then."""

    def arm(self, stop: Callable[[], None]) -> None:
        """Have `stop` called, from another thread, if the run that begins now is to be stopped."""
        self._stop = stop

    def fire(self) -> None:
        """Stop the present run; it then fails like one that raised."""
        self.fired += 1
        if self._stop:
            self._stop()
