"""A drain finishes admitted jobs within its time, and refuses all others."""

import asyncio

import pytest

from scheduler import Draining
from tests.fakes import settle
from tests.unit.scheduler.dispatcher_on_fakes import Shell, long


async def test_drain():
    """Draining admits nobody, lets admitted jobs finish, and is over with the last of them."""
    shell = Shell()
    running, waiting = await shell.submit(1), await shell.submit(*long(), lane=900)
    draining = asyncio.create_task(shell.dispatcher.drain(10.0))
    await settle()
    refused = await shell.submit(3)
    with pytest.raises(Draining):
        refused.result()
    assert not draining.done()
    await shell.run()
    await draining
    assert (await running).scores == [1]
    assert (await waiting).scores == list(long())
    assert shell.clock.alarms == []


async def test_drain_gives_up():
    """After the grace, whoever still waits is told that the server stops."""
    shell = Shell()
    tasks = [await shell.submit(1), await shell.submit(2)]
    draining = asyncio.create_task(shell.dispatcher.drain(10.0))
    await settle()
    shell.clock.advance(9.9)
    await settle()
    assert not any(task.done() for task in (*tasks, draining))
    shell.clock.advance(0.2)
    await settle()
    assert draining.done()
    for task in tasks:
        with pytest.raises(Draining):
            task.result()
    await shell.run()  # What is still on a worker comes back to nobody.
    assert shell.dispatcher.load().jobs == 0


async def test_drain_when_idle():
    """Without jobs, draining is over at once."""
    shell = Shell()
    draining = asyncio.create_task(shell.dispatcher.drain(10.0))
    await settle()
    assert draining.done()
    assert shell.clock.alarms == []


async def test_drain_ends_when_the_last_caller_leaves():
    """A caller that leaves while the server drains is not waited for."""
    shell = Shell()
    task = await shell.submit(1)
    draining = asyncio.create_task(shell.dispatcher.drain(10.0))
    await settle()
    task.cancel()
    await settle()
    assert draining.done()


async def test_draining_twice():
    """A second drain waits for the same end, and the first is not forgotten."""
    shell = Shell()
    task = await shell.submit(1)
    drains = [asyncio.create_task(shell.dispatcher.drain(10.0)) for _ in range(2)]
    await shell.run()
    await task
    assert [draining.done() for draining in drains] == [True, True]


async def test_drain_cancelled():
    """A cancelled wait for the end of a drain leaves no alarm behind that ends jobs later."""
    shell = Shell()
    task = await shell.submit(1)
    draining = asyncio.create_task(shell.dispatcher.drain(10.0))
    await settle()
    draining.cancel()
    await settle()
    shell.clock.advance(11)
    await shell.run()
    assert (await task).scores == [1]
