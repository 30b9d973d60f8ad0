"""The last two names that offered jobs: enough to tell whether one is alone."""

from math import inf

Name = tuple[str, str]
"""A client, and a name within it."""


class Company:
    """The times of the last offers: that of the last name, and that of any other."""

    def __init__(self) -> None:
        self._last: Name | None = None
        self._last_at = self._other_at = -inf

    def note(self, name: Name, now: float) -> None:
        """Record that a name offers a job."""
        if name != self._last:
            self._last, self._other_at = name, self._last_at
        self._last_at = now

    def other_at(self, name: Name) -> float:
        """Return when any other name offered a job last; minus infinity if none did."""
        return self._other_at if name == self._last else self._last_at
