"""Simulated workers: true batch times and faults."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from random import Random
from typing import NamedTuple

from scheduler import Policy
from scheduler.worker import Abort, Scores, score_all


class Cost(NamedTuple):
    """The true cost model: a batch of n pairs padded to L tokens takes a + n*(b*L + c*L**2) seconds."""

    launch_s: float
    token_s: float
    square_s: float = 0.0

    def batch(self, pairs: int, length: int) -> float:
        """Return the seconds of a batch."""
        return self.launch_s + pairs * self.useful(length)

    def useful(self, length: int) -> float:
        """Return the seconds of one pair without launch and padding."""
        return length * (self.token_s + length * self.square_s)


class Setup(NamedTuple):
    """A kind of worker with a matching policy and patience of clients."""

    name: str
    cost: Cost
    policy: Policy
    patience: float
    """Factor of the deadlines of the standard mix."""


BRISK = Setup("brisk", Cost(1e-3, 1e-5), Policy(workers=2, batch_s=0.010), 1.0)
EMBEDDED = Setup("embedded", Cost(1.6e-3, 1e-4, 1e-7), Policy(workers=2, batch_s=0.050), 10.0)


class Speed(NamedTuple):
    """A slowdown of one worker, or of all if None, by `factor` from `at` until `until`; infinite means a hang."""

    factor: float
    at: float = 0.0
    until: float = inf
    worker: int | None = None


class Pause(NamedTuple):
    """A freeze of the whole machine for `seconds`, while monotonic time goes on."""

    at: float
    seconds: float


@dataclass
class Workers:
    """Computes the end of each batch."""

    cost: Cost
    noise: float = 0.05
    """Standard deviation of the logarithm of a batch's time."""
    seed: int = 0
    speeds: Sequence[Speed] = ()
    pauses: Sequence[Pause] = ()
    poison: frozenset[tuple[int, int]] = frozenset()
    """Poisonous pairs, by request: a batch with one of them fails."""
    mute: bool = False
    """True if a batch with a poisonous pair returns one score too few instead of raising."""
    failing_most: int = field(default=0, init=False)
    """Failing runs of a batch for each of its pairs at fault, at most."""

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def end(self, start: float, worker: int, pairs: int, length: int) -> float:
        """Return the end of a batch that starts now; infinite if it hangs for ever."""
        return self._pass(start, worker, self.cost.batch(pairs, length))

    def end_of_poisoned(
        self, start: float, worker: int, pairs: Sequence[tuple[int, int]], length: int
    ) -> tuple[float, set[tuple[int, int]]]:
        """Return the end of a batch with poisonous pairs, and its failed pairs.

        The product's own bisection decides which runs there are; each takes its time.
        """
        seconds, failing = 0.0, 0

        def score(run: Sequence[tuple[int, int]], _: Abort) -> Scores:
            nonlocal seconds, failing
            seconds += self.cost.batch(len(run), length)
            if not self.poison.isdisjoint(run):
                failing += 1
                if self.mute:
                    return Scores([0.0] * (len(run) - 1), len(run))
                raise RuntimeError("poison")
            return Scores([0.0] * len(run), len(run))

        results = score_all(score, pairs, Abort()).results
        self.failing_most = max(self.failing_most, ceil(failing / len(self.poison.intersection(pairs))))
        failed = {pair for pair, r in zip(pairs, results, strict=True) if isinstance(r, BaseException)}
        return self._pass(start, worker, seconds), failed

    def resume(self, at: float) -> float:
        """Return the time at which an event due at `at` is processed, after any freeze."""
        for pause in self.pauses:
            if pause.at <= at < pause.at + pause.seconds:
                return pause.at + pause.seconds
        return at

    def _pass(self, start: float, worker: int, seconds: float) -> float:
        if self.noise:
            seconds *= self._random.lognormvariate(0.0, self.noise)
        for speed in self.speeds:
            if speed.at <= start < speed.until and speed.worker in {None, worker}:
                seconds *= speed.factor
        end = start + seconds
        for pause in self.pauses:
            if start <= pause.at < end:
                end += pause.seconds
        return end
