"""Unfinished calls hold a bounded number of bytes, which accounts share."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from service.access.byte_budget import ByteBudget, Holding
from service.errors import TooManyBytesError

MB = 2**20
SMALL = 64 * 2**10


@pytest.fixture
def budget() -> ByteBudget:
    return ByteBudget(16 * MB, 4 * MB)


async def test_released(budget: ByteBudget):
    """Bytes are counted as long as their call lasts."""
    async with budget.hold("ann") as one:
        async with budget.hold("ann") as other:
            one.resize(3 * MB)
            other.resize(MB)
            one.resize(2 * MB)
            assert budget.bytes == 3 * MB
        assert budget.bytes == 2 * MB
    assert budget.bytes == 0


async def test_share(budget: ByteBudget):
    """An account holds up to its share, in however many calls; others hold theirs."""
    async with budget.hold("ann") as one, budget.hold("ann") as two, budget.hold("bob") as other:
        one.resize(3 * MB)
        two.resize(MB)
        with pytest.raises(TooManyBytesError):
            two.resize(MB + 1)
        assert (one.bytes, two.bytes) == (3 * MB, MB)
        other.resize(4 * MB)


async def test_small_beside_large(budget: ByteBudget):
    """A small call is taken beside large ones that use up the share of its account."""
    async with budget.hold("ann") as large, budget.hold("ann") as small:
        large.resize(4 * MB)
        small.resize(SMALL)
        with pytest.raises(TooManyBytesError):
            small.resize(SMALL + 1)


async def test_full(budget: ByteBudget):
    """In a full budget an account that holds less takes the place of the largest call of the one that holds most."""

    async def wait() -> None:
        async with budget.hold("most") as large:
            large.resize(3 * MB)
            await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        (await stack.enter_async_context(budget.hold("most"))).resize(MB)
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        for name in "abcd":
            (await stack.enter_async_context(budget.hold(name))).resize(3 * MB)
        (await stack.enter_async_context(budget.hold("late"))).resize(MB)
        with pytest.raises(TooManyBytesError):
            await asyncio.wait_for(waiting, 60)
        assert budget.bytes == 14 * MB


async def test_full_of_equals(budget: ByteBudget):
    """In a full budget an account that would hold as much as any other is refused, and nobody is ended for it."""
    async with AsyncExitStack() as stack:
        for name in "abcd":
            (await stack.enter_async_context(budget.hold(name))).resize(4 * MB)
        late: Holding = await stack.enter_async_context(budget.hold("late"))
        with pytest.raises(TooManyBytesError):
            late.resize(4 * MB)


async def test_timeouts_of_others(budget: ByteBudget):
    """A call's own timeout stays one."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), budget.hold("ann"):
            await asyncio.Event().wait()
    with pytest.raises(TimeoutError):
        async with budget.hold("ann"):
            raise TimeoutError
