"""What can be known of pods from outside."""

from collections.abc import Sequence

import numpy as np

from scheduler import LANES


class View:
    """The backlog of each pod by lane, as it is and as the pods published it last."""

    def __init__(self, pods: int, useful: Sequence[float]) -> None:
        """Begin with so many empty pods, of which balancers see everything."""
        self.useful = useful
        """Useful seconds of a pair by its length, on any pod."""
        self.under_way = [0] * pods
        """Requests each pod holds; whoever sends them all knows that without being told."""
        self.waiting = np.zeros((pods, LANES))
        """Useful worker-seconds that wait on a pod (row) in a lane (column) or a better one."""
        self.seen = self.waiting
        """What balancers see of that."""

    def look(self, *, stale: bool) -> None:
        """Let balancers see what is, or, if `stale`, what was published last: now, to begin with."""
        self.seen = self.waiting.copy() if stale else self.waiting

    def publish(self, pod: int) -> None:
        """Let balancers see how a pod is now."""
        self.seen[pod] = self.waiting[pod]

    def add(self, pod: int, lane: int, seconds: float) -> None:
        """Note that work came to wait in a lane or, with `seconds` below 0, no longer waits there."""
        self.waiting[pod, lane:] += seconds

    def holds_worse(self, lane: int) -> np.ndarray:
        """Return of each pod whether work of a worse lane waits there."""
        held: np.ndarray = self.waiting[:, -1] - self.waiting[:, lane] > 1e-9  # What rounding leaves is no work.
        return held
