"""The product's scheduler on simulated workers in virtual time."""

import hashlib
from collections.abc import Sequence
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

from scheduler import Batch, CostModel, Job, Policy, Scheduler
from tests.simulation.run import Ending, Piece, Ran, Run, Shedding
from tests.simulation.worker import Cost, Workers
from tests.simulation.workload import Request, Retry

_END, _CANCEL, _AGAIN, _CLOSE, _GIVE_UP = range(5)


class Closing(NamedTuple):
    """The server is told to stop at `at`, and gives up what is unfinished after `grace_s`."""

    at: float
    grace_s: float


class Simulator:
    """One trace on one scheduler. Polls as the product's dispatcher does: after every event that changed something."""

    def __init__(
        self,
        trace: Sequence[Request],
        policy: Policy,
        workers: Workers,
        *,
        believed: Cost | None = None,
        retry: Retry | None = None,
        closing: Closing | None = None,
        watch: bool = False,
    ) -> None:
        """Play `trace` on `workers`; the scheduler believes in the cost `believed`, by default the true one.

        With `watch`, sheddings are recorded one by one, and the largest backlog.
        """
        self.trace = list(trace)
        self.workers = workers
        self.cost_model = CostModel(*(believed or workers.cost))
        self.scheduler = Scheduler(policy, self.cost_model)
        self.run = Run(self.trace)
        self._retry, self._watch = retry, watch
        self._useful = [
            workers.cost.useful(n) for n in range(max((max(r.pair_tokens) for r in self.trace), default=0) + 1)
        ]
        self._free = list(range(policy.workers))
        self._events: list[tuple[float, int, int, object]] = []  # When, serial, kind, argument.
        self._serial = 0
        self._jobs: dict[int, list[int]] = {}  # Live ones: index in the trace, pairs not yet back, pairs waiting.
        self._job_of: dict[int, int] = {}  # By index in the trace, where it can be cancelled.
        self._ids = 0
        self._wake = inf
        self._now = 0.0
        self._hung: dict[int, tuple[Batch, Ran]] = {}
        self._log = hashlib.sha256()
        if closing:
            self._push(closing.at, _CLOSE, None)
            self._push(closing.at + closing.grace_s, _GIVE_UP, None)

    def play(self) -> Run:
        """Run to the end: nothing more to come and nothing more to do."""
        trace, events, resume = self.trace, self._events, self.workers.resume
        paused = bool(self.workers.pauses)
        handlers = (self._finish, self._cancel, self._offer, self._close, self._give_up)
        position, count = 0, len(trace)
        while True:
            at = trace[position].at if position < count else inf
            event = events[0][0] if events else inf
            if self._wake < at and self._wake < event:
                if at == event == inf and not self._jobs:
                    break  # Nothing but a batch that hangs for ever.
                self._now = max(self._now, resume(self._wake) if paused else self._wake)
                self._poll()
            elif event <= at:
                if event == inf:
                    break
                self._now = max(self._now, resume(event) if paused else event)
                _, _, kind, argument = heappop(events)
                handlers[kind](argument)
            else:
                self._now = max(self._now, resume(at) if paused else at)
                self._offer(position)
                position += 1
        self.run.digest, self.run.ended_at = self._log.hexdigest(), self._now
        self.run.jobs_left = self.scheduler.load(self._now).jobs
        self.run.counters["failing runs, at most"] = self.workers.failing_most
        return self.run

    def _push(self, at: float, kind: int, argument: object) -> None:
        self._serial += 1
        heappush(self._events, (at, self._serial, kind, argument))

    def _offer(self, index: int) -> None:
        now, request, outcome = self._now, self.trace[index], self.run.outcomes[index]
        if outcome.ending is Ending.CANCELLED:
            return
        self._ids = number = self._ids + 1
        outcome.attempts += 1
        refusal = self.scheduler.offer(
            Job(number, request.lane, request.client, request.pair_tokens, request.deadline), now
        )
        if refusal:
            self._log.update(b"%r%d%a" % (now, number, refusal[0]))
            self._turn_away(index, Ending.REFUSED, refusal.reason, refusal.retry_after_s)
            return
        self._jobs[number] = [index, len(request.pair_tokens), len(request.pair_tokens)]
        if request.cancel_at is not None:
            self._job_of[index] = number
            if outcome.attempts == 1:
                self._push(request.cancel_at, _CANCEL, index)
        self._poll()

    def _turn_away(self, index: int, how: Ending, reason: str, advice: float | None) -> None:
        now, request, outcome, retry = self._now, self.trace[index], self.run.outcomes[index], self._retry
        outcome.ending, outcome.reason, outcome.ended_at = how, str(reason), now
        self.run.counters[f"{how} {reason}"] += 1
        if self._watch:
            worst = max((self.trace[i].lane for i, _, waiting in self._jobs.values() if waiting), default=None)
            self.run.sheddings.append(Shedding(now, request.lane, str(reason), worst, advice))
        if retry and outcome.attempts < retry.attempts:
            wait = advice if retry.honour else retry.pause_s
            if wait is not None and now + wait < request.deadline:
                self._push(now + wait, _AGAIN, index)

    def _poll(self) -> None:
        now = self._now
        step = self.scheduler.poll(now)
        for batch in step.batches:
            self._start(batch)
        dropped = [(self._jobs.pop(drop.job_id)[0], drop) for drop in step.drops]
        for index, drop in dropped:
            self._log.update(b"%r%d%a" % (now, drop.job_id, drop.reason))
            self._turn_away(index, Ending.DROPPED, drop.reason, drop.retry_after_s)
        for number in step.overdue:
            self._stop(number)
        self._wake = inf if step.wake_at is None else step.wake_at
        if step.batches or step.drops:
            self._log.update(repr((now, step.wake_at, [(b.slices, b.length, b.work) for b in step.batches])).encode())
        if self._watch:
            self.run.backlog_s_max = max(self.run.backlog_s_max, self.scheduler.load(now).backlog_s)

    def _start(self, batch: Batch) -> None:
        now, useful = self._now, self._useful
        pieces, pairs = [], 0
        for number, taken in batch.slices:
            books = self._jobs[number]
            index = books[0]
            books[2] -= len(taken)
            request, outcome = self.trace[index], self.run.outcomes[index]
            lengths = request.pair_tokens
            seconds = sum([useful[lengths[i]] for i in taken])
            if outcome.started_at is None:
                outcome.started_at = now
            outcome.executed_s += seconds
            pairs += len(taken)
            pieces.append(Piece(index, request.lane, len(taken), seconds))
        worker = self._free.pop()
        failed: set[int] = set()
        poison = self.workers.poison
        if poison and any((p.request, i) in poison for p, s in zip(pieces, batch.slices, strict=True) for i in s.pairs):
            members = [(p.request, i) for p, s in zip(pieces, batch.slices, strict=True) for i in s.pairs]
            end, failed = self.workers.end_of_poisoned(now, worker, members, batch.length)
        else:
            end = self.workers.end(now, worker, pairs, batch.length)
        ran = Ran(now, end, worker, batch.length, tuple(pieces), batch.work)
        if end < inf:
            self._push(end, _END, (batch, ran, failed))
        else:
            self._hung[batch.id] = batch, ran
            self.run.counters["hung"] += 1

    def _stop(self, number: int) -> None:
        """Stop a batch that is overdue; as the product does, run its halves instead."""
        self.run.counters["stopped"] += 1
        if number not in self._hung:
            return  # Slow, but it will come back.
        batch, ran = self._hung[number]
        end = self._now
        for pairs in (batch.pairs // 2, batch.pairs - batch.pairs // 2):
            end = self.workers.end(end, ran.worker, pairs, ran.length) if pairs else end
        if end < inf:
            del self._hung[number]
            self._push(end, _END, (batch, ran._replace(end=end), set[int]()))

    def _finish(self, argument: tuple[Batch, Ran, set[int]]) -> None:
        now, jobs = self._now, self._jobs
        batch, ran, failed = argument
        self._free.append(ran.worker)
        self.run.batches.append(ran)
        self.scheduler.finish(batch.id, None if failed else ran.end - ran.start)
        for (number, _), piece in zip(batch.slices, ran.pieces, strict=True):
            outcome = self.run.outcomes[piece.request]
            if now > outcome.request.deadline:
                outcome.late_s += piece.useful_s
            live = jobs.get(number)
            if live is None:
                continue
            live[1] -= piece.pairs
            if piece.request in failed:
                self.scheduler.cancel(number)
                self._close_books(number, Ending.FAILED)
            elif not live[1]:
                self._close_books(number, Ending.FINISHED)
        self._poll()

    def _close_books(self, number: int, how: Ending) -> None:
        index = self._jobs.pop(number)[0]
        outcome = self.run.outcomes[index]
        outcome.ending, outcome.reason, outcome.ended_at = how, None, self._now
        self.run.counters[how] += 1

    def _cancel(self, index: int) -> None:
        outcome, number = self.run.outcomes[index], self._job_of.get(index)
        if number in self._jobs:
            self.scheduler.cancel(number)
            self._close_books(number, Ending.CANCELLED)
            self._poll()
        elif outcome.ending in {Ending.REFUSED, Ending.DROPPED}:  # It may have meant to come back.
            outcome.ending = Ending.CANCELLED

    def _close(self, _: object) -> None:
        self.scheduler.close()

    def _give_up(self, _: object) -> None:
        for number in list(self._jobs):
            self.scheduler.cancel(number)
            index = self._jobs.pop(number)[0]
            self._turn_away(index, Ending.DROPPED, "draining", None)
        self._poll()


def run(
    trace: Sequence[Request],
    policy: Policy,
    cost: Cost,
    *,
    noise: float = 0.05,
    seed: int = 0,
    believed: Cost | None = None,
    retry: Retry | None = None,
) -> Run:
    """Play a trace on healthy workers of the same speed; see Simulator."""
    workers = Workers(cost, noise, seed)
    return Simulator(trace, policy, workers, believed=believed, retry=retry).play()
