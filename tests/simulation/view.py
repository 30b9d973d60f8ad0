"""The state of pods as balancers see it."""

from collections.abc import Sequence

import numpy as np

from scheduler import LANES


class View:
    """The current and the last published backlog of each pod by lane."""

    def __init__(self, pods: int, useful: Sequence[float]) -> None:
        """Start with `pods` empty pods, whose current state is visible."""
        self.useful = useful
        """Useful seconds of a pair by its length in tokens."""
        self.under_way = [0] * pods
        """Requests in flight per pod, (pods,) int; always current, because the balancer sends them all."""
        self.waiting = np.zeros((pods, LANES))
        """Waiting useful worker-seconds in a lane or a better one, (pods, lanes) float."""
        self.seen = self.waiting
        """The visible state of `waiting`, of the same shape."""

    def look(self, *, stale: bool) -> None:
        """Show the current state, or, if `stale`, the last published one, at first a copy of the current one."""
        self.seen = self.waiting.copy() if stale else self.waiting

    def publish(self, pod: int) -> None:
        """Publish the current state of a pod."""
        self.seen[pod] = self.waiting[pod]

    def add(self, pod: int, lane: int, seconds: float) -> None:
        """Add waiting work to a lane, or remove it with negative `seconds`."""
        self.waiting[pod, lane:] += seconds

    def holds_worse(self, lane: int) -> np.ndarray:
        """Tell for each pod whether work of a worse lane waits there, (pods,) bool."""
        held: np.ndarray = self.waiting[:, -1] - self.waiting[:, lane] > 1e-9  # Ignores rounding errors.
        return held
