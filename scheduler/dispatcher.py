"""The dispatcher: the scheduler with asyncio, threads and time."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from scheduler.clock import Cancellable, Clock
from scheduler.core import Scheduler
from scheduler.errors import Draining, refused
from scheduler.pending import JobResult, PendingJob
from scheduler.values import Amount, Batch, Job, Load, Step
from scheduler.worker import Abort, Score, score_all

T = TypeVar("T")


class BatchReport(NamedTuple):
    """The outcome of one batch, for metrics."""

    batch: Batch
    took_s: float
    failures: list[BaseException]
    """One for each pair that the engine failed on."""


class _Pending(NamedTuple, Generic[T]):
    """A submitted job, and the caller who waits for it."""

    gathering: PendingJob[T]
    future: "asyncio.Future[JobResult]"


class Dispatcher(Generic[T]):
    """The asyncio shell around the scheduler. All methods that are public belong to the event loop's thread.

    There is no background task: every event (a job, a cancellation, a batch that came back, an alarm) asks the
    scheduler what follows, and acts on it. A worker's thread whose batch is done asks by itself, so that its core
    does not wait for the event loop to wake: the scheduler, and what is needed to start a batch, are behind a lock.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        scores: Sequence[Score[T]],
        clock: Clock,
        executor: Executor,
        report: Callable[[BatchReport], None] = lambda _: None,
    ) -> None:
        """Run `scores`, one for each model, on `executor`, which needs a thread for every worker of the policy.

        A score function arms the `Abort` it is given with a function that stops it, if anything can. `report` receives
        each batch that came back.
        """
        self._lock = Lock()  # Of the scheduler and the pending jobs, which have to agree.
        self._scheduler = scheduler
        self._scores = scores
        self._clock = clock
        self._executor = executor
        self._report = report
        self._pending: dict[int, _Pending[T]] = {}
        self._ids = itertools.count(1)
        self._aborts: dict[int, Abort] = {}
        self._alarm: Cancellable | None = None
        self._alarm_at: float | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._progressed_at = clock.now()

    def check(self, lane: int, client: str, amount: Amount, deadline: float, *, name: str = "") -> None:
        """Raise Refused if a job of about `amount` would be refused now. Cheap: touches no worker and no text."""
        with self._lock:
            refusal = self._scheduler.gate(lane, client, amount, deadline, self._clock.now(), name=name)
        if refusal:
            raise refused(*refusal)

    async def submit(
        self,
        pairs: Sequence[T],
        pair_tokens: Sequence[int],
        *,
        lane: int,
        client: str,
        deadline: float,
        model: int = 0,
        name: str = "",
    ) -> JobResult:
        """Return the scores of `pairs`, all from one job in `lane`, by one model.

        `pair_tokens` holds their encoded lengths, `deadline` is in the clock's seconds, and `name` is one of those that
        share the turns of the client. Raises Refused or ScoringFailed. Cancelling the call takes back what was not
        dispatched yet.
        """
        job = Job(next(self._ids), lane, client, tuple(pair_tokens), deadline, model, name)
        with self._lock:
            now = self._clock.now()
            refusal = self._scheduler.offer(job, now)
            if refusal:
                raise refused(*refusal)
            pending = _Pending(PendingJob(pairs, now), asyncio.get_running_loop().create_future())
            if not self._pending:
                self._progressed_at = now
            self._pending[job.id] = pending
        self._idle.clear()
        try:
            self._pump()
            return await pending.future
        finally:
            if job.id in self._pending:  # The caller left before the job ended.
                self._forget(job.id)
                self._pump()
            if not self._pending:
                self._idle.set()

    async def drain(self, grace_s: float) -> None:
        """Admit no more, let admitted jobs finish for up to `grace_s`, and tell the rest that the server stops."""
        with self._lock:
            self._scheduler.close()
        limit = self._clock.call_at(self._clock.now() + grace_s, self._give_up)
        try:
            await self._idle.wait()
        finally:
            limit.cancel()

    def load(self) -> Load:
        """Return a snapshot for metrics and health."""
        with self._lock:
            return self._scheduler.load(self._clock.now())

    def stalled_s(self) -> float:
        """Return for how long there has been work but no batch has come back, in seconds; 0 without work."""
        return self._clock.now() - self._progressed_at if self._pending else 0.0

    def _pump(self) -> None:
        step = self._decide(asyncio.get_running_loop())
        self._act(step)
        if step.wake_at != self._alarm_at:
            if self._alarm:
                self._alarm.cancel()
            self._alarm_at = step.wake_at
            self._alarm = None if step.wake_at is None else self._clock.call_at(step.wake_at, self._ring)

    def _ring(self) -> None:
        self._alarm = self._alarm_at = None
        self._pump()

    def _decide(self, loop: asyncio.AbstractEventLoop) -> Step:
        """Ask the scheduler what follows, and start the batches; on any thread."""
        with self._lock:
            now = self._clock.now()
            step = self._scheduler.poll(now)
            work = [(batch, self._taken(batch, now)) for batch in step.batches]
        for batch, pairs in work:
            abort = self._aborts[batch.id] = Abort()
            self._executor.submit(self._run, loop, batch, pairs, abort)
        return step

    def _taken(self, batch: Batch, now: float) -> list[T]:
        """Return the pairs of a batch, which starts now."""
        taken = (self._pending[piece.job_id].gathering.take(piece.pairs, now) for piece in batch.slices)
        return list(itertools.chain.from_iterable(taken))

    def _act(self, step: Step) -> None:
        """Do what else the scheduler decided."""
        for batch_id in step.overdue:
            if abort := self._aborts.get(batch_id):  # Else it has come back since.
                abort.fire()
        for drop in step.drops:
            self._end(drop.job_id, refused(drop.reason, drop.retry_after_s))

    def _run(self, loop: asyncio.AbstractEventLoop, batch: Batch, pairs: Sequence[T], abort: Abort) -> None:
        """Score a batch on a worker's thread, start what follows, and hand the rest to the loop."""
        ran = score_all(self._scores[batch.model], pairs, abort)
        failures = [result for result in ran.results if isinstance(result, BaseException)]
        step = None
        try:
            with self._lock:
                self._scheduler.finish(batch.id, ran.took_s if ran.whole else None)
            if not failures:  # They may end jobs: then the loop decides, once they have.
                step = self._decide(loop)
        finally:
            loop.call_soon_threadsafe(self._finish, BatchReport(batch, ran.took_s, failures), ran.results, step)

    def _finish(self, report: BatchReport, results: Sequence[float | BaseException], step: Step | None) -> None:
        self._progressed_at = self._clock.now()
        del self._aborts[report.batch.id]
        if step:
            self._act(step)
        self._report(report)
        self._deliver(report.batch, results)
        self._pump()

    def _deliver(self, batch: Batch, results: Sequence[float | BaseException]) -> None:
        remaining = iter(results)
        for piece in batch.slices:
            own = list(itertools.islice(remaining, len(piece.pairs)))
            pending = self._pending.get(piece.job_id)  # None: it ended while its pairs were on the worker.
            if pending and (ending := pending.gathering.put(piece.pairs, own)):
                self._end(piece.job_id, ending)

    def _end(self, job_id: int, ending: JobResult | Exception) -> None:
        pending = self._forget(job_id)
        if pending is None or pending.future.done():  # The caller has left, or is about to clean up.
            return
        if isinstance(ending, Exception):
            pending.future.set_exception(ending)
        else:
            pending.future.set_result(ending)

    def _forget(self, job_id: int) -> _Pending[T] | None:
        """Take a job out, whether or not the scheduler still has it."""
        with self._lock:
            self._scheduler.cancel(job_id)
            return self._pending.pop(job_id, None)

    def _give_up(self) -> None:
        for job_id in list(self._pending):
            self._end(job_id, Draining())
        self._pump()
