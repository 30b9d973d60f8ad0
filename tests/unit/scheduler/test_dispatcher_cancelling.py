"""A caller can leave at any moment, and no other caller, pair or worker is lost by it."""

import asyncio

from scheduler import Policy
from tests.fakes import FixedCost, settle
from tests.unit.scheduler.dispatcher_on_fakes import FAR, Shell, long


async def test_cancelled_while_waiting():
    """A caller that leaves takes its pairs back: they never reach a worker."""
    shell = Shell()
    blocker, gone = await shell.submit(0), await shell.submit(1)
    gone.cancel()
    await settle()
    assert shell.dispatcher.load().jobs == 1
    await shell.run()
    assert (await blocker).scores == [0]
    assert shell.engine.calls == [[0]]


async def test_cancelled_while_running():
    """When a caller leaves, its batch mates still get their scores, and the rest of its pairs is not started."""
    shell = Shell(Policy(workers=1), cost=FixedCost(launch_s=0.02))
    blocker = await shell.submit(999)
    mate, gone = await shell.submit(1, 2, lane=5), await shell.submit(*long(10), lane=6)
    await shell.release()
    assert shell.engine.busy == 1
    gone.cancel()
    await settle()
    await shell.run()
    assert [(await task).scores for task in (blocker, mate)] == [[999], [1, 2]]
    assert len(shell.engine.calls) == 2
    assert len(shell.engine.calls[1]) > 2
    assert gone.cancelled()


async def test_cancelled_before_it_ran():
    """A call that is cancelled before it got to run is never admitted."""
    shell = Shell()
    task = asyncio.create_task(shell.dispatcher.submit([1], [100], lane=0, client="", deadline=FAR))
    task.cancel()
    await settle()
    assert task.cancelled()
    assert shell.engine.busy == 0


async def test_cancelled_as_the_scores_come():
    """A caller that leaves in the moment its scores arrive disturbs nobody."""
    shell = Shell()
    gone, next_ = await shell.submit(1), await shell.submit(2)
    shell.engine.release()
    gone.cancel()
    await settle()
    await shell.run()
    assert gone.cancelled()
    assert (await next_).scores == [2]
    assert shell.dispatcher.load()[:3] == (0, 0, 0)


async def test_cancelled_as_it_expires():
    """A caller that leaves in the moment it is dropped disturbs nobody, and no error goes unheard."""
    shell = Shell()
    gone = await shell.submit(1, deadline=0.5)
    gone.cancel()
    shell.clock.advance(1)
    await shell.run()
    assert gone.cancelled()
    other = await shell.submit(2)
    shell.clock.advance(1)
    await shell.run()
    assert (await other).scores == [2]


async def test_cancelling_moves_the_alarm():
    """When the caller with the nearest deadline leaves, the alarm is for the next one."""
    shell = Shell()
    await shell.submit(0, tokens=300_000, deadline=9.0)
    shell.clock.advance(4.97)
    before = shell.clock.alarms
    gone = await shell.submit(1, deadline=before[0] - 0.01)
    assert shell.clock.alarms < before
    gone.cancel()
    await settle()
    assert shell.clock.alarms == before


async def test_cancelling_frees_the_way():
    """When a waiting caller leaves, who waited behind it for a worker gets on."""
    shell = Shell(Policy(workers=1, look_ahead=0))
    tasks = [await shell.submit(i) for i in range(3)]
    tasks[1].cancel()
    await settle()
    await shell.release()
    assert shell.engine.busy == 1
    await shell.release()
    assert (await tasks[2]).scores == [2]


async def test_storm():
    """When nearly everybody leaves at once, who stays is served and nothing is left over."""
    shell = Shell(Policy(workers=2))
    tasks = [await shell.submit(i, i + 1, lane=i % 7, client=str(i % 3)) for i in range(100)]
    for i, task in enumerate(tasks):
        if i % 10:
            task.cancel()
    await settle()
    await shell.run()
    assert [(await task).scores for task in tasks[::10]] == [[i, i + 1] for i in range(0, 100, 10)]
    assert shell.dispatcher.load()[:3] == (0, 0, 0)
    assert shell.dispatcher._pending == {}
    assert shell.clock.alarms == []
