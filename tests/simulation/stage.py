"""An overload as the common start of many variants."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from tests.simulation.balancers import MakeBalancer
from tests.simulation.bench import Bench
from tests.simulation.cluster import NEVER, Cluster, Retries
from tests.simulation.figures import Figures, figures
from tests.simulation.worker import Setup
from tests.simulation.workload import Request, trace


class Span(NamedTuple):
    """Seconds of a trace."""

    warm_s: float
    """Warm-up from idle, with random choice, in seconds."""
    settle_s: float
    """Unobserved time after it, in seconds."""
    observed_s: float
    """Observed time after that, in seconds."""


class Stage:
    """Pods that have been overloaded for a while; every variant starts from a copy of this state."""

    def __init__(
        self,
        setup: Setup,
        pods: int,
        load: float,
        span: Span,
        seed: int,
        *,
        chunk: int | None = None,
        central: bool = False,
    ) -> None:
        """Offer the mix at `load` times the capacity of `pods` pods.

        With `chunk`, clients split requests into parts of at most so many documents. A `central` queue is one
        scheduler with the workers of all pods.
        """
        bench = Bench(setup, seed=seed)
        self._groups, self._span = bench.mix, span
        parts = [(group, pods * demand) for group, demand in bench.parts(load)]
        requests = trace(parts, setup.cost, sum(span), seed=seed)
        self._families: list[range] = []
        if chunk:
            requests, self._families = split(requests, chunk)
        if central:
            setup = setup._replace(policy=replace(setup.policy, workers=pods * setup.policy.workers))
        cluster = Cluster(requests, setup, 1 if central else pods, seed=seed, families=self._families)
        cluster.play(span.warm_s)
        self._warm = pickle.dumps(cluster)

    def play(self, balancer: MakeBalancer, retries: Retries = NEVER, *, publish_s: float = 0.0) -> Figures:
        """Return the figures of a variant; see Cluster.route."""
        cluster: Cluster = pickle.loads(self._warm)  # noqa: S301  # Pickled by this object.
        cluster.route(balancer, retries, publish_s=publish_s)
        stop = sum(self._span)
        cluster.play(stop)
        return figures(cluster, self._groups, stop - self._span.observed_s, stop, self._families)


def split(requests: Sequence[Request], most: int) -> tuple[list[Request], list[range]]:
    """Split requests into even parts of at most `most` pairs; return the parts, and the range of each family."""
    parts, families = list[Request](), list[range]()
    for request in requests:
        count = len(request.pair_tokens)
        pieces = -(-count // most)
        ends = [count * i // pieces for i in range(pieces + 1)]
        families.append(range(len(parts), len(parts) + pieces))
        parts += [request._replace(pair_tokens=request.pair_tokens[start:stop]) for start, stop in pairwise(ends)]
    return parts, families
