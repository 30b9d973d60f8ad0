"""Many pods, each with the product's scheduler, behind a balancer, in one virtual time."""

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
"""Other pods, drawn by chance, that are asked at each shedding: all of them, where there are eight pods."""
_SAMPLE_S = 0.1  # Between two looks at all backlogs.


class Retries(NamedTuple):
    """What clients do that were turned away, as long as there is advice and their deadline has not passed."""

    at_once: int = 0
    """Tries at once, each on a pod not tried yet;"""
    advised: int = 0
    """and then tries after as long as advised, not on a pod tried before either."""

    def wait_s(self, attempts: int, advice: float | None) -> float | None:
        """Return how long to wait before the next attempt, after so many; None if there is none."""
        if advice is None:
            return None  # It would not help: not even an idle pod could do it.
        return 0.0 if attempts <= self.at_once else advice if attempts <= self.at_once + self.advised else None


NEVER = Retries()


class Verdict(NamedTuple):
    """What another pod could have done for a request that was shed for good, at that moment."""

    worse_elsewhere: bool
    """Some other pod held waiting work of a worse lane."""
    next_try: float
    """Share of the pods asked that held such work, and would have admitted the request."""


class Cluster:
    """One trace on pods that are alike, behind one balancer: at first random, without retries."""

    def __init__(
        self, trace: Sequence[Request], setup: Setup, pods: int, *, seed: int = 0, families: Sequence[range] = ()
    ) -> None:
        """Play `trace` on so many pods of a setup.

        `families` are requests, by their index in the trace, that are of no use without each other: once one is shed
        for good the others are cancelled.
        """
        self.trace = list(trace)
        self.run = Run(self.trace)
        self.verdicts: dict[int, Verdict] = {}
        """Of requests shed for good, by their index."""
        self.spreads: list[tuple[float, float]] = []
        """When looked at, and the backlog of the fullest pod over the mean."""
        self._agenda, self._chance = Agenda(), Random(seed)
        self.workers = pods * setup.policy.workers
        """Of all pods together."""
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
        self._balancer: Balancer = Anyone(view, self._chance)
        self._publish_s = 0.0
        self._family = {index: family for family in families for index in family if len(family) > 1}
        self._places: dict[int, tuple[Replica, int]] = {}  # Pod and number of the job, of requests with a family.
        self._tried: dict[int, list[int]] = {}
        self._offered = 0
        self._jobs = 0
        self._agenda.push(_SAMPLE_S, self._sample, None)

    def route(self, balancer: MakeBalancer, retries: Retries = NEVER, *, publish_s: float = 0.0) -> None:
        """Use another balancer from now on, and other clients.

        Pods publish their backlog every `publish_s` seconds, each at its own time; 0: the balancer sees it as it is.
        """
        self._retries, self._publish_s = retries, publish_s
        self.view.look(stale=publish_s > 0)
        self._balancer = balancer(self.view, self._chance)
        if publish_s:
            for number in range(len(self.pods)):
                self._agenda.push(self._agenda.now + publish_s * self._chance.random(), self._publish, number)

    def play(self, until: float = inf) -> Run:
        """Run until then, or to the end: nothing more to come and nothing more to do."""
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
        """Return the useful worker-seconds of a request."""
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
            others = self._chance.sample(others, ASKED)
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
        """Do something again, unless that is all that would still happen."""
        if self._offered < len(self.trace) or any(pod.live for pod in self.pods):
            self._agenda.push(self._agenda.now + after_s, do, argument)
