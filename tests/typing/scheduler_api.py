"""The public names of the scheduler with their types, as `client_api.py` has those of the client."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import assert_type

from scheduler import (
    Abort,
    Amount,
    Batch,
    BatchReport,
    CostModel,
    Dispatcher,
    Drop,
    Job,
    JobResult,
    Load,
    LoopClock,
    Policy,
    Reason,
    Refusal,
    Refused,
    Sample,
    Scheduler,
    SchedulerError,
    Scores,
    ScoringFailed,
    Step,
)


def policies() -> None:
    """Name the numbers that shape the scheduler."""
    policy = Policy(workers=2, batch_s=0.05, backlog_s=10, class_width=1, guaranteed_share=0.0)
    assert_type(policy.workers, int)
    assert_type(policy.backlog_s, float)
    Policy()  # type: ignore[call-arg]
    Policy(2)  # type: ignore[call-arg]
    policy.workers = 3  # type: ignore[misc]


def costs() -> None:
    """Predict what a batch takes, and learn."""
    cost = CostModel(launch_s=1e-3, token_s=1e-5, square_s=1e-9)
    assert_type(CostModel.fit([Sample(pairs=1, length=16, seconds=0.01)]), CostModel)
    assert_type(cost.batch(8, 128), float)
    cost.learn(Sample(1, 16, 0.01))
    cost.learn((1, 16, 0.01))  # type: ignore[arg-type]


def scheduling(scheduler: Scheduler, cost: CostModel) -> None:
    """Give the scheduler events and the time, and take its decisions."""
    Scheduler(Policy(workers=1), cost, cost)
    job = Job(id=1, lane=0, client="c", pair_tokens=(16,), deadline=1.0)
    assert_type(scheduler.gate(0, "c", Amount.of([16]), 1.0, 0.0), Refusal | None)
    assert_type(scheduler.offer(job, 0.0), Refusal | None)
    assert_type(scheduler.load(0.0), Load)
    step = scheduler.poll(0.0)
    assert_type(step, Step)
    assert_type(step.batches, tuple[Batch, ...])
    assert_type(step.drops, tuple[Drop, ...])
    assert_type(step.drops[0].reason, Reason)
    assert_type(step.wake_at, float | None)
    scheduler.finish(step.batches[0].id, 0.01)
    scheduler.finish(step.batches[0].id, None)
    scheduler.cancel(job.id)
    Scheduler(cost)  # type: ignore[arg-type]
    Job(1, 0, "c", [16], 1.0)  # type: ignore[arg-type]
    scheduler.offer(job)  # type: ignore[call-arg]


async def dispatching(scheduler: Scheduler, executor: Executor) -> None:
    """Submit pairs of any type to the shell around it."""

    def score(pairs: Sequence[bytes], abort: Abort) -> Scores:
        abort.arm(lambda: None)
        return Scores([0.0 for _ in pairs], pairs_run=len(pairs))

    def report(batch: BatchReport) -> None:
        assert_type(batch.took_s, float)

    dispatcher = Dispatcher(scheduler, [score], LoopClock(), executor, report)
    assert_type(dispatcher, Dispatcher[bytes])
    result = await dispatcher.submit([b"pair"], [16], lane=0, client="c", deadline=1.0, model=0)
    assert_type(result, JobResult)
    assert_type(result.scores, list[float | None])
    assert_type(dispatcher.load(), Load)
    await dispatcher.drain(grace_s=1.0)
    await dispatcher.submit(["pair"], [16], lane=0, client="c", deadline=1.0)  # type: ignore[list-item]
    await dispatcher.submit([b"pair"], [16], 0, "c", 1.0)  # type: ignore[call-arg]


def errors(refused: Refused, failed: ScoringFailed) -> None:
    """Catch what a submitted job may end with."""
    assert_type(refused.retry_after_s, float | None)
    all_of_them: list[SchedulerError] = [refused, failed]
    assert_type(all_of_them[0], SchedulerError)
