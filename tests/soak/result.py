"""What a soak found, set against what the service promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

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


class Promise(NamedTuple):
    """One promise, and what was found."""

    name: str
    found: str
    limit: str
    kept: bool
    examples: Sequence[str] = ()


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
    def promises(self) -> list[Promise]:
        """All promises."""
        answered = sum(call.reason == OK for call in self.ended)
        lost = [f"{call.kind} after {call.took_s:.1f} s" for call in self.ended if call.reason == LOST]
        return [
            Promise("calls that were answered", f"{answered}", "some", answered > 0 and self.scores > 0),
            _none("calls with no end by their deadline, and five seconds", lost),
            _none("calls that ended otherwise than such calls may, or with a wrong answer", self.faults),
            Promise(
                "scores other than those of the pair alone",
                f"{self.other_scores} of {self.scores}",
                "0",
                self.other_scores == 0,
            ),
            _none(f"probes and scrapes without a good answer, of {self.watch.probes}", self.watch.unanswered),
            self._memory,
            *self._held,
            Promise("memory at its most", f"{self._most_mb:.0f} MB", f"{_MOST_MB} MB", self._most_mb <= _MOST_MB),
            _at_most("file descriptors, once all callers had left", self.before.files, self.after.files, _FILES_MORE),
            _at_most("threads, once all callers had left", self.before.threads, self.after.threads, _THREADS_MORE),
            Promise("under way, once all callers had left", self.metrics.under_way, "nothing", self.metrics.at_rest),
            _none("differences between callers, log and metrics", self.differences),
            _none("lines of the log that should not be there", self.strange),
            _none(UNSENT, self.unsent),
            Promise("text of a query in the log", "some" if self.told else "none", "none", not self.told),
            Promise("status after SIGTERM", f"{self.drain.status}", "0", self.drain.status == 0),
            _none("calls under way then that were neither answered nor refused", self.drain.wrong),
        ]

    @property
    def kept(self) -> bool:
        """Whether all promises were."""
        return all(promise.kept for promise in self.promises)

    @property
    def _held(self) -> list[Promise]:
        if self.held_mb is None:
            return []
        name = "memory kept of messages of 64 MB that were refused, one by one"
        return [Promise(name, f"{self.held_mb:.0f} MB", f"{_HELD_MB} MB", self.held_mb <= _HELD_MB)]

    @property
    def _most_mb(self) -> float:
        return max(look.usage.memory_mb for look in self.watch.looks)

    @property
    def _memory(self) -> Promise:
        third = self.seconds / 3
        second, last = (
            median([look.usage.memory_mb for look in self.watch.looks if start <= look.at < start + third])
            for start in (third, 2 * third)
        )
        judged = self.seconds >= JUDGED_S
        return Promise(
            "memory, median of the last third over that of the second",
            f"{last / second:.3f}, {second:.0f} and {last:.0f} MB",
            f"{_MEMORY_MAX:g}" if judged else "too short to judge",
            not judged or last / second <= _MEMORY_MAX,
        )


def _none(name: str, found: Sequence[str]) -> Promise:
    return Promise(
        name, f"{len(found)}", "0", not found, sorted({line.partition("\n")[0] for line in found})[:_EXAMPLES]
    )


def _at_most(name: str, before: int, after: int, more: int) -> Promise:
    return Promise(name, f"{after}, {before} before", f"{before + more}", after <= before + more)
