"""A simulator: the real scheduler on simulated workers, in virtual time."""

import hashlib
from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from scheduler import Policy
from tests.simulation.agenda import Agenda
from tests.simulation.pod import Pod, useful_by_length
from tests.simulation.run import Ending, Run, Shedding
from tests.simulation.worker import Cost, Workers
from tests.simulation.workload import Request, Retry


class Closing(NamedTuple):
    """A shutdown at `at`, which gives up unfinished work after `grace_s` seconds."""

    at: float
    grace_s: float


class _Watched(Pod):
    """A pod that records the largest backlog."""

    def poll(self) -> None:
        super().poll()
        load = self.scheduler.load(self._agenda.now)
        self._run.backlog_s_max = max(self._run.backlog_s_max, load.backlog_s)


class Simulator:
    """A trace on one pod."""

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
        """Simulate `trace` on `workers`, with the cost model `believed`, by default the true one.

        With `watch`, sheddings are recorded one by one, and the largest backlog.
        """
        self.trace = list(trace)
        self.run = Run(self.trace)
        self._retry, self._watch = retry, watch
        self._agenda, self._log = Agenda(), hashlib.sha256()
        self.pod = (_Watched if watch else Pod)(
            self.run,
            policy,
            workers,
            self._agenda,
            turned_away=self._turned_away,
            useful=useful_by_length(self.run, workers.cost),
            believed=believed,
            log=self._log.update,
        )
        self._job_of: dict[int, int] = {}  # Cancellable jobs by index in the trace.
        self._jobs = 0
        if closing:
            self._agenda.push(closing.at, self._close, None)
            self._agenda.push(closing.at + closing.grace_s, self._give_up, None)

    def play(self) -> Run:
        """Simulate until no event is left."""
        trace, agenda, pod, resume = self.trace, self._agenda, self.pod, self.pod.workers.resume
        paused = bool(pod.workers.pauses)
        position, count = 0, len(trace)
        while True:
            at = trace[position].at if position < count else inf
            event = agenda.next_at
            if pod.wake < at and pod.wake < event:
                if at == event == inf and not pod.live:
                    break  # Only a batch that hangs for ever is left.
                agenda.now = max(agenda.now, resume(pod.wake) if paused else pod.wake)
                pod.poll()
            elif event <= at:
                if event == inf:
                    break
                agenda.now = max(agenda.now, resume(event) if paused else event)
                agenda.do_next()
            else:
                agenda.now = max(agenda.now, resume(at) if paused else at)
                self._offer(position)
                position += 1
        self.run.digest, self.run.ended_at = self._log.hexdigest(), agenda.now
        self.run.jobs_left = pod.scheduler.load(agenda.now).jobs
        self.run.counters["failing runs, at most"] = pod.workers.failing_most
        return self.run

    def _offer(self, index: int) -> None:
        request, outcome = self.trace[index], self.run.outcomes[index]
        if outcome.ending is Ending.CANCELLED:
            return
        self._jobs = number = self._jobs + 1
        if not self.pod.offer(number, index):
            return
        if request.cancel_at is not None:
            self._job_of[index] = number
            if outcome.attempts == 1:
                self._agenda.push(request.cancel_at, self._cancel, index)
        self.pod.poll()

    def _turned_away(self, index: int, reason: str, advice: float | None) -> None:
        now, request, retry = self._agenda.now, self.trace[index], self._retry
        if self._watch:
            worst = max((live.lane for live in self.pod.live.values() if live.waiting), default=None)
            self.run.sheddings.append(Shedding(now, request.lane, str(reason), worst, advice))
        if retry and self.run.outcomes[index].attempts < retry.attempts:
            wait = advice if retry.honour else retry.pause_s
            if wait is not None and now + wait < request.deadline:
                self._agenda.push(now + wait, self._offer, index)

    def _cancel(self, index: int) -> None:
        outcome, number = self.run.outcomes[index], self._job_of.get(index)
        if number in self.pod.live:
            self.pod.cancel(number)
        elif outcome.ending in {Ending.REFUSED, Ending.DROPPED}:  # It may have meant to come back.
            outcome.ending = Ending.CANCELLED

    def _close(self, _: object) -> None:
        self.pod.scheduler.close()

    def _give_up(self, _: object) -> None:
        self.pod.give_up()


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
    """Simulate a trace on healthy workers of equal speed; see Simulator."""
    workers = Workers(cost, noise, seed)
    return Simulator(trace, policy, workers, believed=believed, retry=retry).play()
