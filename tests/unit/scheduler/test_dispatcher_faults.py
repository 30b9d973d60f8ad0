"""An engine that fails, hangs or returns nonsense costs the pairs at fault, and no others."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from scheduler import Abort, Dispatcher, Policy, Scheduler, Scores, ScoringFailed
from tests.fakes import FakeClock, FakeEngine, FixedCost, settle
from tests.unit.scheduler.dispatcher_on_fakes import Shell, long


async def test_poison():
    """When a pair makes the engine fail, only it has no score; all others of its job and of its batch have theirs."""
    shell = Shell(engine=FakeEngine(poison=[13]))
    blocker = await shell.submit(0)
    mates = [await shell.submit(1, 2), await shell.submit(12, 13, 14), await shell.submit(3)]
    await shell.run()
    assert (await blocker).scores == [0]
    assert (await mates[0]).scores == [1, 2]
    assert (await mates[2]).scores == [3]
    assert (await mates[1]).scores == [12, None, 14]


@pytest.mark.parametrize("pairs", [1, 10])
async def test_all_fail(pairs: int):
    """A job of which nothing could be scored says so, with the cause: its caller may know scores of other pairs."""
    shell = Shell(Policy(workers=1, batch_s=1.0), engine=FakeEngine(poison=range(pairs)))
    task = await shell.submit(*range(pairs))
    await shell.run()
    scored = await task
    assert scored.scores == [None] * pairs
    assert str(scored.failure) == "poison"


async def test_many_fail():
    """A job of which too many pairs fail fails itself, with the cause."""
    shell = Shell(Policy(workers=1, batch_s=1.0), engine=FakeEngine(poison=range(11)))
    task = await shell.submit(*range(30))
    await shell.run()
    with pytest.raises(ScoringFailed) as caught:
        await task
    assert str(caught.value.__cause__) == "poison"


async def test_some_fail_in_several_batches():
    """Pairs that fail are counted over all batches of a job: ten may, and the job is finished without them."""
    shell = Shell(engine=FakeEngine(poison=range(0, 200, 20)))
    task = await shell.submit(*long())
    await shell.run()
    scores = (await task).scores
    assert [i for i, score in enumerate(scores) if score is None] == list(range(0, 200, 20))


async def test_bisection_is_short():
    """The pair at fault among 32 is found in ten further calls, two for each halving."""
    engine = FakeEngine(poison=[13])
    shell = Shell(Policy(workers=1, batch_s=1.0), engine=engine, cost=FixedCost(launch_s=0.1))
    task = await shell.submit(*range(32))
    await shell.run()
    assert task.result().scores[13] is None
    assert [len(call) for call in engine.calls if 13 in call] == [32, 16, 8, 4, 2, 1]
    assert len(engine.calls) == 11


async def test_worker_lives_on():
    """After a failure, its worker serves the next job."""
    shell = Shell()
    failed = await shell.submit(1)
    shell.engine.fail(RuntimeError("broken"))
    await settle()
    assert (await failed).scores == [None]
    next_ = await shell.submit(2)
    await shell.run()
    assert (await next_).scores == [2]


async def test_failure_takes_back_the_rest():
    """When too many pairs of a large job fail, what is left of the job is not started."""
    shell = Shell(engine=FakeEngine(poison=long()))
    failed = await shell.submit(*long())
    await shell.release()
    assert isinstance(failed.exception(), ScoringFailed)
    assert shell.engine.busy == 0
    assert shell.dispatcher.load()[:3] == (0, 0, 0)


class _WrongEngine(FakeEngine):
    """An engine that always gives the same answer."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def score(self, pairs: Sequence[Any], abort: Abort | None = None) -> Any:
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [[], [1.0, 2.0, 3.0], [1.0, float("nan")], [float("inf"), 1.0], None, ["a", "b"]],
    ids=["none", "too many", "nan", "infinite", "nothing", "text"],
)
async def test_wrong_answers(answer: Any):
    """A wrong number of scores, or some that are no numbers, are failures: no wrong score is delivered."""
    shell = Shell(engine=_WrongEngine(answer))
    task = await shell.submit(1, 2)
    await shell.run()
    assert (await task).scores == [None, None]


async def test_nan_is_found():
    """A pair whose score is not a number fails alone."""
    engine = FakeEngine(lambda pair: float("nan") if pair == 13 else float(pair))
    shell = Shell(engine=engine)
    blocker = await shell.submit(0)
    good, bad = await shell.submit(1, 2), await shell.submit(13)
    await shell.run()
    await blocker
    assert (await good).scores == [1, 2]
    assert (await bad).scores == [None]


async def test_panic():
    """An error of an engine, even one that is not an Exception, fails its pair and frees the worker."""

    class Panic(BaseException):
        """An error as native extensions raise it."""

    shell = Shell()
    failed = await shell.submit(1, deadline=5.0)
    shell.engine.fail(Panic())
    await settle()
    next_ = await shell.submit(2, deadline=5.0)
    assert shell.engine.busy == 1
    await shell.run()
    assert (await next_).scores == [2]
    assert isinstance((await failed).failure, Panic)


async def test_failed_batches_teach_nothing():
    """Only batches without a failure are measured for the cost model."""
    shell = Shell(engine=FakeEngine(poison=[2]))
    tasks = [await shell.submit(1), await shell.submit(2, 3)]
    await shell.run()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(shell.cost.samples) == 1


async def test_hanging_batch():
    """A batch that hangs is stopped and halved until the pair at fault is alone; its mates succeed."""
    both_wait = threading.Event()
    hung = threading.Semaphore(0)
    stopped: list[int] = []

    def score(pairs: Sequence[int], abort: Abort) -> Scores:
        if 0 in pairs:
            both_wait.wait(10)
        if 13 in pairs:
            stop = threading.Event()

            def end() -> None:
                stop.set()
                stopped.append(len(pairs))

            abort.arm(end)
            hung.release()
            stop.wait(10)
            raise RuntimeError("stopped")
        return Scores([float(pair) for pair in pairs], len(pairs))

    clock = FakeClock()
    with ThreadPoolExecutor(1) as workers:
        dispatcher: Dispatcher[int] = Dispatcher(Scheduler(Policy(workers=1), FixedCost()), [score], clock, workers)
        tasks = [
            asyncio.create_task(dispatcher.submit([n], [100], lane=0, client="", deadline=1e6)) for n in (0, 12, 13)
        ]
        await settle()
        both_wait.set()
        for _ in range(1 + 3):  # Together, then alone, which is tried three times.
            assert await asyncio.to_thread(hung.acquire, timeout=10)
            stops = len(stopped)
            while len(stopped) == stops:
                clock.advance(0.05)
        assert (await tasks[0]).scores == [0]
        assert (await tasks[1]).scores == [12]
        assert (await tasks[2]).scores == [None]
    assert stopped == [2, 1, 1, 1]


async def test_hanging_batch_comes_back():
    """A batch that comes back just after it was found to hang is served, and so is the one that found it."""
    shell = Shell(Policy(workers=2))
    hanging, finder, waiting = [await shell.submit(n) for n in range(3)]

    def find() -> None:
        shell.engine.held = False  # The worker starts the waiting batch; meanwhile the engine returns the oldest.
        shell.engine.release(1)
        shell.engine.held = True

    shell.clock.call_at(shell.cost.batch(1, 100) + 0.25, find)
    for _ in range(6):
        shell.clock.advance(0.05)
    await settle()
    assert [task.done() and (await task).scores for task in (hanging, finder)] == [[0], [1]]
    await shell.run()
    assert (await waiting).scores == [2]


async def test_slow_batch():
    """A pair that was stopped, but does not hang, is served at a later try, which is given longer."""
    hung = threading.Event()
    calls = 0

    def score(pairs: Sequence[int], abort: Abort) -> Scores:
        nonlocal calls
        calls += 1
        if calls == 1:
            stop = threading.Event()
            abort.arm(stop.set)
            hung.set()
            stop.wait(10)
            raise RuntimeError("stopped")
        return Scores([float(pair) for pair in pairs], len(pairs))

    clock = FakeClock()
    with ThreadPoolExecutor(1) as workers:
        dispatcher: Dispatcher[int] = Dispatcher(Scheduler(Policy(workers=1), FixedCost()), [score], clock, workers)
        task = asyncio.create_task(dispatcher.submit([7], [100], lane=0, client="", deadline=1e6))
        await settle()
        assert await asyncio.to_thread(hung.wait, 10)
        for _ in range(6):
            clock.advance(0.05)
        assert (await task).scores == [7]
