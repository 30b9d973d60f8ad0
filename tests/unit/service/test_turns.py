"""Tests of who may use a few threads next."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from scheduler import Displaced, Shed
from service.turns import Turns
from tests.fakes import settle

PATIENCE_S = 5
"""For what never comes; nothing that works waits that long."""


class Desk:
    """One thread, held by a call until the test lets it go, and a list of who came after."""

    def __init__(self, waiting_max: int = 10) -> None:
        self.turns = Turns(1, waiting_max)
        self.order: list[object] = []
        self._gate = threading.Event()

    async def hold(self, lane: int = 0) -> "asyncio.Task[object]":
        """Occupy the thread."""
        task = asyncio.create_task(self.turns.run(lane, 0, lambda: self._gate.wait(PATIENCE_S)))
        await settle()
        return task

    async def ask(self, lane: int, name: object = None) -> "asyncio.Task[object]":
        """Ask for a turn, and see that the question has been dealt with."""
        name = lane if name is None else name
        task = asyncio.create_task(self.turns.run(lane, 0, lambda: self.order.append(name) or name))
        await settle()
        return task

    def release(self) -> None:
        """Let the holder's call return."""
        self._gate.set()

    async def works(self) -> bool:
        """Whether a call still gets its turn."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.turns.run(0, 0, lambda: True)

    @property
    def free(self) -> int:
        """Threads that nobody uses."""
        return self.turns._free


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    desk.release()
    desk.turns.close()


@pytest.fixture
async def small() -> AsyncIterator[Desk]:
    desk = Desk(2)  # Two may wait at it.
    yield desk
    desk.release()
    desk.turns.close()


async def test_returns_what_the_call_returns(desk: Desk):
    """A call's value comes back."""
    assert await desk.turns.run(0, 0, lambda: 42) == 42


async def test_runs_on_a_thread(desk: Desk):
    """A call does not run on the event loop's thread."""
    assert await desk.turns.run(0, 0, threading.get_ident) != threading.get_ident()


async def test_several_threads():
    """As many calls run at a time as there are threads."""
    turns = Turns(2, 0)
    together = threading.Barrier(2)
    calls = [turns.run(0, 0, lambda: together.wait(PATIENCE_S)) for _ in range(2)]
    assert sorted(await asyncio.gather(*calls)) == [0, 1]
    turns.close()


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
    """Whoever waits gets no thread before one is free."""
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
        await desk.turns.run(0, 0, lambda: None)
    desk.release()
    desk.turns.close()


async def test_waiting_stays_bounded(small: Desk):
    """However many come, no more than allowed wait."""
    await small.hold()
    everybody = [await small.ask(lane) for lane in range(50, 0, -1)]
    assert sum(not task.done() for task in everybody) == 2
    small.release()
    await asyncio.gather(*everybody, return_exceptions=True)
    assert small.order == [1, 2]


async def test_a_place_is_free_again(small: Desk):
    """Whoever leaves while waiting frees a place to wait in."""
    await small.hold()
    leaver, stayer = await small.ask(1), await small.ask(2)
    leaver.cancel()
    await settle()
    newcomer = await small.ask(999)
    small.release()
    await asyncio.gather(stayer, newcomer)
    assert small.order == [2, 999]


async def test_exception_comes_back(desk: Desk):
    """What a call raises reaches its caller, and the thread is free again."""

    def fail() -> None:
        raise KeyError("word")

    with pytest.raises(KeyError, match="word"):
        await desk.turns.run(0, 0, fail)
    assert await desk.works()
    assert desk.free == 1


async def test_exception_passes_the_turn_on(desk: Desk):
    """After a call that raised, the next one waiting goes on."""
    gate = threading.Event()

    def fail() -> None:
        gate.wait(PATIENCE_S)
        raise KeyError("word")

    failing = asyncio.create_task(desk.turns.run(0, 0, fail))
    await settle()
    waiting = await desk.ask(3)
    gate.set()
    with pytest.raises(KeyError):
        await failing
    assert await waiting == 3


async def test_cancelled_while_waiting(desk: Desk):
    """Whoever leaves while waiting is never run, and the others are."""
    holder = await desk.hold()
    leaver, stayer = await desk.ask(0), await desk.ask(1)
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    desk.release()
    await asyncio.gather(holder, stayer)
    assert desk.order == [1]
    assert desk.free == 1


async def test_cancelled_when_granted(desk: Desk):
    """Whoever leaves at the moment the turn comes passes it on."""
    holder, leaver, stayer = await desk.hold(), await desk.ask(0), await desk.ask(1)
    loop = asyncio.get_running_loop()

    def leave_when_granted() -> None:
        if len(desk.turns._next) == 2:
            loop.call_soon(leave_when_granted)
        else:  # The turn has been given, but its owner has not woken up yet.
            leaver.cancel()

    loop.call_soon(leave_when_granted)
    desk.release()
    await holder
    assert await stayer == 1
    assert leaver.cancelled()
    assert desk.order == [1]
    assert desk.free == 1


async def test_cancelled_with_the_holder(desk: Desk):
    """When the one on the thread and one waiting leave together, both are cancelled and no turn is lost."""
    holder, leaver = await desk.hold(), await desk.ask(0)
    holder.cancel()
    leaver.cancel()
    endings = await asyncio.gather(holder, leaver, return_exceptions=True)
    assert [type(ending) for ending in endings] == [asyncio.CancelledError] * 2
    desk.release()
    assert await desk.works()
    assert desk.free == 1


async def test_cancelled_when_displaced(small: Desk):
    """Whoever leaves at the moment of being displaced takes no turn along that was never given."""
    holder = await small.hold()
    leaver, stayer = await small.ask(999), await small.ask(1)

    newcomer = asyncio.create_task(small.turns.run(0, 0, lambda: small.order.append(0)))
    # After the newcomer took its place, before it has woken up to it.
    asyncio.get_running_loop().call_soon(leaver.cancel)
    await settle()
    small.release()
    await asyncio.gather(holder, leaver, stayer, newcomer, return_exceptions=True)
    assert small.order == [0, 1]
    assert small.free == 1


async def test_cancelled_then_displaced(small: Desk):
    """A newcomer takes the place of one that has just left as if it had been free."""
    holder = await small.hold()
    leaver, stayer = await small.ask(999), await small.ask(1)
    newcomer = asyncio.create_task(small.turns.run(0, 0, lambda: small.order.append(0)))
    leaver.cancel()
    await settle()
    small.release()
    endings = await asyncio.gather(holder, leaver, stayer, newcomer, return_exceptions=True)
    assert isinstance(endings[1], asyncio.CancelledError | Displaced)
    assert small.order == [0, 1]
    assert small.free == 1


async def test_many_comings_and_goings():
    """Whatever comes, leaves and fails, all threads are free in the end."""
    turns = Turns(2, 20)

    def call(number: int) -> Callable[[], int]:
        return lambda: 1 // (number % 5)

    tasks = [asyncio.create_task(turns.run(number % 7, number, call(number))) for number in range(100)]
    for number in range(0, 100, 3):
        await asyncio.sleep(0)
        tasks[number].cancel()
    endings = await asyncio.gather(*tasks, return_exceptions=True)
    allowed = int | ZeroDivisionError | asyncio.CancelledError | Shed | Displaced
    assert [type(e) for e in endings if not isinstance(e, allowed)] == []
    assert turns._free == 2
    turns.close()


async def test_close(desk: Desk):
    """After closing, nothing more is run."""
    desk.turns.close()
    with pytest.raises(RuntimeError):
        await desk.turns.run(0, 0, lambda: None)
