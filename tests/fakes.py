"""Fakes that work: time that stands still until told, an engine that scores when told, a cost that never changes."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from scheduler import Abort, CostModel, Sample, Scores


class FakeAlarm:
    """A callback arranged on a FakeClock."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Call it off."""
        self.cancelled = True


class FakeClock:
    """A clock that moves only by `advance`."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._alarms: list[FakeAlarm] = []

    @property
    def alarms(self) -> list[float]:
        """Times of the callbacks still to come, in order."""
        return sorted(alarm.when for alarm in self._alarms if not alarm.cancelled)

    def now(self) -> float:
        """Return the present in seconds."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> FakeAlarm:
        """Run `callback` once time has advanced to `when`; in the past means at the next advance, by 0 or more."""
        alarm = FakeAlarm(when, callback)
        self._alarms.append(alarm)
        return alarm

    def advance(self, seconds: float) -> None:
        """Let time pass, and run the callbacks that fall due in order of time, each at its time."""
        end = self._now + seconds
        while due := [alarm for alarm in self._alarms if not alarm.cancelled and alarm.when <= end]:
            alarm = min(due, key=lambda a: a.when)  # The first of equals: the one arranged first.
            self._alarms.remove(alarm)
            self._now = max(self._now, alarm.when)
            alarm.callback()
        self._now = end


class FakeEngine(Executor):
    """An engine and the executor it runs on: a batch stays on its worker until the test lets it go.

    Pass `engine.score` and `engine` where a score function and an executor are wanted. A pair scores
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
        """The pairs of every call of `score`, in order."""
        self._work: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._failure: BaseException | None = None

    @property
    def busy(self) -> int:
        """Number of batches on workers."""
        return len(self._work)

    def score(self, pairs: Sequence[Any], abort: Abort | None = None) -> list[float]:
        """Return one score a pair; raise on a poisonous one, or whatever `fail` ordered."""
        self.calls.append(list(pairs))
        if self._failure is not None:
            raise self._failure
        if any(pair in self.poison for pair in pairs):
            raise RuntimeError("poison")
        return [self.score_pair(pair) for pair in pairs]

    def scores(self, pairs: Sequence[Any], abort: Abort) -> Scores:
        """Return the scores of `score` as a dispatcher takes them."""
        return Scores(self.score(pairs, abort), len(pairs))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Take work as an executor does, and keep it until it is released."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self._work.append((future, lambda: fn(*args, **kwargs)))
        if not self.held:
            self.release()
        return future

    def release(self, index: int = 0) -> None:
        """Score the batch that has been on a worker longest, or the `index`-th of them, and return it."""
        future, work = self._work.pop(index)
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # As real executors do.
            future.set_exception(error)

    def fail(self, error: BaseException, index: int = 0) -> None:
        """Return a batch of which every call of `score` raised `error`."""
        self._failure = error
        self.release(index)
        self._failure = None


class FixedCost(CostModel):
    """A cost model that is right from the start: it learns nothing, but remembers what it was told."""

    def __init__(self, launch_s: float = 0.001, token_s: float = 1e-5, square_s: float = 0.0) -> None:
        super().__init__(launch_s, token_s, square_s)
        self.launch_s, self.token_s, self.square_s = launch_s, token_s, square_s
        self.samples: list[Sample] = []

    def learn(self, sample: Sample) -> None:
        """Remember a measured batch."""
        self.samples.append(sample)


async def settle() -> None:
    """Let the event loop run everything that is ready, and what follows from it."""
    for _ in range(10):
        await asyncio.sleep(0)
