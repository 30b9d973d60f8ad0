"""The result of a trial, and the limits of each figure."""

from collections import Counter
from dataclasses import dataclass, field
from math import inf

from service.bench.goal import Goal, at_least, at_most
from tests.hostile.honest import CALLS, PROBES, Watched

MEMORY_MB = 768
"""The most memory, over that before, that an attack makes the process hold: its budget of 512 MB, and copies of it."""
MEMORY_AFTER = 0.15
"""The most memory that stays 10 s after the attacker left, as a share of that before."""
BATCH_S = 0.05
"""The default of RERANKD_BATCH_SECONDS. An urgent call waits for one batch, with an attack or without."""
P99_RATIO = 1.5
PROBE_S = 0.1
STALL_S = 0.05
STOP_S = 2.0
"""Between the end of the drain and that of the process."""
_EXAMPLES = 3


@dataclass
class Result:
    """One trial of one attack."""

    name: str
    one_message: bool
    drain_s: float
    base_mb: float = 0
    peak_mb: float = 0
    """The most memory during the attack, over that before."""
    after_mb: float = 0
    """The memory when the attacker had left, over that before."""
    alone: Watched = field(default_factory=Watched)
    beside: Watched = field(default_factory=Watched)
    done: int = 0
    """Number of times that the attack was sent."""
    breach: str = ""
    """An act of the service that is never allowed, such as to end."""
    stop_s: float = inf
    """The time from SIGTERM beside the attack to the end of the process; infinite if it had to be killed."""
    status: int | None = None

    @property
    def p99_ratio(self) -> float:
        """The p99 of honest calls over that alone and one batch."""
        return self.beside.p99_s() / (self.alone.p99_s() + BATCH_S)

    @property
    def stall_s(self) -> float:
        """The slowest /livez over the slowest alone."""
        return max(self.beside.slowest_s("livez") - self.alone.slowest_s("livez"), 0)

    @property
    def goals(self) -> list[Goal]:
        """All figures with their limits; the notes are examples of what failed."""
        failed, wrong = self.beside.faults(*CALLS), self.beside.faults(*PROBES)
        return [
            at_least("attacks", self.done, 1),
            at_most("breach", bool(self.breach), 0, [self.breach] if self.breach else []),
            at_most("peak MB", self.peak_mb, MEMORY_MB),
            at_most("MB after", self.after_mb, MEMORY_AFTER * self.base_mb),
            at_most("p99 ratio", self.p99_ratio, P99_RATIO),
            at_most("failed", len(failed), 0, _most_common(failed)),
            *(at_most(f"{kind} ms", 1000 * self.beside.slowest_s(kind), 1000 * PROBE_S) for kind in PROBES),
            at_most("wrong", len(wrong), 0, _most_common(wrong)),
            at_most("stall ms", 1000 * self.stall_s, 1000 * STALL_S if self.one_message else inf),
            at_most("stop s", self.stop_s, self.drain_s + STOP_S),
        ]

    @property
    def kept(self) -> bool:
        """Tell whether each figure is within its limit."""
        return all(goal.kept for goal in self.goals)


def _most_common(faults: list[str]) -> list[str]:
    return [f"{fault} ({number})" for fault, number in Counter(faults).most_common(_EXAMPLES)]
