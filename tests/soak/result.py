"""What a soak found, set against what the service promises."""

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
"""The median of the last third over that of the second: by then caches are full, and every kind of call was made."""
_MOST_MB = 1024  # What deploy/ asks for; a few messages of 64 MB at once fit.
_HELD_MB = 192  # Three of them.
JUDGED_S = 60.0  # In less, memory says nothing: the caches still fill.
_FILES_MORE = 3
_THREADS_MORE = 8  # Pools fill when they are needed first.
_EXAMPLES = 5
UNSENT = "tracebacks of the library over callers that left in mid-answer"


class Drain(NamedTuple):
    """How the process ended."""

    status: int
    wrong: list[str]
    """Calls under way at SIGTERM that ended neither with an answer nor with a refusal."""


@dataclass(frozen=True)
class Result:
    """One soak."""

    seconds: float
    load: float
    """Asked for, over the capacity."""
    tokens_s: float
    """The capacity, measured before."""
    ended: list[Ended]
    watch: Watch
    before: Usage
    """Just before the load."""
    after: Usage
    """Once all callers were gone."""
    metrics: Metrics
    """Then, too."""
    held_mb: float | None
    """Memory not given back after one of several messages that were too large; None if none were sent."""
    faults: list[str]
    """Calls that ended as they should not have."""
    differences: list[str]
    """Between what callers, log and metrics say."""
    strange: list[str]
    """Lines of the log that should not be there."""
    unsent: list[str]
    """Errors that the library logs with a traceback, over callers that left."""
    told: bool
    """Whether text of a query is in the log."""
    scores: int
    """How many scores were asked for alone afterwards,"""
    other_scores: int
    """and how many of them came out otherwise."""
    drain: Drain

    @property
    def promises(self) -> list[Goal]:
        """All promises; each note of one is an example of what was counted."""
        answered = sum(call.reason == OK for call in self.ended)
        lost = [f"{call.kind} after {call.took_s:.1f} s" for call in self.ended if call.reason == LOST]
        under_way = [] if self.metrics.at_rest else [self.metrics.under_way]
        status = [f"{self.drain.status}"] if self.drain.status else []
        return [
            at_least("calls that were answered", answered, 1),
            at_least("scores that were asked for alone", self.scores, 1),
            _none("calls with no end by their deadline, and five seconds", lost),
            _none("calls that ended otherwise than such calls may, or with a wrong answer", self.faults),
            at_most("scores other than those of the pair alone", self.other_scores, 0),
            _none(f"probes and scrapes without a good answer, of {self.watch.probes}", self.watch.unanswered),
            *self._memory,
            *self._held,
            at_most("memory at its most, MB", max(look.usage.memory_mb for look in self.watch.looks), _MOST_MB),
            at_most("file descriptors, once all callers had left", self.after.files, self.before.files + _FILES_MORE),
            at_most("threads, once all callers had left", self.after.threads, self.before.threads + _THREADS_MORE),
            _none("work under way, once all callers had left", under_way),
            _none("differences between callers, log and metrics", self.differences),
            _none("lines of the log that should not be there", self.strange),
            _none(UNSENT, self.unsent),
            at_most("text of a query in the log", self.told, 0),
            _none("status after SIGTERM other than 0", status),
            _none("calls under way then that were neither answered nor refused", self.drain.wrong),
        ]

    @property
    def kept(self) -> bool:
        """Whether all promises were."""
        return all(promise.kept for promise in self.promises)

    @property
    def memory_mb(self) -> tuple[float, float]:
        """The memory in the second third of the load and in the last, each the median."""
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
        return [at_most("memory kept of messages of 64 MB that were refused, one by one, MB", self.held_mb, _HELD_MB)]


def _none(what: str, found: Sequence[str]) -> Goal:
    return at_most(what, len(found), 0, sorted({line.partition("\n")[0] for line in found})[:_EXAMPLES])
