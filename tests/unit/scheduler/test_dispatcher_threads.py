"""Workers go from batch to batch by themselves, on any number of threads, without a mixed-up score."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event

import pytest

from scheduler import Abort, Dispatcher, LoopClock, Policy, Refused, Scheduler, Scores
from tests.fakes import FixedCost
from tests.unit.scheduler.dispatcher_on_fakes import FAR

WORKERS = 4


@pytest.fixture
def restless() -> Iterator[None]:
    """Have threads take turns as often as they can, so that what they do to each other shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


async def test_a_worker_does_not_wait_for_the_loop():
    """While the event loop is busy with something else, a worker goes from batch to batch."""
    third = Event()

    def score(pairs: Sequence[int], abort: Abort) -> Scores:
        if 2 in pairs:
            third.set()
        return Scores([float(pair) for pair in pairs], len(pairs))

    with ThreadPoolExecutor(1) as workers:
        policy = Policy(workers=1, look_ahead=0)
        dispatcher: Dispatcher[int] = Dispatcher(Scheduler(policy, FixedCost()), [score], LoopClock(), workers)
        tasks = [asyncio.create_task(dispatcher.submit([i], [100], lane=i, client="", deadline=FAR)) for i in range(3)]
        await asyncio.sleep(0)  # All are submitted in this turn; from here the loop stands still.
        assert third.wait(30)
        assert [(await task).scores for task in tasks] == [[0.0], [1.0], [2.0]]


@pytest.mark.slow
@pytest.mark.usefixtures("restless")
async def test_many_threads():
    """Every caller who stays gets the scores of its own pairs, in any interleaving of threads and callers."""
    random = Random(1)

    def score(pairs: Sequence[int], abort: Abort) -> Scores:
        if any(pair % 997 == 0 for pair in pairs):
            raise RuntimeError("poison")
        return Scores([float(pair) for pair in pairs], len(pairs))

    async def caller(number: int) -> str:
        await asyncio.sleep(random.random() * 0.5)
        pairs = list(range(number * 20 + 1, number * 20 + 1 + random.randint(1, 20)))
        patience_s = 0.0 if number % 5 == 0 else 60.0
        try:
            async with asyncio.timeout(patience_s):
                scored = await dispatcher.submit(
                    pairs,
                    [random.randint(1, 500) for _ in pairs],
                    lane=number % 10,
                    client=str(number % 3),
                    deadline=FAR,
                )
        except TimeoutError:
            return "left"
        except Refused:
            return "refused"
        assert scored.scores == [None if pair % 997 == 0 else pair for pair in pairs]
        return "served"

    with ThreadPoolExecutor(WORKERS) as workers:
        policy = Policy(workers=WORKERS, backlog_s=1.0)
        dispatcher: Dispatcher[int] = Dispatcher(Scheduler(policy, FixedCost()), [score], LoopClock(), workers)
        outcomes = await asyncio.gather(*(caller(number) for number in range(1500)))
        await dispatcher.drain(30)
        assert {"served", "left"} <= set(outcomes)
        assert dispatcher.load()[:2] == (0, 0)
