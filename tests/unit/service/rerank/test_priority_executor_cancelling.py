"""A cancelled call frees its place in the queue, and its thread only when it ends."""

import asyncio
from collections.abc import Callable

import pytest

from scheduler import Displaced, Shed
from service.rerank.priority_executor import PriorityExecutor
from tests.fakes import settle
from tests.unit.service.rerank.held_calls import Desk


async def test_a_place_is_free_again(small: Desk):
    """A caller that leaves while waiting frees a place to wait in."""
    await small.hold()
    leaver, stayer = await small.ask(1), await small.ask(2)
    leaver.cancel()
    await settle()
    newcomer = await small.ask(999)
    small.release()
    await asyncio.gather(stayer, newcomer)
    assert small.order == [2, 999]


async def test_cancelled_while_waiting(desk: Desk):
    """A call whose caller leaves while waiting is never run, and the others are."""
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
    """A caller that leaves at the moment its turn comes passes the turn on."""
    holder, leaver, stayer = await desk.hold(), await desk.ask(0), await desk.ask(1)
    loop = asyncio.get_running_loop()

    def leave_when_granted() -> None:
        if len(desk.executor._next) == 2:
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
    """A caller that leaves at the moment it is displaced takes no turn away."""
    holder = await small.hold()
    leaver, stayer = await small.ask(999), await small.ask(1)

    newcomer = asyncio.create_task(small.executor.run(0, 0, lambda: small.order.append(0)))
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
    newcomer = asyncio.create_task(small.executor.run(0, 0, lambda: small.order.append(0)))
    leaver.cancel()
    await settle()
    small.release()
    endings = await asyncio.gather(holder, leaver, stayer, newcomer, return_exceptions=True)
    assert isinstance(endings[1], asyncio.CancelledError | Displaced)
    assert small.order == [0, 1]
    assert small.free == 1


async def test_many_comings_and_goings():
    """All threads are free in the end, after many calls that come, leave and fail."""
    executor = PriorityExecutor(2, 20, "test")

    def call(number: int) -> Callable[[], int]:
        return lambda: 1 // (number % 5)

    tasks = [asyncio.create_task(executor.run(number % 7, number, call(number))) for number in range(100)]
    for number in range(0, 100, 3):
        await asyncio.sleep(0)
        tasks[number].cancel()
    endings = await asyncio.gather(*tasks, return_exceptions=True)
    allowed = int | ZeroDivisionError | asyncio.CancelledError | Shed | Displaced
    assert [type(e) for e in endings if not isinstance(e, allowed)] == []
    assert executor._free == 2
    executor.close()
