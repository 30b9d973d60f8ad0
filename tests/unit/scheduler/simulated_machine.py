"""Jobs in one line, and a machine in virtual time for them to run on."""

from itertools import count

from scheduler import Batch, Job, Policy, Reason, Refusal, Scheduler
from scheduler.job import AdmittedJob
from tests.fakes import FixedCost

FAR = 1e6
"""A deadline that plays no part."""

_ids = count(1)


def a_job(
    pairs: int = 1, tokens: int = 100, *, lane: int = 0, client: str = "", name: str = "", deadline: float = FAR
) -> Job:
    """Return a job of `pairs` pairs of the same length; at the fixed cost, 100 tokens take a millisecond."""
    return Job(next(_ids), lane, client, (tokens,) * pairs, deadline, name=name)


def a_mixed_job(*lengths: int, lane: int = 0, client: str = "", deadline: float = FAR) -> Job:
    """Return a job with a pair of each length."""
    return Job(next(_ids), lane, client, lengths, deadline)


def admitted(job: Job, serial: int = 0) -> AdmittedJob:
    """Return a job as if it had been admitted at 0."""
    return AdmittedJob(job, serial)


class Machine:
    """A scheduler and workers that take exactly as long as it predicts."""

    def __init__(self, policy: Policy | None = None, cost: FixedCost | None = None) -> None:
        self.now = 0.0
        self.policy = policy or Policy(workers=1)
        self.scheduler = Scheduler(self.policy, cost or FixedCost())
        self.started: list[tuple[float, Batch]] = []
        """Every batch and when it started."""
        self.finished: dict[int, float] = {}
        """When each finished job was done."""
        self.dropped: dict[int, tuple[Reason, float]] = {}
        """Why and when each dropped job ended."""
        self.advice: dict[int, float | None] = {}
        """When each dropped job was told to ask again."""
        self.wake_at: float | None = None
        self._ends: list[tuple[float, Batch]] = []
        self._left: dict[int, int] = {}

    def offer(self, *jobs: Job) -> Refusal | None:
        """Offer jobs, polling after each; return the answer to the last."""
        refusal = None
        for job in jobs:
            self._left[job.id] = len(job.pair_tokens)
            refusal = self.scheduler.offer(job, self.now)
            self.poll()
        return refusal

    def poll(self) -> None:
        """Act on what the scheduler says now."""
        step = self.scheduler.poll(self.now)
        for batch in step.batches:
            self.started.append((self.now, batch))
            self._ends.append((self.now + batch.work, batch))
        for drop in step.drops:
            assert drop.job_id not in self.dropped
            self.dropped[drop.job_id] = drop.reason, self.now
            self.advice[drop.job_id] = drop.retry_after_s
        self.wake_at = step.wake_at

    def run(self, until: float = 1e5) -> None:
        """Let time pass to `until`, or until nothing is left to do."""
        while True:
            ends = min((end for end, _ in self._ends), default=None)
            nexts = [t for t in (ends, self.wake_at) if t is not None and t <= until]
            if not nexts:
                break
            self.now = max(self.now, min(nexts))
            if ends is not None and ends <= self.now:
                self._finish(min(self._ends, key=lambda e: e[0]))
            self.poll()
        if until < 1e5:
            self.now = until

    def order(self) -> list[int]:
        """Return the ids of the jobs in the order they finished."""
        return sorted(self.finished, key=lambda i: self.finished[i])

    def _finish(self, end: tuple[float, Batch]) -> None:
        self._ends.remove(end)
        batch = end[1]
        self.scheduler.finish(batch.id, batch.work)
        for piece in batch.slices:
            self._left[piece.job_id] -= len(piece.pairs)
            if not self._left[piece.job_id] and piece.job_id not in self.dropped:
                self.finished[piece.job_id] = self.now
