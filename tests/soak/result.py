"""The results of a soak, and the promises of the service."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from service.bench.goal import Goal, at_least, at_most
from tests.soak.metrics import Metrics
from tests.soak.outcome import LOST, OK, Ended
from tests.soak.usage import Usage
from tests.soak.watch import Watch

_MEMORY_MAX = 1.05
"""Limit of the median memory in the last third over that in the second, when caches are full."""
_MOST_MB = 1024  # The memory limit in deploy/; it fits a few messages of 64 MB at once.
_HELD_MB = 192  # Three messages of 64 MB.
JUDGED_S = 60.0  # In a shorter soak caches still fill, and memory is not judged.
_FILES_MORE = 3
_THREADS_MORE = 8  # Thread pools start their threads on demand.
_EXAMPLES = 5
UNSENT = "tracebacks of the library about clients that left during a response"


class Drain(NamedTuple):
    """The end of the process."""

    status: int
    wrong: list[str]
    """Calls in flight at SIGTERM that ended with neither a response nor a refusal."""


@dataclass(frozen=True)
class SoakResult:
    """One soak."""

    seconds: float
    load: float
    """Offered load as a multiple of the capacity."""
    tokens_s: float
    """Measured capacity, in tokens per second."""
    ended: list[Ended]
    watch: Watch
    before: Usage
    """State before the load."""
    after: Usage
    """State after all clients had left."""
    metrics: Metrics
    """Metrics after all clients had left."""
    held_mb: float | None
    """Most memory, in MB, still held after one of several too large messages; None if none were sent."""
    faults: list[str]
    """Calls with an outcome that their kind does not allow."""
    differences: list[str]
    """Differences between clients, log and metrics."""
    strange: list[str]
    """Unexpected log lines."""
    unsent: list[str]
    """Number of tracebacks of the library about clients that left."""
    told: bool
    """True if the log contains text of a query."""
    scores: int
    """Number of scores that were computed again alone."""
    other_scores: int
    """Number of these scores that differed."""
    drain: Drain

    @property
    def promises(self) -> list[Goal]:
        """All promises; the notes are examples of violations."""
        answered = sum(call.reason == OK for call in self.ended)
        lost = [f"{call.kind} after {call.took_s:.1f} s" for call in self.ended if call.reason == LOST]
        under_way = [] if self.metrics.at_rest else [self.metrics.under_way]
        status = [f"{self.drain.status}"] if self.drain.status else []
        return [
            at_least("answered calls", answered, 1),
            at_least("scores computed again alone", self.scores, 1),
            _none("calls that did not end by 5 s after their deadline", lost),
            _none("calls with an outcome that is not allowed, or a wrong response", self.faults),
            at_most("scores that differ from those of the pair alone", self.other_scores, 0),
            _none(f"failed probes and scrapes, of {self.watch.probes}", self.watch.unanswered),
            *self._memory,
            *self._held,
            at_most("peak memory, MB", max(look.usage.memory_mb for look in self.watch.looks), _MOST_MB),
            at_most("file descriptors after all clients had left", self.after.files, self.before.files + _FILES_MORE),
            at_most("threads after all clients had left", self.after.threads, self.before.threads + _THREADS_MORE),
            _none("work in progress after all clients had left", under_way),
            _none("differences between clients, log and metrics", self.differences),
            _none("unexpected log lines", self.strange),
            _none(UNSENT, self.unsent),
            at_most("text of a query in the log", self.told, 0),
            _none("status after SIGTERM other than 0", status),
            _none("calls in flight at SIGTERM that were neither answered nor refused", self.drain.wrong),
        ]

    @property
    def kept(self) -> bool:
        """Tell whether all promises were kept."""
        return all(promise.kept for promise in self.promises)

    @property
    def memory_mb(self) -> tuple[float, float]:
        """Median memory, in MB, in the second and in the last third of the load."""
        third = self.seconds / 3
        second, last = (
            median([look.usage.memory_mb for look in self.watch.looks if start <= look.at < start + third])
            for start in (third, 2 * third)
        )
        return second, last

    @property
    def _memory(self) -> list[Goal]:
        if self.seconds < JUDGED_S:
            return []
        second, last = self.memory_mb
        return [at_most("memory, median of the last third over that of the second", last / second, _MEMORY_MAX)]

    @property
    def _held(self) -> list[Goal]:
        if self.held_mb is None:
            return []
        return [at_most("memory still held after a refused message of 64 MB, MB", self.held_mb, _HELD_MB)]


def _none(what: str, found: Sequence[str]) -> Goal:
    return at_most(what, len(found), 0, sorted({line.partition("\n")[0] for line in found})[:_EXAMPLES])
