"""Working fakes: a clock moved by hand, an engine that scores on command, a constant cost model."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from scheduler import Abort, CostModel, Sample, Scores


class FakeAlarm:
    """A callback scheduled on a FakeClock."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Cancel the callback."""
        self.cancelled = True


class FakeClock:
    """A clock that moves only by `advance`."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._alarms: list[FakeAlarm] = []

    @property
    def alarms(self) -> list[float]:
        """Times of the pending callbacks, ascending."""
        return sorted(alarm.when for alarm in self._alarms if not alarm.cancelled)

    def now(self) -> float:
        """Return the current time in seconds."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> FakeAlarm:
        """Run `callback` once time has advanced to `when`, or at the next advance if that has passed."""
        alarm = FakeAlarm(when, callback)
        self._alarms.append(alarm)
        return alarm

    def advance(self, seconds: float) -> None:
        """Advance the time, and run the due callbacks in order, each at its own time."""
        end = self._now + seconds
        while due := [alarm for alarm in self._alarms if not alarm.cancelled and alarm.when <= end]:
            alarm = min(due, key=lambda a: a.when)  # Of equal times, the callback scheduled first.
            self._alarms.remove(alarm)
            self._now = max(self._now, alarm.when)
            alarm.callback()
        self._now = end


class FakeEngine(Executor):
    """An engine and its executor: a batch stays on its worker until the test releases it.

    Pass `engine.score` as score function and `engine` as executor. A pair scores
    `score_pair(pair)`; a call with a pair from `poison` in it raises. With `held=False` batches return at once.
    """

    def __init__(
        self,
        score_pair: Callable[[Any], float] = float,
        *,
        poison: Collection[Any] = (),
        held: bool = True,
    ) -> None:
        self.score_pair = score_pair
        self.poison = poison
        self.held = held
        self.calls: list[list[Any]] = []
        """The pairs of each call of `score`, in order."""
        self._work: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._failure: BaseException | None = None

    @property
    def busy(self) -> int:
        """Number of batches on workers."""
        return len(self._work)

    def score(self, pairs: Sequence[Any], abort: Abort | None = None) -> list[float]:
        """Return one score per pair. Raises on a poisonous pair, or the error of `fail`."""
        self.calls.append(list(pairs))
        if self._failure is not None:
            raise self._failure
        if any(pair in self.poison for pair in pairs):
            raise RuntimeError("poison")
        return [self.score_pair(pair) for pair in pairs]

    def scores(self, pairs: Sequence[Any], abort: Abort) -> Scores:
        """Return the scores of `score` in the type that the dispatcher expects."""
        return Scores(self.score(pairs, abort), len(pairs))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Accept work as an executor does, and hold it until it is released."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self._work.append((future, lambda: fn(*args, **kwargs)))
        if not self.held:
            self.release()
        return future

    def release(self, index: int = 0) -> None:
        """Score the oldest batch on a worker, or the `index`-th oldest, and return its pairs."""
        future, work = self._work.pop(index)
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # As real executors do.
            future.set_exception(error)

    def fail(self, error: BaseException, index: int = 0) -> None:
        """Release a batch, and raise `error` from each of its calls of `score`."""
        self._failure = error
        self.release(index)
        self._failure = None


class FixedCost(CostModel):
    """A constant cost model, which records its samples."""

    def __init__(self, launch_s: float = 0.001, token_s: float = 1e-5, square_s: float = 0.0) -> None:
        super().__init__(launch_s, token_s, square_s)
        self.launch_s, self.token_s, self.square_s = launch_s, token_s, square_s
        self.samples: list[Sample] = []

    def learn(self, sample: Sample) -> None:
        """Record a measured batch."""
        self.samples.append(sample)


async def settle() -> None:
    """Let the event loop run all ready callbacks, and those that they schedule, for ten iterations."""
    for _ in range(10):
        await asyncio.sleep(0)
