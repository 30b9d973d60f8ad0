"""Many pods with real schedulers behind a balancer, in one virtual time."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from random import Random
from typing import Any, NamedTuple

from scheduler import Amount, Reason
from tests.simulation.agenda import Agenda
from tests.simulation.balancers import Anyone, Balancer, MakeBalancer
from tests.simulation.pod import useful_by_length
from tests.simulation.replica import Replica
from tests.simulation.run import Ending, Run
from tests.simulation.view import View
from tests.simulation.worker import Setup
from tests.simulation.workload import Request

ASKED = 7
"""Random other pods examined whenever a request is shed; with eight pods, all others."""
_SAMPLE_S = 0.1  # Interval between samples of all backlogs.


class Retries(NamedTuple):
    """Retry policy of clients. They retry a refusal with advice, until their deadline."""

    at_once: int = 0
    """Immediate retries, each on a pod not tried yet."""
    advised: int = 0
    """Later retries after the advised delay, also on pods not tried yet."""

    def wait_s(self, attempts: int, advice: float | None) -> float | None:
        """Return the delay before the next attempt, in seconds; None if there is none."""
        if advice is None:
            return None  # Not even an idle pod could meet the deadline.
        return 0.0 if attempts <= self.at_once else advice if attempts <= self.at_once + self.advised else None


NEVER = Retries()


class Verdict(NamedTuple):
    """The state of the other pods when a request was finally shed."""

    worse_elsewhere: bool
    """True if another pod held waiting work of a worse lane."""
    next_try: float
    """Share of the examined pods that held such work and would have admitted the request."""


class Cluster:
    """A trace on identical pods behind one balancer, at first random and without retries."""

    def __init__(
        self, trace: Sequence[Request], setup: Setup, pods: int, *, seed: int = 0, families: Sequence[range] = ()
    ) -> None:
        """Simulate `trace` on `pods` pods of a setup.

        `families` are ranges of indices in the trace whose requests need each other: once one is finally shed, the
        others are cancelled.
        """
        self.trace = list(trace)
        self.run = Run(self.trace)
        self.verdicts: dict[int, Verdict] = {}
        """By index of a request that was finally shed."""
        self.spreads: list[tuple[float, float]] = []
        """Samples of (time, highest backlog of a pod over the mean)."""
        self._agenda, self._rng = Agenda(), Random(seed)
        self.workers = pods * setup.policy.workers
        """Number of workers of all pods."""
        self.view = view = View(pods, useful_by_length(self.run, setup.cost))
        self.pods = [
            Replica(
                n,
                self.run,
                setup,
                self._agenda,
                turned_away=partial(self._turned_away, n),
                view=view,
                seed=seed * pods + n,
            )
            for n in range(pods)
        ]
        self._retries = NEVER
        self._balancer: Balancer = Anyone(view, self._rng)
        self._publish_s = 0.0
        self._family = {index: family for family in families for index in family if len(family) > 1}
        self._places: dict[int, tuple[Replica, int]] = {}  # Pod and number of the job, of requests with a family.
        self._tried: dict[int, list[int]] = {}
        self._offered = 0
        self._jobs = 0
        self._agenda.push(_SAMPLE_S, self._sample, None)

    def route(self, balancer: MakeBalancer, retries: Retries = NEVER, *, publish_s: float = 0.0) -> None:
        """Switch to another balancer and retry policy.

        Each pod publishes its backlog every `publish_s` seconds, out of phase; 0 shows current backlogs.
        """
        self._retries, self._publish_s = retries, publish_s
        self.view.look(stale=publish_s > 0)
        self._balancer = balancer(self.view, self._rng)
        if publish_s:
            for number in range(len(self.pods)):
                self._agenda.push(self._agenda.now + publish_s * self._rng.random(), self._publish, number)

    def play(self, until: float = inf) -> Run:
        """Simulate until the given time, or until no event is left."""
        trace, agenda, count = self.trace, self._agenda, len(self.trace)
        while True:
            at = trace[self._offered].at if self._offered < count else inf
            event = agenda.next_at
            if min(at, event) >= until or at == event == inf:
                break
            agenda.now = min(at, event)
            if event <= at:
                agenda.do_next()
            else:
                self._offered += 1
                self._offer(self._offered - 1)
        fates = [(o.ending, o.reason, o.ended_at, o.attempts) for o in self.run.outcomes]
        self.run.digest, self.run.ended_at = hashlib.sha256(repr(fates).encode()).hexdigest(), agenda.now
        self.run.jobs_left = sum(pod.scheduler.load(agenda.now).jobs for pod in self.pods)
        return self.run

    def useful_s(self, index: int) -> float:
        """Return the work of a request, in useful worker-seconds."""
        return sum([self.view.useful[n] for n in self.trace[index].pair_tokens])

    def _offer(self, index: int) -> None:
        if self.run.outcomes[index].ending is Ending.CANCELLED:
            return
        self._jobs = number = self._jobs + 1
        pod = self.pods[self._balancer.choose(self.trace[index].lane, self._tried.get(index, ()))]
        if pod.offer(number, index):
            if index in self._family:
                self._places[index] = pod, number
            pod.poll()

    def _turned_away(self, pod: int, index: int, reason: str, advice: float | None) -> None:
        if reason not in {Reason.SHED, Reason.DISPLACED}:
            return
        now, request = self._agenda.now, self.trace[index]
        wait = self._retries.wait_s(self.run.outcomes[index].attempts, advice)
        if wait is not None and now + wait < request.deadline:
            tried = self._tried.setdefault(index, [])
            if len(tried) + 1 < len(self.pods):
                tried.append(pod)
            self._agenda.push(now + wait, self._offer, index)
            return
        self.verdicts[index] = self._judge(pod, request)
        for other in self._family.get(index, ()):
            if other != index:
                self._agenda.push(now, self._cancel, other)

    def _judge(self, pod: int, request: Request) -> Verdict:
        worse = self.view.holds_worse(request.lane)
        worse[pod] = False
        others = [number for number in range(len(self.pods)) if number != pod]
        if len(others) > ASKED:
            others = self._rng.sample(others, ASKED)
        amount = Amount.of(request.pair_tokens)
        # Asking changes nothing on a pod but how its next advice is spread.
        taken = sum(
            self.pods[n].scheduler.gate(request.lane, request.client, amount, request.deadline, self._agenda.now)
            is None
            for n in others
            if worse[n]
        )
        return Verdict(bool(worse.any()), taken / max(1, len(others)))

    def _cancel(self, index: int) -> None:
        outcome, (pod, number) = self.run.outcomes[index], self._places.get(index, (None, 0))
        if pod and number in pod.live:
            pod.cancel(number)
        elif outcome.ending is not Ending.FINISHED:  # It may have meant to come, or to come back.
            outcome.ending = Ending.CANCELLED

    def _publish(self, pod: int) -> None:
        self.view.publish(pod)
        self._again(self._publish_s, self._publish, pod)

    def _sample(self, _: object) -> None:
        backlogs = self.view.waiting[:, -1]
        if (mean := float(backlogs.mean())) > 1e-9:
            self.spreads.append((self._agenda.now, float(backlogs.max()) / mean))
        self._again(_SAMPLE_S, self._sample, None)

    def _again(self, after_s: float, do: Callable[[Any], None], argument: object) -> None:
        """Schedule a periodic event again, unless no other event is left."""
        if self._offered < len(self.trace) or any(pod.live for pod in self.pods):
            self._agenda.push(self._agenda.now + after_s, do, argument)
