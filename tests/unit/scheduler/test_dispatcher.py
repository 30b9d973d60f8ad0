"""Each caller of the dispatcher gets the scores of its own pairs, or an error with advice, at once."""

import asyncio
from collections.abc import Callable

import pytest

from scheduler import Amount, Displaced, Expired, LoopClock, Oversized, Policy, Refused, Shed
from tests.fakes import FakeAlarm, FakeClock, FakeEngine, settle
from tests.unit.scheduler.dispatcher_on_fakes import FAR, Shell, long


async def test_scores():
    """A caller gets its scores in the order of its pairs, though they went by length."""
    shell = Shell()
    call = shell.dispatcher.submit([5, 6, 7], [100, 300, 200], lane=0, client="", deadline=FAR)
    task = asyncio.create_task(call)
    await settle()
    await shell.run()
    assert (await task).scores == [5, 6, 7]
    assert shell.engine.calls[0] != [5, 6, 7]


async def test_scores_of_many_batches():
    """Scores from several batches, back in any order, end at their pairs."""
    shell = Shell(Policy(workers=4))
    task = await shell.submit(*long())
    while shell.engine.busy:
        await shell.release(shell.engine.busy - 1)
    assert (await task).scores == list(long())
    assert len(shell.engine.calls) > 4


async def test_batch_mates():
    """Callers who share a batch get each their own scores."""
    shell = Shell()
    blocker = await shell.submit(0)
    mates = [await shell.submit(1, 2), await shell.submit(3)]
    await shell.run()
    assert [(await task).scores for task in (blocker, *mates)] == [[0], [1, 2], [3]]
    assert len(shell.engine.calls) == 2


async def test_wait():
    """The wait is from admission until the first pair reached a worker."""
    shell = Shell()
    first = await shell.submit(1)
    second = await shell.submit(2)
    shell.clock.advance(0.25)
    await shell.run()
    assert (await first).wait_s == 0
    assert (await second).wait_s == 0.25


async def test_workers_are_kept_busy():
    """As many batches as there are workers are on the executor, and a returned one is replaced at once."""
    shell = Shell(Policy(workers=2))
    await shell.submit(*long())
    assert shell.engine.busy == 2
    await shell.release()
    assert shell.engine.busy == 2


async def test_refused():
    """A caller that is refused on arrival gets the error at once, and takes no worker."""
    shell = Shell(Policy(workers=1, pairs_max=2))
    task = await shell.submit(1, 2, 3)
    with pytest.raises(Oversized):
        task.result()
    assert shell.engine.busy == 0


async def test_no_such_lane():
    """A job that cannot be is the caller's mistake, and leaves nothing behind."""
    shell = Shell()
    task = await shell.submit(1, lane=1_000)
    with pytest.raises(ValueError, match="lane"):
        task.result()
    assert shell.dispatcher.load().jobs == 0


async def test_check():
    """Asking first raises what submitting would, and is silent otherwise."""
    shell = Shell(Policy(workers=1, pairs_max=10))
    shell.dispatcher.check(0, "", Amount((1, 10, 1_000, 0)), FAR)
    with pytest.raises(Oversized):
        shell.dispatcher.check(0, "", Amount((1, 11, 1_100, 0)), FAR)
    with pytest.raises(Shed):
        shell.dispatcher.check(0, "", Amount((1, 10, 1_000, 0)), 0.001)


async def test_displaced():
    """The caller of a displaced job learns it at once, with advice."""
    shell = Shell(Policy(workers=1, backlog_s=0.1))
    blocker = await shell.submit(0)
    worse = await shell.submit(*range(90), lane=900)
    better = await shell.submit(*range(120), lane=1)
    with pytest.raises(Displaced) as caught:
        worse.result()
    assert caught.value.retry_after_s
    await shell.run()
    assert blocker.done()
    assert len((await better).scores) == 120


async def test_expiry():
    """A deadline ends the wait, by alarm, even while a pair is on a worker."""
    shell = Shell()
    task = await shell.submit(1, deadline=0.5)
    shell.clock.advance(0.49)
    await settle()
    assert not task.done()
    shell.clock.advance(0.02)
    await settle()
    with pytest.raises(Expired):
        task.result()


async def test_shed_before_the_deadline():
    """A caller that can no longer be served in time learns it while there is still time to go elsewhere."""
    shell = Shell()
    await shell.submit(0)
    task = await shell.submit(1, deadline=0.5)
    shell.clock.advance(0.499)
    await settle()
    with pytest.raises(Shed):
        task.result()


async def test_late_scores():
    """Scores that come after the deadline go nowhere, and free the worker for the next job."""
    shell = Shell()
    late = await shell.submit(1, deadline=0.5)
    next_ = await shell.submit(2)
    shell.clock.advance(1)
    await shell.run()
    with pytest.raises(Expired):
        late.result()
    assert (await next_).scores == [2]


async def test_alarm_is_armed_for_the_earliest():
    """There is one alarm, and it moves to an earlier time when a more pressing job comes."""
    shell = Shell()
    await shell.submit(0, tokens=500_000)
    shell.clock.advance(9.97)
    (before,) = shell.clock.alarms
    await shell.submit(1, deadline=before - 0.01)
    (after,) = shell.clock.alarms
    assert after == pytest.approx(before - 0.012)


async def test_alarm_is_rearmed():
    """After it rang, the alarm is armed for the next job."""
    shell = Shell()
    await shell.submit(0, tokens=300_000, deadline=14.0)
    sooner, later = await shell.submit(1, deadline=5.0), await shell.submit(2, deadline=9.0)
    shell.clock.advance(6)
    await settle()
    assert (sooner.done(), later.done()) == (True, False)
    shell.clock.advance(4)
    await settle()
    assert later.done()
    assert len(shell.clock.alarms) == 1
    with pytest.raises(Shed):
        sooner.result()
    with pytest.raises(Shed):
        later.result()


class _HastyClock(FakeClock):
    """A clock that rings the first alarm a moment early, as event loops may by their resolution."""

    hasty = True

    def call_at(self, when: float, callback: Callable[[], None]) -> FakeAlarm:
        early, self.hasty = (1e-9 if self.hasty else 0.0), False
        return super().call_at(when - early, callback)


async def test_alarm_rings_early():
    """An alarm that rings too early to drop anything is armed again."""
    shell = Shell(clock=_HastyClock())
    task = await shell.submit(0, deadline=1.0)
    shell.clock.advance(2)
    await settle()
    with pytest.raises(Expired):
        task.result()


async def test_alarm_is_called_off():
    """Without jobs no alarm is left."""
    shell = Shell()
    task = await shell.submit(1, tokens=200_000, deadline=5.0)
    assert len(shell.clock.alarms) == 1
    await shell.run()
    await task
    assert shell.clock.alarms == []


async def test_report():
    """Each batch is reported once, with what it held and how many of its pairs failed."""
    shell = Shell(engine=FakeEngine(poison=[2]))
    tasks = [await shell.submit(1), await shell.submit(2, 3)]
    await shell.run()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [(r.batch.pairs, len(r.failures)) for r in shell.reports] == [(1, 0), (2, 1)]
    assert all(r.took_s >= 0 for r in shell.reports)


async def test_stalled():
    """With work on a worker and nothing coming back, the stall grows; a returned batch ends it."""
    shell = Shell()
    await shell.submit(1)
    waiting = await shell.submit(2)
    shell.clock.advance(3)
    assert shell.dispatcher.stalled_s() == 3
    await shell.release()
    assert shell.dispatcher.stalled_s() == 0
    await shell.run()
    await waiting


async def test_not_stalled_when_idle():
    """Having nothing to do is no stall, and is not counted when work comes."""
    shell = Shell()
    shell.clock.advance(60)
    assert shell.dispatcher.stalled_s() == 0
    shell.clock.advance(60)
    task = await shell.submit(1)
    assert shell.dispatcher.stalled_s() == 0
    shell.clock.advance(2)
    assert shell.dispatcher.stalled_s() == 2
    await shell.run()
    await task


async def test_load():
    """The dispatcher's load is the scheduler's."""
    shell = Shell()
    task = await shell.submit(1)
    assert shell.dispatcher.load()[:3] == (1, 0, 1)
    await shell.run()
    await task
    assert shell.dispatcher.load()[:3] == (0, 0, 0)


async def test_errors_are_refusals():
    """Everything a job is refused with is caught as Refused."""
    shell = Shell()
    task = await shell.submit(1, deadline=0.0)
    with pytest.raises(Refused):
        task.result()


async def test_loop_clock():
    """The loop's clock never goes back, and runs what is due from the loop."""
    clock, rang = LoopClock(), asyncio.Event()
    before = clock.now()
    clock.call_at(before, rang.set)
    await rang.wait()
    assert clock.now() >= before


async def test_loop_clock_calls_off():
    """A callback that was called off does not run."""
    clock, rang = LoopClock(), []
    clock.call_at(clock.now(), lambda: rang.append(1)).cancel()
    await settle()
    assert rang == []
