"""Calls run in order of priority, in a bounded queue that refuses the least urgent."""

import asyncio
import threading

import pytest

from scheduler import Displaced, Shed
from service.rerank.priority_executor import PriorityExecutor
from tests.fakes import settle
from tests.unit.service.rerank.held_calls import PATIENCE_S, Desk


async def test_returns_what_the_call_returns(desk: Desk):
    """A call's value comes back."""
    assert await desk.executor.run(0, 0, lambda: 42) == 42


async def test_runs_on_a_thread(desk: Desk):
    """A call does not run on the event loop's thread."""
    assert await desk.executor.run(0, 0, threading.get_ident) != threading.get_ident()


async def test_threads_are_named():
    """A stack dump shows what the threads of an executor do."""
    executor = PriorityExecutor(1, 0, "example")
    assert (await executor.run(0, 0, threading.current_thread)).name.startswith("example")
    executor.close()


async def test_several_threads():
    """As many calls run at a time as there are threads."""
    executor = PriorityExecutor(2, 0, "test")
    together = threading.Barrier(2)
    calls = [executor.run(0, 0, lambda: together.wait(PATIENCE_S)) for _ in range(2)]
    assert sorted(await asyncio.gather(*calls)) == [0, 1]
    executor.close()


async def test_most_urgent_first(desk: Desk):
    """Of those waiting, the most urgent goes next, whenever it came."""
    await desk.hold(999)
    waiting = [await desk.ask(lane) for lane in (500, 999, 0, 7)]
    desk.release()
    await asyncio.gather(*waiting)
    assert desk.order == [0, 7, 500, 999]


async def test_in_order_within_a_lane(desk: Desk):
    """Within a lane, the first to come goes first."""
    await desk.hold()
    waiting = [await desk.ask(5, name) for name in "abcd"]
    desk.release()
    await asyncio.gather(*waiting)
    assert desk.order == list("abcd")


async def test_one_at_a_time(desk: Desk):
    """A waiting call gets no thread before one is free."""
    await desk.hold(999)
    waiting = await desk.ask(0)
    assert not waiting.done()
    assert desk.order == []
    desk.release()
    assert await waiting == 0


async def test_newcomer_displaces_the_least_urgent(small: Desk):
    """When too many wait, a more urgent newcomer takes the place of the least urgent."""
    await small.hold()
    kept, displaced = await small.ask(10), await small.ask(500)
    newcomer = await small.ask(100)
    with pytest.raises(Displaced) as caught:
        await displaced
    assert caught.value.retry_after_s == 1
    small.release()
    await asyncio.gather(kept, newcomer)
    assert small.order == [10, 100]


@pytest.mark.parametrize("lane", [500, 501, 999])
async def test_newcomer_is_refused(lane: int, small: Desk):
    """When too many wait, a newcomer no more urgent than any of them is refused, and they keep their places."""
    await small.hold()
    waiting = [await small.ask(10), await small.ask(500)]
    newcomer = await small.ask(lane)
    with pytest.raises(Shed) as caught:
        await newcomer
    assert caught.value.retry_after_s == 1
    small.release()
    await asyncio.gather(*waiting)
    assert small.order == [10, 500]


async def test_nobody_may_wait():
    """With no room to wait in, whoever finds no free thread is refused."""
    desk = Desk(0)
    await desk.hold(999)
    with pytest.raises(Shed):
        await desk.executor.run(0, 0, lambda: None)
    desk.release()
    desk.executor.close()


async def test_waiting_stays_bounded(small: Desk):
    """However many come, no more than allowed wait."""
    await small.hold()
    everybody = [await small.ask(lane) for lane in range(50, 0, -1)]
    assert sum(not task.done() for task in everybody) == 2
    small.release()
    await asyncio.gather(*everybody, return_exceptions=True)
    assert small.order == [1, 2]


async def test_exception_comes_back(desk: Desk):
    """An exception of a call reaches its caller, and the thread is free again."""

    def fail() -> None:
        raise KeyError("word")

    with pytest.raises(KeyError, match="word"):
        await desk.executor.run(0, 0, fail)
    assert await desk.works()
    assert desk.free == 1


async def test_exception_passes_the_turn_on(desk: Desk):
    """After a call that raised, the next one waiting goes on."""
    gate = threading.Event()

    def fail() -> None:
        gate.wait(PATIENCE_S)
        raise KeyError("word")

    failing = asyncio.create_task(desk.executor.run(0, 0, fail))
    await settle()
    waiting = await desk.ask(3)
    gate.set()
    with pytest.raises(KeyError):
        await failing
    assert await waiting == 3


async def test_close(desk: Desk):
    """After closing, nothing more is run."""
    desk.executor.close()
    with pytest.raises(RuntimeError):
        await desk.executor.run(0, 0, lambda: None)
